package dashboard

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"pilotsync/test/harness"
)

func TestAUserCannotHoldWhatIsForOthers(t *testing.T) {
	t.Parallel()
	q := newQuota(3, 2)
	var releases []func()
	for i, test := range []struct {
		user    string
		refusal int
	}{{"ada", 0}, {"ada", 0}, {"ada", http.StatusTooManyRequests}, {"bob", 0}, {"bob", http.StatusServiceUnavailable}} {
		release, refusal := q.try(test.user)
		if refusal != test.refusal || (release == nil) != (refusal != 0) {
			t.Fatalf("try %d of %s: refused with %d, want %d", i, test.user, refusal, test.refusal)
		}
		if release != nil {
			releases = append(releases, release)
		}
	}
	for _, release := range releases {
		release()
	}
	if len(q.by) != 0 || q.held != 0 {
		t.Errorf("after all ended %d are held, by %v", q.held, q.by)
	}
}

func TestAWaitEndsWithTheNextRelease(t *testing.T) {
	t.Parallel()
	q := newQuota(1, 1)
	first, _ := q.try("ada")
	got := make(chan int)
	go func() {
		release, refusal := q.acquire(t.Context(), "bob")
		if refusal == 0 {
			release()
		}
		got <- refusal
	}()
	first()
	if refusal := <-got; refusal != 0 {
		t.Errorf("refused with %d after the release", refusal)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, _ = q.try("ada")
	if _, refusal := q.acquire(ended, "bob"); refusal != http.StatusServiceUnavailable {
		t.Errorf("refused with %d at the end of the wait", refusal)
	}
}

// 500 requests at a time ended a dashboard for want of memory.
func TestFewPagesOfAUserAreMadeAtATime(t *testing.T) {
	t.Parallel()
	p := &pageServer{}
	p.register(http.NewServeMux())
	as := func(ctx context.Context, user string) *http.Request {
		return httptest.NewRequestWithContext(context.WithValue(ctx, userKey{}, User{user, View}), "GET", "/", http.NoBody)
	}
	began, end := make(chan struct{}), make(chan struct{})
	slow := p.handle(harness.Limit, func(http.ResponseWriter, *http.Request) error {
		began <- struct{}{}
		<-end
		return nil
	})
	var running sync.WaitGroup
	for range maxPagesEach {
		running.Go(func() { slow(httptest.NewRecorder(), as(t.Context(), "ada")) })
		<-began
	}
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	quick := p.handle(harness.Limit, func(http.ResponseWriter, *http.Request) error { return nil })
	for user, want := range map[string]int{"ada": http.StatusTooManyRequests, "bob": http.StatusOK} {
		w := httptest.NewRecorder()
		if quick(w, as(impatient, user)); w.Code != want {
			t.Errorf("another page of %s is answered %d, want %d", user, w.Code, want)
		}
	}
	running.Go(func() {
		w := httptest.NewRecorder()
		if quick(w, as(t.Context(), "ada")); w.Code != http.StatusOK {
			t.Errorf("a page that waits is answered %d", w.Code)
		}
	})
	close(end)
	running.Wait()
}
