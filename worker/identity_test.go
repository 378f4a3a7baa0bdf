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
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"

	"pilotsync/tasks"
	"pilotsync/test/redistest"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

// ledgerWatcher is the part of a worker of app1 that notices a lost ledger. log is what it logs.
func ledgerWatcher(t *testing.T, rdb redis.UniversalClient) (s sweeper, log *bytes.Buffer) {
	t.Helper()
	log = &bytes.Buffer{}
	logger := logrus.New()
	logger.SetOutput(log)
	w := &Worker{
		log: logrus.NewEntry(logger), roster: &roster{},
		ledger: &knownLedger{Ledger: ledger.New(rdb), log: logrus.NewEntry(logger), told: map[string]string{}},
	}
	w.roster.now.Store(&served{apps: []string{"app1"}})
	var err error
	if w.strays, err = newStrayWatch(rdb, w.log, NewMetrics(prometheus.NewRegistry()), nil); err != nil {
		t.Fatal(err)
	}
	return sweeper{Worker: w}, log
}

// check looks for a loss, as the worker does at its start and every 15 s.
func (s sweeper) check(t *testing.T) {
	t.Helper()
	if err := s.checkIdentity(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// pend leaves a change of app1 pending, so that its lease can be had.
func (s sweeper) pend(t *testing.T, domain string, seq int64, at time.Time) {
	t.Helper()
	change := listsync.Pending{RecordedAt: at, Change: tasks.Change{AppID: "app1", Domain: domain, Seq: seq, RequestedAt: at}}
	if _, err := s.ledger.Record(t.Context(), change, listsync.HistoryEntry{At: at, State: tasks.Pending, Actor: "request"}); err != nil {
		t.Fatal(err)
	}
}

// commit takes app1's lease, commits nothing, and gives the lease back.
func (s sweeper) commit(t *testing.T) {
	t.Helper()
	lease, err := s.ledger.Acquire(t.Context(), "app1")
	if err == nil {
		_, err = s.ledger.Commit(t.Context(), lease, listsync.Commit{})
	}
	if err == nil {
		err = s.ledger.Fail(t.Context(), lease, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// still is a Redis whose clock stands at a time.
func still(t *testing.T, at time.Time) (*miniredis.Miniredis, *redis.Client) {
	t.Helper()
	server := miniredis.RunT(t)
	server.SetTime(at)
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr()})
	t.Cleanup(func() { rdb.Close() })
	return server, rdb
}

func TestAfterALossNoListIsWrittenForAsLongAsAWriteOfBeforeMayLand(t *testing.T) {
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
			server, rdb := still(t, begin)
			s, _ := ledgerWatcher(t, rdb)
			fresh, _ := ledgerWatcher(t, rdb)
			s.check(t)
			s.pend(t, "a.example.com", 1, begin)
			s.commit(t) // without a loss at once

			lost := begin.Add(time.Hour)
			server.SetTime(lost)
			c.lose(server)
			s.pend(t, "b.example.com", 2, lost)
			for _, passed := range []time.Duration{0, listsync.LandingLimit - time.Millisecond} {
				server.SetTime(lost.Add(passed))
				for _, worker := range []sweeper{s, fresh} {
					var not *listsync.NotAcquired
					_, err := worker.ledger.Acquire(t.Context(), "app1")
					if want := (listsync.NotAcquired{Wait: listsync.LandingLimit - passed}); !errors.As(err, &not) || *not != want {
						t.Errorf("%s after the loss: %v, want %v", passed, err, &want)
					}
				}
			}
			server.SetTime(lost.Add(listsync.LandingLimit))
			s.commit(t)
		})
	}
}

func TestALossHasTheQueuesKnownToAsynqAgain(t *testing.T) {
	t.Parallel()
	server, rdb := still(t, time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	s, log := ledgerWatcher(t, rdb)
	another, _ := ledgerWatcher(t, rdb)
	s.check(t)
	another.check(t)
	server.FlushAll()
	s.check(t)
	queues, err := rdb.SMembers(t.Context(), "asynq:queues").Result()
	slices.Sort(queues)
	if want := []string{tasks.QueueDomains, tasks.QueueEvents, tasks.QueueLists, tasks.QueueSSL}; err != nil || !slices.Equal(queues, want) {
		t.Errorf("asynq knows the queues %v (%v), want %v", queues, err, want)
	}
	if n := strings.Count(log.String(), "the ledger was lost"); n != 1 {
		t.Errorf("the loss is logged %d times:\n%s", n, log)
	}
	another.check(t)
	if told, err := s.ledger.Outbox(t.Context(), "app1", 10); err != nil || len(told) != 1 || told[0].Type != tasks.LedgerLost {
		t.Errorf("the app is told %+v (%v), want ledger.lost once", told, err)
	}
}

// A copy has the identity that the workers know, so only its age tells.
func TestARestoredCopyOfTheLedgerIsNoticed(t *testing.T) {
	t.Parallel()
	server := redistest.Shipped(t, "--appendonly", "no") // with an append-only file a copy isn't read
	admin, worker := server.Client(t, "admin"), server.Client(t, "worker")
	ctx := t.Context()
	s, log := ledgerWatcher(t, worker)
	s.check(t)
	s.pend(t, "a.example.com", 1, time.Now())
	before, err := s.ledger.Identity(ctx)
	if err != nil {
		t.Fatal(err)
	}
	// Redis's clock can't be set, so the copy is made to be two minutes old.
	if err := errors.Join(admin.HSet(ctx, "pilotsync:ledger", "seen", before.Seen.Add(-2*time.Minute).UnixMilli()).Err(), admin.Save(ctx).Err()); err != nil {
		t.Fatal(err)
	}
	dump := filepath.Join(server.Folder(), "dump.rdb")
	backup, err := os.ReadFile(dump)
	if err != nil {
		t.Fatal(err)
	}
	s.check(t)
	s.pend(t, "b.example.com", 2, time.Now())

	server.Stop()
	if err := os.WriteFile(dump, backup, 0o600); err != nil {
		t.Fatal(err)
	}
	server.Start()
	if is, err := s.ledger.Identity(ctx); err != nil || is.ID != before.ID {
		t.Fatalf("the copy is %+v (%v), want the identity %s", is, err, before.ID)
	}
	if _, ok, err := s.ledger.Domain(ctx, "app1", "b.example.com"); err != nil || ok {
		t.Fatalf("the copy has what came after it (%v)", err)
	}
	s.check(t)
	is, err := s.ledger.Identity(ctx)
	if err != nil || is.ID == before.ID || is.Lost.IsZero() {
		t.Errorf("the ledger is %+v (%v); it was %+v", is, err, before)
	}
	if !strings.Contains(log.String(), "older copy") {
		t.Errorf("the worker logged:\n%s", log)
	}
	if told, err := s.ledger.Outbox(ctx, "app1", 10); err != nil || len(told) != 1 || told[0].Type != tasks.LedgerLost || told[0].Ledger != is.ID {
		t.Errorf("the app is told %+v (%v), want ledger.lost", told, err)
	}
	if loss, err := s.ledger.Loss(ctx); err != nil || !slices.Equal(loss.Waiting, []string{"app1"}) {
		t.Errorf("the loss is %+v (%v), want one that app1 waits for", loss, err)
	}
}
