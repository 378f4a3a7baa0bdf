package ledger

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
)

func TestTheLatestChangesAreReadOnlyWhereSomethingChanged(t *testing.T) {
	t.Parallel()
	l, server := frozen(t)
	calls := 0
	counted := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer counted.Close()
	counted.AddHook(counter{&calls})
	reader := New(counted)
	at, seq := start, int64(first)
	add := func(app, domain string) {
		t.Helper()
		at, seq = at.Add(time.Second), seq+1
		server.SetTime(at)
		c := change(domain, seq)
		c.AppID = app
		if _, err := l.Record(t.Context(), c, event("asked")); err != nil {
			t.Fatal(err)
		}
	}
	latest := func(commands int, want ...string) {
		t.Helper()
		apps, err := l.AppStates(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		calls = 0
		views, err := reader.Latest(t.Context(), apps, 3)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, v := range views {
			got = append(got, v.AppID+" "+v.Domain+" "+string(v.Cause.Code))
		}
		if diff := cmp.Diff(want, got); diff != "" || calls != commands {
			t.Errorf("%d commands, want %d (-want +got):\n%s", calls, commands, diff)
		}
	}
	for i := range 9 {
		add(fmt.Sprintf("app%d", i), "a.example.com")
	}
	waits := " WaitsToBeListed"
	latest(6, "app8 a.example.com"+waits, "app7 a.example.com"+waits, "app6 a.example.com"+waits) // the script is sent twice
	latest(0, "app8 a.example.com"+waits, "app7 a.example.com"+waits, "app6 a.example.com"+waits)
	add("app7", "b.example.com")
	latest(1, "app7 b.example.com"+waits, "app8 a.example.com"+waits, "app7 a.example.com"+waits)
	if err := l.Pause(t.Context(), "app8", "ada"); err != nil {
		t.Fatal(err)
	}
	latest(1, "app7 b.example.com"+waits, "app8 a.example.com AppPaused", "app7 a.example.com"+waits)
	add("app0", "c.example.com")
	latest(1, "app0 c.example.com"+waits, "app7 b.example.com"+waits, "app8 a.example.com AppPaused")
}

// The numbers of revisions begin anew after a loss.
func TestTheLatestChangesOfALostLedgerAreNotShown(t *testing.T) {
	t.Parallel()
	l, server := frozen(t)
	latest := func() []View {
		t.Helper()
		apps, err := l.AppStates(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		views, err := l.Latest(t.Context(), apps, 3)
		if err != nil {
			t.Fatal(err)
		}
		return views
	}
	for i, domain := range []string{"before.example.com", "after.example.com"} {
		server.FlushAll()
		server.SetTime(start.Add(time.Duration(i) * time.Hour))
		if _, err := l.Record(t.Context(), change(domain, first+int64(i)), event("asked")); err != nil {
			t.Fatal(err)
		}
		if got := latest(); len(got) != 1 || got[0].Domain != domain {
			t.Errorf("after %s was requested the latest changes are %+v", domain, got)
		}
	}
}
