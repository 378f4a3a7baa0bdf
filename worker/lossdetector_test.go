package worker

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"

	"pilotsync/tasks"
	"pilotsync/test/redistest"
	"pilotsync/worker/janitor"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
	"pilotsync/worker/registry"
)

// newTestDetector is the loss detector of a worker that serves app1. log has what it logs.
func newTestDetector(t *testing.T, rdb redis.UniversalClient) (d testDetector, log *bytes.Buffer) {
	t.Helper()
	log = &bytes.Buffer{}
	logger := logrus.New()
	logger.SetOutput(log)
	entry := logrus.NewEntry(logger)
	served := registry.Config{APIURL: "http://127.0.0.1:1", Accounts: []registry.Account{{ClientID: "sim", APIKey: "key", Apps: []string{"app1"}}}}
	r, err := registry.New(rdb, served, nil)
	if err != nil {
		t.Fatal(err)
	}
	j, err := janitor.New(janitor.Config{Redis: rdb, Log: entry, Count: func(janitor.Repair) {}})
	if err != nil {
		t.Fatal(err)
	}
	return testDetector{newLossDetector(ledger.New(rdb), r, j, entry)}, log
}

type testDetector struct{ *lossDetector }

// check checks for a loss, as the worker does at its start and every 15 s.
func (d testDetector) check(t *testing.T) {
	t.Helper()
	if err := d.lossDetector.check(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// pend leaves a change of app1 pending, so that its lease can be acquired.
func (d testDetector) pend(t *testing.T, domain string, seq int64, at time.Time) {
	t.Helper()
	change := listsync.Pending{RecordedAt: at, Change: tasks.Change{AppID: "app1", Domain: domain, Seq: seq, RequestedAt: at}}
	if _, err := d.Record(t.Context(), change, listsync.HistoryEntry{At: at, State: tasks.Pending, Actor: "request"}); err != nil {
		t.Fatal(err)
	}
}

// commit acquires app1's lease, commits nothing, and releases the lease.
func (d testDetector) commit(t *testing.T) {
	t.Helper()
	lease, err := d.Acquire(t.Context(), "app1")
	if err == nil {
		_, err = d.Commit(t.Context(), lease, listsync.Commit{})
	}
	if err == nil {
		err = d.Fail(t.Context(), lease, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// redisAt returns a Redis with a frozen clock.
func redisAt(t *testing.T, at time.Time) (*miniredis.Miniredis, *redis.Client) {
	t.Helper()
	server := miniredis.RunT(t)
	server.SetTime(at)
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr()})
	t.Cleanup(func() { rdb.Close() })
	return server, rdb
}

func TestAfterALossNoListIsWrittenWhileAWriteMayBeInFlight(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name string
		lose func(*miniredis.Miniredis)
	}{
		{"Redis was emptied", func(server *miniredis.Miniredis) { server.FlushAll() }},
		{"another ledger took its place", func(server *miniredis.Miniredis) { server.HSet("pilotsync:ledger", "id", "another") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server, rdb := redisAt(t, begin)
			d, _ := newTestDetector(t, rdb)
			fresh, _ := newTestDetector(t, rdb)
			d.check(t)
			d.pend(t, "a.example.com", 1, begin)
			d.commit(t) // without a loss at once

			lost := begin.Add(time.Hour)
			server.SetTime(lost)
			c.lose(server)
			d.pend(t, "b.example.com", 2, lost)
			for _, passed := range []time.Duration{0, listsync.LandingLimit - time.Millisecond} {
				server.SetTime(lost.Add(passed))
				for _, worker := range []testDetector{d, fresh} {
					var not *listsync.NotAcquired
					_, err := worker.Acquire(t.Context(), "app1")
					if want := (listsync.NotAcquired{Wait: listsync.LandingLimit - passed}); !errors.As(err, &not) || *not != want {
						t.Errorf("%s after the loss: %v, want %v", passed, err, &want)
					}
				}
			}
			server.SetTime(lost.Add(listsync.LandingLimit))
			d.commit(t)

			server.SetTime(begin.Add(-24 * time.Hour)) // the clock is set back, and the app had no commit
			rdb.HDel(t.Context(), "pilotsync:{app1}:shown", "listed_at")
			d.pend(t, "c.example.com", 3, begin)
			d.commit(t)
		})
	}
}

func TestAfterALossTheQueuesAreRegisteredAgain(t *testing.T) {
	t.Parallel()
	server, rdb := redisAt(t, time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	d, log := newTestDetector(t, rdb)
	another, _ := newTestDetector(t, rdb)
	d.check(t)
	another.check(t)
	server.FlushAll()
	d.check(t)
	queues, err := rdb.SMembers(t.Context(), "asynq:queues").Result()
	slices.Sort(queues)
	if want := []string{tasks.QueueChecks, tasks.QueueDomains, tasks.QueueEvents, tasks.QueueLists, tasks.QueueSSL}; err != nil || !slices.Equal(queues, want) {
		t.Errorf("asynq knows the queues %v (%v), want %v", queues, err, want)
	}
	if n := strings.Count(log.String(), "the ledger was lost"); n != 1 {
		t.Errorf("the loss is logged %d times:\n%s", n, log)
	}
	another.check(t)
	if told, err := d.Outbox(t.Context(), "app1", 10); err != nil || len(told) != 1 || told[0].Type != tasks.LedgerLost {
		t.Errorf("the app is told %+v (%v), want ledger.lost once", told, err)
	}
}

// A copy has the identity that the workers know, so only its age distinguishes it.
func TestARestoredCopyOfTheLedgerIsDetected(t *testing.T) {
	t.Parallel()
	server := redistest.Shipped(t, "--appendonly", "no") // with an append-only file a copy isn't read
	admin, worker := server.Client(t, "admin"), server.Client(t, "worker")
	ctx := t.Context()
	d, log := newTestDetector(t, worker)
	d.check(t)
	d.pend(t, "a.example.com", 1, time.Now())
	before, err := d.Identity(ctx)
	if err != nil {
		t.Fatal(err)
	}
	// Redis's clock can't be set, so the test makes the copy two minutes old.
	if err := errors.Join(admin.HSet(ctx, "pilotsync:ledger", "seen", before.Seen.Add(-2*time.Minute).UnixMilli()).Err(), admin.Save(ctx).Err()); err != nil {
		t.Fatal(err)
	}
	dump := filepath.Join(server.Folder(), "dump.rdb")
	backup, err := os.ReadFile(dump)
	if err != nil {
		t.Fatal(err)
	}
	d.check(t)
	d.pend(t, "b.example.com", 2, time.Now())

	server.Stop()
	if err := os.WriteFile(dump, backup, 0o600); err != nil {
		t.Fatal(err)
	}
	server.Start()
	if is, err := d.Identity(ctx); err != nil || is.ID != before.ID {
		t.Fatalf("the copy is %+v (%v), want the identity %s", is, err, before.ID)
	}
	if _, ok, err := d.Domain(ctx, "app1", "b.example.com"); err != nil || ok {
		t.Fatalf("the copy has what came after it (%v)", err)
	}
	d.check(t)
	is, err := d.Identity(ctx)
	if err != nil || is.ID == before.ID || is.Lost.IsZero() {
		t.Errorf("the ledger is %+v (%v); it was %+v", is, err, before)
	}
	if !strings.Contains(log.String(), "older copy") {
		t.Errorf("the worker logged:\n%s", log)
	}
	if told, err := d.Outbox(ctx, "app1", 10); err != nil || len(told) != 1 || told[0].Type != tasks.LedgerLost || told[0].Ledger != is.ID {
		t.Errorf("the app is told %+v (%v), want ledger.lost", told, err)
	}
	if loss, err := d.Loss(ctx); err != nil || !slices.Equal(loss.Waiting, []string{"app1"}) {
		t.Errorf("the loss is %+v (%v), want one that app1 waits for", loss, err)
	}
}
