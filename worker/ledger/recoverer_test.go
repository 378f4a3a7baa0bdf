package ledger

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
)

const lockInterval = 15 * time.Second

// frozen returns a ledger in a Redis whose clock the test sets.
func frozen(t *testing.T) (*Ledger, *miniredis.Miniredis) {
	t.Helper()
	server := miniredis.RunT(t)
	server.SetTime(start)
	return New(client(t, server.Addr())), server
}

func TestRenewWakeMakesANewWakeForAnAbandonedApp(t *testing.T) {
	t.Parallel()
	rewake := func(found int64) func(context.Context, *Ledger) string {
		return func(ctx context.Context, l *Ledger) string {
			wake, ok, err := l.RenewWake(ctx, testApp, found)
			return outcome(fmt.Sprint(wake, " ", ok), err)
		}
	}
	waiting := hash{"a.example.com": encode(change("a.example.com", first))}
	runScripts(t, []script{
		{name: "an awake app without a lease", before: state{"sync": hash{"awake": "1", "wake": "3"}}, do: rewake(3), want: "4 true",
			after: state{"sync": hash{"awake": "1", "wake": "4"}}},
		{name: "an app whose lease ran out", before: state{"sync": leased(hash{"until": "-5s", "landing": "-5s"})}, do: rewake(1), want: "2 true",
			after: state{"sync": leased(hash{"wake": "2", "until": "-5s", "landing": "-5s"})}},
		{name: "an app with changes whose wake was lost", before: state{"sync": hash{"wake": "3"}, "pending": waiting}, do: rewake(3), want: "4 true",
			after: state{"sync": hash{"awake": "1", "wake": "4"}, "pending": waiting}},
		{name: "changes without any wake", before: state{"pending": waiting}, do: rewake(0), want: "1 true",
			after: state{"sync": hash{"awake": "1", "wake": "1"}, "pending": waiting}},
		{name: "an app that was woken meanwhile", before: state{"sync": hash{"awake": "1", "wake": "4"}}, do: rewake(3), want: "0 false"},
		{name: "a sleeping app", before: state{"sync": hash{"wake": "3"}}, do: rewake(3), want: "0 false"},
		{name: "an app that is being synced", before: state{"sync": leased(nil), "pending": waiting}, do: rewake(1), want: "0 false"},
		{name: "a paused app", before: state{"sync": hash{"awake": "1", "wake": "3", "paused": "anna"}, "pending": waiting}, do: rewake(3), want: "0 false"},
		{name: "an unknown app", before: state{}, do: rewake(0), want: "0 false"},
	})
}

func TestTryLockSucceedsOnceInEachInterval(t *testing.T) {
	t.Parallel()
	try := func(ctx context.Context, l *Ledger) string {
		mine, err := l.TryLockRecoverer(ctx, lockInterval)
		return outcome(fmt.Sprint(mine), err)
	}
	runScripts(t, []script{
		{name: "the first", before: state{}, do: try, want: "true", after: state{lockKey: str("+0s")}},
		{name: "one too early", before: state{lockKey: str("-10s")}, do: try, want: "false"},
		{name: "one in time", before: state{lockKey: str("-20s")}, do: try, want: "true", after: state{lockKey: str("+0s")}},
		{name: "one after the clock was set back", before: state{lockKey: str("+3600s")}, do: try, want: "true", after: state{lockKey: str("+0s")}},
		{name: "AutoSSL has a separate lock for each app", before: state{lockKey: str("-10s"), "pilotsync:{app2}:autossl": str("-5s")},
			do: func(ctx context.Context, l *Ledger) string {
				got, err := l.TryLockAutoSSL(ctx, testApp)
				again, _ := l.TryLockAutoSSL(ctx, testApp)
				return outcome(fmt.Sprint(got, " ", again), err)
			}, want: "true false",
			after: state{lockKey: str("-10s"), "pilotsync:{app2}:autossl": str("-5s"), "autossl": str("+0s")}},
	})
}

func TestOverdueDomainsAreFoundAndPostponed(t *testing.T) {
	t.Parallel()
	at := func(d time.Duration) float64 { return float64(start.Add(d).UnixMilli()) }
	due := zset{"early": at(-time.Hour), "just before": at(-time.Millisecond), "now": at(0), "later": at(time.Minute)}
	overdue := func(ctx context.Context, l *Ledger) string {
		overdue, err := l.Overdue(ctx, testApp, start)
		lines := []string{}
		for _, o := range overdue {
			lines = append(lines, o.Domain+" "+o.At.Sub(start).String())
		}
		return outcome(fmt.Sprintf("%q", lines), err)
	}
	postpone := func(domain string) func(context.Context, *Ledger) string {
		return func(ctx context.Context, l *Ledger) string {
			return outcome("done", l.Postpone(ctx, testApp, domain, start.Add(time.Minute)))
		}
	}
	moved := zset{"early": at(time.Minute), "just before": at(-time.Millisecond), "now": at(0), "later": at(time.Minute)}
	runScripts(t, []script{
		{name: "only overdue domains, the longest overdue first", before: state{"due": due}, do: overdue, want: `["early -1h0m0s" "just before -1ms"]`},
		{name: "nothing in an unknown app", before: state{}, do: overdue, want: `[]`},
		{name: "a domain is postponed", before: state{"due": due}, do: postpone("early"), want: "done", after: state{"due": moved}},
		{name: "a domain that isn't due any more doesn't become due again", before: state{"due": due}, do: postpone("gone"), want: "done"},
	})
}

func TestNowIsTheTimeOfRedis(t *testing.T) {
	t.Parallel()
	l, server := frozen(t)
	server.SetTime(start.Add(42 * time.Microsecond))
	got, err := l.Now(t.Context())
	if err != nil || !got.Equal(start.Add(42*time.Microsecond)) || got.Location() != time.UTC {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestAppsAreListedInOrder(t *testing.T) {
	t.Parallel()
	l, _ := frozen(t)
	for _, app := range []string{"c", "a", "b", "a"} {
		c := change(app+".example.com", first)
		c.AppID = app
		if _, err := l.Record(t.Context(), c, event("asked")); err != nil {
			t.Fatal(err)
		}
	}
	got, err := l.Apps(t.Context())
	if diff := cmp.Diff([]string{"a", "b", "c"}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestWakeNeedsNoPendingChange(t *testing.T) {
	t.Parallel()
	wake := func(ctx context.Context, l *Ledger) string {
		n, err := l.Wake(ctx, testApp)
		return outcome(number(n), err)
	}
	known := set{testApp}
	runScripts(t, []script{
		{name: "a sleeping app", before: state{"sync": hash{"wake": "3"}}, do: wake, want: "4", after: state{"sync": hash{"wake": "4", "awake": "1"}, "pilotsync:apps": known}},
		{name: "an unknown app, which is added", before: state{}, do: wake, want: "1", after: state{"sync": hash{"wake": "1", "awake": "1"}, "pilotsync:apps": known}},
		{name: "an app with a planned wake", before: state{"sync": hash{"wake": "3", "look_at": "7"}}, do: wake, want: "4",
			after: state{"sync": hash{"wake": "4", "awake": "1"}, "pilotsync:apps": known}},
		{name: "an app with a running sync", before: state{"sync": leased(nil)}, do: wake, want: "2", after: state{"sync": leased(hash{"wake": "2"}), "pilotsync:apps": known}},
	})
}
