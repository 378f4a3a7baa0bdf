package ledger

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"pilotsync/worker/listsync"
)

func acquiring(ctx context.Context, l *Ledger) string {
	lease, err := l.Acquire(ctx, testApp)
	var not *listsync.NotAcquired
	switch {
	case errors.As(err, &not):
		return fmt.Sprintf("idle %t, busy %t, wait %s", not.Idle, not.Busy, not.Wait.Round(5*time.Second))
	case err == nil && lease.App == testApp && lease.Token != "":
		return "taken"
	}
	return fmt.Sprint(lease, err)
}

func TestAcquireGivesTheLeaseIfThereIsWork(t *testing.T) {
	t.Parallel()
	runScripts(t, []script{
		{name: "an unknown app is idle", before: state{}, do: acquiring, want: "idle true, busy false, wait 0s"},
		{name: "an app that sleeps is idle", before: state{"sync": hash{"wake": "3"}}, do: acquiring, want: "idle true, busy false, wait 0s"},
		{
			name:   "an awake app's lease is acquired",
			before: state{"sync": hash{"awake": "1", "wake": "3"}},
			do:     acquiring,
			want:   "taken",
			after:  state{"sync": hash{"awake": "1", "wake": "3", "token": "new", "until": "+30s", "taken": "3"}},
		},
		{
			name:   "a held lease stays, with or without a write in flight",
			before: state{"sync": leased(hash{"landing": "+25s"})},
			do:     acquiring,
			want:   "idle false, busy true, wait 0s",
		},
		{
			name:   "a lease that ran out is acquired",
			before: state{"sync": leased(hash{"until": "-5s", "landing": "-5s", "claim": `["x"]`})},
			do:     acquiring,
			want:   "taken",
			after:  state{"sync": leased(hash{"token": "new", "until": "+30s", "landing": "-5s", "claim": `["x"]`})},
		},
		{
			name:   "a write that may still land is awaited, even without a lease",
			before: state{"sync": hash{"awake": "1", "wake": "1", "landing": "+20s", "claim": `["x"]`}},
			do:     acquiring,
			want:   "idle false, busy false, wait 20s",
		},
		{
			name:   "a write is awaited no longer than it can take, after the clock was set back",
			before: state{"sync": hash{"awake": "1", "wake": "1", "landing": "+3600s"}},
			do:     acquiring,
			want:   "idle false, busy false, wait 30s",
			after:  state{"sync": hash{"awake": "1", "wake": "1", "landing": "+30s"}},
		},
		{
			name:   "a write that may still land is awaited after its lease ran out",
			before: state{"sync": leased(hash{"until": "-5s", "landing": "+10s"})},
			do:     acquiring,
			want:   "idle false, busy false, wait 10s",
		},
		{
			name:   "a failing app is acquired like any other",
			before: state{"sync": hash{"awake": "1", "wake": "1", "fails": "3", "trouble": "away", "blocked": "", "trouble_since": "1"}},
			do:     acquiring,
			want:   "taken",
			after: state{"sync": hash{"awake": "1", "wake": "1", "fails": "3", "trouble": "away", "blocked": "", "trouble_since": "1",
				"token": "new", "until": "+30s", "taken": "1"}},
		},
	})
}

// The milliseconds around the end of a lease and of a landing, by a frozen clock.
func TestAcquireCountsMilliseconds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		begun time.Duration // after acquiring
		at    time.Duration
		want  string
	}{
		{"the last millisecond of a lease is the holder's", -1, listsync.LeaseTTL - time.Millisecond, "idle false, busy true, wait 0s"},
		{"at its end the lease is free", -1, listsync.LeaseTTL, "taken"},
		{"a write renews the lease", 10 * time.Second, listsync.LeaseTTL, "idle false, busy true, wait 0s"},
		{"once a write has landed or is lost the lease is free", 10 * time.Second, 10*time.Second + listsync.LandingLimit, "taken"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l, server := frozen(t)
			if _, err := l.Record(t.Context(), change("a.example.com", first), event("asked")); err != nil {
				t.Fatal(err)
			}
			lease, err := l.Acquire(t.Context(), testApp)
			if err != nil {
				t.Fatal(err)
			}
			if c.begun >= 0 {
				server.SetTime(start.Add(c.begun))
				if err := l.BeginWrite(t.Context(), lease, listsync.WriteIntent{}); err != nil {
					t.Fatal(err)
				}
			}
			server.SetTime(start.Add(c.at))
			if got := acquiring(t.Context(), l); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// A write of unknown outcome delays the next one, exact to the millisecond.
func TestAWriteOfUnknownOutcomeIsAwaitedExactly(t *testing.T) {
	t.Parallel()
	l, server := frozen(t)
	ctx := t.Context()
	if _, err := l.Record(ctx, change("a.example.com", first), event("asked")); err != nil {
		t.Fatal(err)
	}
	lease, err := l.Acquire(ctx, testApp)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.BeginWrite(ctx, lease, listsync.WriteIntent{}); err != nil {
		t.Fatal(err)
	}
	if err := l.Fail(ctx, lease, nil); err != nil {
		t.Fatal(err)
	}
	server.SetTime(start.Add(listsync.LandingLimit - 7*time.Millisecond))
	var not *listsync.NotAcquired
	if _, err := l.Acquire(ctx, testApp); !errors.As(err, &not) || *not != (listsync.NotAcquired{Wait: 7 * time.Millisecond}) {
		t.Errorf("got %v, want a wait of 7 ms", err)
	}
}

// A lease has the time since the last commit of any worker, by Redis's clock.
func TestALeaseHasTheTimeSinceTheLastCommit(t *testing.T) {
	t.Parallel()
	l, server := frozen(t)
	ctx := t.Context()
	take := func(domain string, at time.Time) listsync.Lease {
		t.Helper()
		server.SetTime(at)
		if _, err := l.Record(ctx, change(domain, first), event("asked")); err != nil {
			t.Fatal(err)
		}
		lease, err := l.Acquire(ctx, testApp)
		if err != nil {
			t.Fatal(err)
		}
		return lease
	}
	lease := take("a.example.com", start)
	if lease.SinceLastCommit < 365*24*time.Hour {
		t.Errorf("without a commit the lease has %s, want years", lease.SinceLastCommit)
	}
	if _, err := l.Commit(ctx, lease, listsync.Commit{}); err != nil {
		t.Fatal(err)
	}
	if err := l.Fail(ctx, lease, nil); err != nil { // a change is left
		t.Fatal(err)
	}
	if lease := take("b.example.com", start.Add(123*time.Millisecond)); lease.SinceLastCommit != 123*time.Millisecond {
		t.Errorf("the lease has %s, want 123ms", lease.SinceLastCommit)
	}
}

func TestOnlyTheHolderRenewsAndWrites(t *testing.T) {
	t.Parallel()
	renew := func(ctx context.Context, l *Ledger) string { return outcome("renewed", l.Renew(ctx, mine)) }
	begin := func(claim ...string) func(context.Context, *Ledger) string {
		return func(ctx context.Context, l *Ledger) string {
			return outcome("begun", l.BeginWrite(ctx, mine, listsync.WriteIntent{Claim: claim}))
		}
	}
	end := func(ctx context.Context, l *Ledger) string { return outcome("ended", l.EndWrite(ctx, mine)) }
	theirs := state{"sync": leased(hash{"token": "other", "landing": "+10s", "claim": `["x"]`})}
	lost := listsync.ErrLeaseLost.Error()
	runScripts(t, []script{
		{name: "renewing moves the end of the lease", before: state{"sync": leased(nil)}, do: renew, want: "renewed",
			after: state{"sync": leased(hash{"until": "+30s"})}},
		{name: "a lease that ran out, but was not acquired, can be renewed", before: state{"sync": leased(hash{"until": "-60s"})}, do: renew, want: "renewed",
			after: state{"sync": leased(hash{"until": "+30s"})}},
		{name: "the lease of another sync can't be renewed", before: theirs, do: renew, want: lost},
		{name: "without a lease nothing can be renewed", before: state{"sync": hash{"awake": "1", "wake": "1"}}, do: renew, want: lost},
		{name: "in an emptied Redis no lease can be renewed", before: state{}, do: renew, want: lost},

		{name: "a write is recorded with its claims and renews the lease", before: state{"sync": leased(nil)},
			do: begin("a.example.com", "b.example.com"), want: "begun",
			after: state{"sync": leased(hash{"until": "+30s", "landing": "+30s", "claim": `["a.example.com","b.example.com"]`})}},
		{name: "a write without claims is recorded too", before: state{"sync": leased(nil)}, do: begin(), want: "begun",
			after: state{"sync": leased(hash{"until": "+30s", "landing": "+30s", "claim": `[]`})}},
		{name: "the write of another sync isn't changed", before: theirs, do: begin("a.example.com"), want: lost},
		{name: "in an emptied Redis no write begins", before: state{}, do: begin("a.example.com"), want: lost},

		{name: "an ended write needs no wait, but keeps its claim", before: state{"sync": leased(hash{"landing": "+20s", "claim": `["x"]`})},
			do: end, want: "ended", after: state{"sync": leased(hash{"claim": `["x"]`})}},
		{name: "the write of another sync doesn't end", before: theirs, do: end, want: lost},
		{name: "in an emptied Redis no write ends", before: state{}, do: end, want: lost},
	})
}

func TestReleaseEndsASyncOnlyIfNothingIsPending(t *testing.T) {
	t.Parallel()
	release := func(ctx context.Context, l *Ledger) string {
		released, err := l.Release(ctx, mine)
		return outcome(fmt.Sprintf("released %t", released), err)
	}
	waiting := hash{"a.example.com": encode(change("a.example.com", first))}
	runScripts(t, []script{
		{name: "with nothing pending the lease and the wake are cleared", before: state{"sync": leased(nil)}, do: release, want: "released true",
			after: state{"sync": hash{"wake": "1"}}},
		{name: "with a change pending nothing happens", before: state{"sync": leased(nil), "pending": waiting}, do: release, want: "released false"},
		{name: "a wake meanwhile causes one more plan, and only one", before: state{"sync": leased(hash{"wake": "4"})}, do: release, want: "released false",
			after: state{"sync": leased(hash{"wake": "4", "taken": "4"})}},
		{name: "the lease of another sync is not released", before: state{"sync": leased(hash{"token": "other"})}, do: release, want: listsync.ErrLeaseLost.Error()},
		{name: "the lease of another sync is not released, whatever is pending",
			before: state{"sync": leased(hash{"token": "other"}), "pending": waiting}, do: release, want: listsync.ErrLeaseLost.Error()},
		{name: "in an emptied Redis there is no lease to release", before: state{}, do: release, want: listsync.ErrLeaseLost.Error()},
	})
}

func TestFailReleasesTheLeaseAndKeepsTheWake(t *testing.T) {
	t.Parallel()
	fail := func(failure *listsync.Failure) func(context.Context, *Ledger) string {
		return func(ctx context.Context, l *Ledger) string {
			return outcome("released", l.Fail(ctx, mine, failure))
		}
	}
	away := &listsync.Failure{Reason: "ServerPilot is away", Since: start}
	unpaid := &listsync.Failure{Reason: "no card", Blocked: true, Since: start.Add(time.Hour)}
	since := number(start.UnixMilli())
	runScripts(t, []script{
		{name: "without a failure only the lease is released", before: state{"sync": leased(hash{"landing": "+20s", "claim": `["x"]`, "fails": "2"})},
			do: fail(nil), want: "released",
			after: state{"sync": hash{"awake": "1", "wake": "1", "landing": "+20s", "claim": `["x"]`, "fails": "2"}}},
		{name: "the first failure is kept with its time", before: state{"sync": leased(nil)}, do: fail(away), want: "released",
			after: state{"sync": hash{"awake": "1", "wake": "1", "fails": "1", "trouble": "ServerPilot is away", "blocked": "", "trouble_since": since}}},
		{name: "a later failure counts, and keeps the time of the first",
			before: state{"sync": leased(hash{"fails": "1", "trouble": "ServerPilot is away", "blocked": "", "trouble_since": since})},
			do:     fail(unpaid), want: "released",
			after: state{"sync": hash{"awake": "1", "wake": "1", "fails": "2", "trouble": "no card", "blocked": "1", "trouble_since": since, "alarm": "1"},
				"told": str("+0s"), "outbox": lines{"+0s " + encode(blockedEvent(testApp, unpaid.Reason))}}},
		{name: "a blocking failure has one event, even after another failure in between",
			before: state{"sync": leased(hash{"fails": "3", "trouble": "ServerPilot is away", "blocked": "", "trouble_since": since, "alarm": "1"})},
			do:     fail(unpaid), want: "released",
			after: state{"sync": hash{"awake": "1", "wake": "1", "fails": "4", "trouble": "no card", "blocked": "1", "trouble_since": since, "alarm": "1"}}},
		{name: "a transient failure replaces a blocking one",
			before: state{"sync": leased(hash{"fails": "8", "trouble": "no card", "blocked": "1", "trouble_since": since})},
			do:     fail(away), want: "released",
			after: state{"sync": hash{"awake": "1", "wake": "1", "fails": "9", "trouble": "ServerPilot is away", "blocked": "", "trouble_since": since}}},
		{name: "a stale holder records nothing", before: state{"sync": leased(hash{"token": "other"})}, do: fail(away), want: listsync.ErrLeaseLost.Error()},
		{name: "in an emptied Redis nothing is recorded", before: state{}, do: fail(away), want: listsync.ErrLeaseLost.Error()},
		{name: "a failure can be recorded without a lease, beside another sync's", before: state{"sync": leased(hash{"token": "other"})},
			do: func(ctx context.Context, l *Ledger) string {
				return outcome("recorded", l.RecordFailure(ctx, testApp, *unpaid))
			}, want: "recorded",
			after: state{"sync": leased(hash{"token": "other", "fails": "1", "trouble": "no card", "blocked": "1",
				"trouble_since": number(start.Add(time.Hour).UnixMilli())})}},
	})
}
