package ledger

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
	"pilotsync/test/redistest"
	"pilotsync/worker/listsync"
)

// benchLedger is a ledger on a real Redis with n domains of testApp that are listed.
func benchLedger(b *testing.B, n int) *Ledger {
	b.Helper()
	opt, err := redis.ParseURL(redistest.Start(b))
	if err != nil {
		b.Fatal(err)
	}
	rdb := redis.NewClient(opt)
	b.Cleanup(func() { _ = rdb.Close() })
	l := New(rdb)
	if n > 0 {
		benchRecord(b, l, 0, n)
		benchSync(b, l)
	}
	return l
}

func benchRecord(b testing.TB, l *Ledger, from, n int) {
	b.Helper()
	for i := from; i < from+n; i++ {
		change := listsync.Pending{Change: tasks.Change{AppID: testApp, Domain: fmt.Sprintf("shop%d.example.com", i), Seq: first + int64(i), RequestedAt: start}, RecordedAt: start}
		if _, err := l.Record(b.Context(), change, listsync.HistoryEntry{At: start, State: tasks.Pending, Reason: "asked to be put on the list", Actor: "request"}); err != nil {
			b.Fatal(err)
		}
	}
}

// benchSync takes the lease, plans, commits and gives the lease back.
func benchSync(b testing.TB, l *Ledger) {
	b.Helper()
	ctx := b.Context()
	lease, err := l.Acquire(ctx, testApp)
	if err != nil {
		b.Fatal(err)
	}
	snapshot, err := l.Snapshot(ctx, testApp)
	if err != nil {
		b.Fatal(err)
	}
	plan := listsync.Plan(listsync.Input{Ledger: snapshot, Rules: listsync.Rules{WWW: tasks.WWWNever}, Now: start})
	if err := l.BeginWrite(ctx, lease, listsync.WriteIntent{Claim: plan.Claim, Added: plan.Added, Size: len(plan.List), WorkerID: "bench"}); err != nil {
		b.Fatal(err)
	}
	stale, err := l.Commit(ctx, lease, listsync.Commit{Outcomes: plan.Outcomes, Listed: len(plan.List), Own: plan.Own, WorkerID: "bench"})
	if err != nil || len(stale) > 0 {
		b.Fatal(stale, err)
	}
	if released, err := l.Release(ctx, lease); err != nil || !released {
		b.Fatal(released, err)
	}
}

func BenchmarkRecord(b *testing.B) {
	l := benchLedger(b, 1)
	b.ReportAllocs()
	next := 1
	for b.Loop() {
		benchRecord(b, l, next, 1)
		next++
	}
}

func BenchmarkSnapshotOf300(b *testing.B) {
	l := benchLedger(b, listsync.Limit)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.Snapshot(b.Context(), testApp); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSyncOf300Changes(b *testing.B) {
	l := benchLedger(b, 0)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		if err := l.rdb.FlushDB(b.Context()).Err(); err != nil {
			b.Fatal(err)
		}
		benchRecord(b, l, 0, listsync.Limit)
		b.StartTimer()
		benchSync(b, l)
	}
}

func BenchmarkVerified(b *testing.B) {
	l := benchLedger(b, 1)
	view, _, err := l.Domain(b.Context(), testApp, "shop0.example.com")
	if err != nil {
		b.Fatal(err)
	}
	before, now := view.Record, start
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Minute)
		after := before
		after.UpdatedAt, after.AttemptAt = now, &now
		event := listsync.HistoryEntry{At: now, State: after.State, Cause: tasks.Cause{Code: tasks.CauseCertificateNotReady}, Actor: "bench",
			Checks: []listsync.NameResult{{Name: after.Domain, Cause: tasks.Cause{Code: tasks.CauseCertificateNotReady}}}}
		if done, err := l.CommitVerification(b.Context(), testApp, before, after, event); err != nil || !done {
			b.Fatal(done, err)
		}
		after.Version = encode(after)
		before = after
	}
}
