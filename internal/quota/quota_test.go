package quota

import (
	"context"
	"net/http"
	"testing"
)

func TestAKeyCannotHoldWhatIsForOthers(t *testing.T) {
	t.Parallel()
	q := New(3, 2)
	var releases []func()
	for i, test := range []struct {
		user    string
		refusal int
	}{{"ada", 0}, {"ada", 0}, {"ada", http.StatusTooManyRequests}, {"bob", 0}, {"bob", http.StatusServiceUnavailable}} {
		release, refusal := q.Try(test.user)
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
	q := New(1, 1)
	first, _ := q.Try("ada")
	got := make(chan int)
	go func() {
		release, refusal := q.Acquire(t.Context(), "bob")
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
	_, _ = q.Try("ada")
	if _, refusal := q.Acquire(ended, "bob"); refusal != http.StatusServiceUnavailable {
		t.Errorf("refused with %d at the end of the wait", refusal)
	}
}
