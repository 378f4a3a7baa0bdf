package worker_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/internal/simulator"
	"pilotsync/test/harness"
	"pilotsync/worker/listsync"
)

// A worker dies in a write, and Redis's clock is set back: by hand, or by a failover to a machine
// whose clock is behind.
func TestAClockThatWasSetBackHoldsNoAppBack(t *testing.T) {
	t.Parallel()
	f, server := setupWithClock(t, simulator.Options{})
	now := time.Now()
	server.SetTime(now)
	pass := f.passer(server, &now)
	pass()
	f.recordOnly("app1", "shop.example.com")
	lease, err := f.ledger.Acquire(t.Context(), "app1")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.ledger.BeginWrite(t.Context(), lease, listsync.WriteIntent{}); err != nil {
		t.Fatal(err)
	}
	pass()
	now = now.Add(-24 * time.Hour)
	set := now
	pass()
	if _, err := f.ledger.Acquire(t.Context(), "app1"); err == nil {
		t.Error("another sync got the lease at once, though its holder may live")
	}
	for f.rdb.LLen(t.Context(), "asynq:{lists}:pending").Val() == 0 {
		if pass(); now.Sub(set) > 75*time.Second {
			t.Fatalf("no sync of the dead worker's app within %s", now.Sub(set))
		}
	}
	if _, err := f.ledger.Acquire(t.Context(), "app1"); err != nil {
		t.Errorf("the sync doesn't get the lease: %v", err)
	}
	complete, err := strconv.ParseInt(f.rdb.Get(t.Context(), "pilotsync:{agenda}:domains_complete").Val(), 10, 64)
	if err != nil || time.UnixMilli(complete).After(now) {
		t.Errorf("the index of names is complete as of %d (%v), and it is %d", complete, err, now.UnixMilli())
	}
}

// A time that is yet to come says nothing of workers of an earlier release.
func TestAClockThatWasSetBackHasNoPassReadAllApps(t *testing.T) {
	t.Parallel()
	f, server := setupWithClock(t, simulator.Options{})
	now := time.Now()
	server.SetTime(now)
	pass := f.passer(server, &now)
	pass()
	f.rdb.Set(t.Context(), "pilotsync:sweep", now.Add(24*time.Hour).UnixMilli(), 0) // before the clock was set back
	for range 8 {
		pass()
	}
	f.rdb.SAdd(t.Context(), "pilotsync:apps", "app1")
	f.rdb.ZAdd(t.Context(), "pilotsync:{agenda}:visits", redis.Z{Score: float64(now.Add(time.Hour).UnixMilli()), Member: "app1"})
	f.rdb.HSet(t.Context(), "pilotsync:{app1}:sync", "wake", 1, "awake", 1)
	pass()
	if wake := f.rdb.HGet(t.Context(), "pilotsync:{app1}:sync", "wake").Val(); wake != "1" {
		t.Errorf("wake %s: a pass read an app that no worker marked", wake)
	}
}

// asynq hands such a verification out by the worker's clock.
func TestAVerificationBeforeItsTimeIsNotHandedOutAgainAndAgain(t *testing.T) {
	t.Parallel()
	f, server := setupWithClock(t, simulator.Options{})
	server.SetTime(time.Now().Add(-time.Hour))
	cfg := f.config("app1")
	log := &harness.Log{Also: t.Output()}
	cfg.Log.SetOutput(log)
	cfg.SSLDelays = []time.Duration{10 * time.Minute}
	f.start(cfg)
	f.add("app1", "www.shop.example.com")
	f.await("the verification comes too early", func() bool { return strings.Contains(log.String(), "is due at") })
	var delay string
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, "is due at") {
			_, delay, _ = strings.Cut(line, " delay=")
			delay, _, _ = strings.Cut(delay, " ")
		}
	}
	if d, err := time.ParseDuration(delay); err != nil || d < time.Minute {
		t.Errorf("it comes again after %q (%v), want a minute", delay, err)
	}
}
