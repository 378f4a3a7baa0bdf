package dashboard

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"pilotsync/test/harness"
)

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
