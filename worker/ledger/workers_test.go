package ledger

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
)

func TestWorkersAreThoseThatAnnouncedThemselvesRecently(t *testing.T) {
	t.Parallel()
	l, server := frozen(t)
	announce := func(w Worker) {
		t.Helper()
		if err := l.Announce(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
	live := func(want ...Worker) {
		t.Helper()
		got, err := l.Workers(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("live workers (-want +got):\n%s", diff)
		}
	}
	live()
	a := Worker{ID: "1", Name: "host/1", Apps: []string{"app1"}, SeenAt: start}
	b := Worker{ID: "2", Name: "host/1", Apps: []string{"app1", "app2"}, DryRun: true, SeenAt: start.Add(40 * time.Second)}
	announce(a)
	server.SetTime(b.SeenAt)
	announce(b)
	live(a, b)

	server.SetTime(start.Add(61 * time.Second))
	live(b) // a has been silent for more than a minute
	b.Apps, b.DryRun, b.SeenAt = []string{"app2"}, false, start.Add(61*time.Second)
	announce(b)
	live(b)
	if kept := server.HGet(workersKey, "1"); kept != "" {
		t.Errorf("the dead worker's announcement is still there: %s", kept)
	}
	server.SetTime(start) // the clock is set back: b may have died, and announces itself soon if it hasn't
	live()
	announce(a)
	live(a)
	if kept := server.HGet(workersKey, "2"); kept != "" {
		t.Errorf("an announcement of a time to come is still there: %s", kept)
	}
	if err := l.Leave(t.Context(), "1"); err != nil {
		t.Fatal(err)
	}
	live()
}

func TestAnAnnouncementIsTheSameOnEveryServer(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, l *Ledger, _ *redis.Client) {
		if err := l.Announce(t.Context(), Worker{ID: "1", Name: "host/1", Apps: []string{"app1"}, DryRun: true}); err != nil {
			t.Fatal(err)
		}
		got, err := l.Workers(t.Context())
		if err != nil || len(got) != 1 || got[0].SeenAt.IsZero() || !got[0].DryRun || !cmp.Equal(got[0].Apps, []string{"app1"}) {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}
