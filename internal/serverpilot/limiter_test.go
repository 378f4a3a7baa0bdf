package serverpilot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

func startRedis(t *testing.T) (*miniredis.Miniredis, func() redis.UniversalClient) {
	t.Helper()
	m := miniredis.RunT(t)
	return m, func() redis.UniversalClient {
		rdb := redis.NewClient(&redis.Options{Addr: m.Addr()})
		t.Cleanup(func() { _ = rdb.Close() })
		return rdb
	}
}

// awaitSync waits until an app may sync, as a task that comes back does.
func awaitSync(ctx context.Context, l *Limiter, app string) error {
	for {
		wait, err := l.TrySync(ctx, app, true)
		if err != nil || wait == 0 {
			return err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func TestTheRateHoldsOverAllWorkers(t *testing.T) {
	t.Parallel()
	const rate, workers, goroutines = 50, 3, 8
	_, connect := startRedis(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // it ends long before, once there is enough to count
	defer cancel()

	var syncs, verifies atomic.Int64
	calls := func() int64 { return 2*syncs.Load() + 3*verifies.Load() }
	enough := func() {
		if calls() >= 2*rate && syncs.Load() > 0 && verifies.Load() > 0 {
			cancel()
		}
	}
	began := time.Now()
	var all sync.WaitGroup
	for range workers {
		l := NewLimiter(connect(), testClient, rate)
		for g := range goroutines {
			app := fmt.Sprintf("app%d", g)
			all.Go(func() {
				for awaitSync(ctx, l, app) == nil {
					syncs.Add(1)
					enough()
				}
			})
			all.Go(func() {
				for l.WaitVerify(ctx, 3) == nil {
					verifies.Add(1)
					enough()
				}
			})
		}
	}
	all.Wait()
	took := time.Since(began).Seconds()

	if most := int64(rate + rate*took); calls() > most {
		t.Errorf("%d calls in %.2f s, at most %d are let through", calls(), took, most)
	}
	if calls() < 2*rate {
		t.Errorf("%d calls in %.2f s: hardly any", calls(), took)
	}
	if v, most := 3*verifies.Load(), int64(rate/2+rate/2*took); v > most {
		t.Errorf("%d calls by verifications, at most %d are let through", v, most)
	}
	if syncs.Load() == 0 || verifies.Load() == 0 {
		t.Errorf("%d syncs, %d verifications: one starves the other", syncs.Load(), verifies.Load())
	}
}

func TestVerificationsAloneGetHalfTheRate(t *testing.T) {
	t.Parallel()
	_, connect := startRedis(t)
	l := NewLimiter(connect(), testClient, 20)
	began := time.Now()
	if err := l.WaitVerify(t.Context(), 20); err != nil { // 10 are in the bucket, 10 more at 10 a second
		t.Fatal(err)
	}
	if took := time.Since(began); took < 950*time.Millisecond {
		t.Errorf("20 calls took %v, want at least 1 s", took)
	}
}

func TestASyncGetsItsTwoTokensAtOneCallASecond(t *testing.T) {
	t.Parallel()
	_, connect := startRedis(t)
	l := NewLimiter(connect(), testClient, 1)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	began := time.Now()
	if err := awaitSync(ctx, l, "app1"); err != nil {
		t.Fatal(err)
	}
	if err := awaitSync(ctx, l, "app1"); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 1900*time.Millisecond {
		t.Errorf("the second sync waited %v, want 2 s", took)
	}
}

func TestFurtherCallsComeBeforeFirstOnes(t *testing.T) {
	t.Parallel()
	_, connect := startRedis(t)
	l := NewLimiter(connect(), testClient, 1)
	l.begun.Add(1) // as [Limiter.WaitBegun] does while it waits
	var last time.Time
	for i := range 30 {
		app := fmt.Sprint("app", i)
		if wait, err := l.TryVerify(t.Context(), app, true); err != nil || wait <= 0 {
			t.Errorf("while another verification waits for a further call: %s, %v; want a delay", wait, err)
		}
		at := l.verifications.turns[app].at
		if i > 0 && at.Sub(last) < l.verifications.step {
			t.Errorf("the turn of app %d is %s after the one before, want %s", i, at.Sub(last), l.verifications.step)
		}
		last = at
	}
	l.begun.Add(-1)
	if err := l.WaitBegun(t.Context()); err != nil {
		t.Fatal(err)
	}
	if at := l.verifications.turns["app29"].at; at.Sub(last) != l.verifications.step {
		t.Errorf("a further call delays the last turn by %s, want %s", at.Sub(last), l.verifications.step)
	}
	other := NewLimiter(connect(), "another", 1)
	if wait, err := other.TryVerify(t.Context(), "app0", true); err != nil || wait > 0 {
		t.Errorf("without such a verification: %s, %v; want its turn", wait, err)
	}
}

func TestASyncThatHasBegunHasEverySecondTurn(t *testing.T) {
	t.Parallel()
	_, connect := startRedis(t)
	l := NewLimiter(connect(), testClient, 1)
	var last time.Duration
	for i := range 30 {
		wait, err := l.TrySync(t.Context(), fmt.Sprint("app", i), true)
		if err != nil {
			t.Fatal(err)
		}
		last = wait
	}
	wait, err := l.TrySyncAgain(t.Context(), "begun")
	if most := 2 * l.syncs.step; err != nil || wait <= 0 || wait > most || last <= most {
		t.Errorf("it waits for %s, %v, while the last app waits for %s; want %s at most", wait, err, last, most)
	}
	if wait := l.SyncDelay("begun", true); wait > 2*l.syncs.step {
		t.Errorf("its turn comes after %s", wait)
	}
}

func TestTheLimiterKnowsWhoWaitsForIt(t *testing.T) {
	t.Parallel()
	m, connect := startRedis(t)
	m.SetTime(time.Now()) // so that no further call is allowed
	l := NewLimiter(connect(), testClient, 1)
	limited := func(syncs, verifications bool) {
		t.Helper()
		if l.SyncsLimited() != syncs || l.VerificationsLimited() != verifications {
			t.Errorf("syncs limited: %v, verifications: %v; want %v, %v", l.SyncsLimited(), l.VerificationsLimited(), syncs, verifications)
		}
	}
	try := func(refused bool, call func(context.Context, string, bool) (time.Duration, error), app string) {
		t.Helper()
		if wait, err := call(t.Context(), app, true); err != nil || (wait > 0) != refused {
			t.Errorf("%s: wait %s, %v", app, wait, err)
		}
	}
	try(false, l.TryVerify, "app0")
	limited(false, false)
	for i := range 30 {
		try(true, l.TryVerify, fmt.Sprint("app", i))
	}
	limited(false, true)
	for i := range 30 {
		try(true, l.TrySync, fmt.Sprint("app", i))
	}
	limited(true, true)

	waiting := NewLimiter(connect(), testClient, 1)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- waiting.WaitBegun(ctx) }()
	for !waiting.VerificationsLimited() { // until the test times out
		select {
		case err := <-ended:
			t.Fatal("a verification's further call didn't wait: ", err)
		case <-time.After(time.Millisecond):
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestAccountsHaveSeparateBuckets(t *testing.T) {
	t.Parallel()
	m, connect := startRedis(t)
	rdb := connect()
	for _, id := range []string{"cid_one", "cid_two"} {
		if err := awaitSync(t.Context(), NewLimiter(rdb, id, 2), "app1"); err != nil {
			t.Fatal(err)
		}
	}
	if err := NewLimiter(rdb, "cid_one", 2).WaitVerify(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	keys := m.Keys()
	if len(keys) != 3 {
		t.Errorf("keys %v, want two accounts' and one for verifications", keys)
	}
	for _, key := range keys {
		if !strings.HasPrefix(key, "rate:pilotsync:rate:{") || strings.Contains(key, "cid") {
			t.Errorf("key %s", key)
		}
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	t.Parallel()
	_, connect := startRedis(t)
	l := NewLimiter(connect(), testClient, 1)
	if err := awaitSync(t.Context(), l, "app1"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	var all sync.WaitGroup
	for range 3 { // the first in the queue and those behind it
		all.Go(func() {
			if err := l.WaitVerify(ctx, 5); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("WaitVerify: %v, want the context's error", err)
			}
		})
	}
	all.Wait()
}

func TestRedisFailingIsAnError(t *testing.T) {
	t.Parallel()
	m, connect := startRedis(t)
	l := NewLimiter(connect(), testClient, 5)
	m.SetError("LOADING")
	for _, err := range []error{awaitSync(t.Context(), l, "app1"), l.WaitVerify(t.Context(), 1)} {
		if err == nil || !strings.Contains(err.Error(), "LOADING") {
			t.Errorf("error %v, want Redis's", err)
		}
	}
}

func TestNoLimit(t *testing.T) {
	t.Parallel()
	l := NewLimiter(nil, testClient, 0) // it doesn't touch Redis
	for range 1000 {
		if err := errors.Join(awaitSync(t.Context(), l, "app1"), l.WaitVerify(t.Context(), 10)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAClockThatWasSetBackStopsNoAccount(t *testing.T) {
	t.Parallel()
	m, connect := startRedis(t)
	now := time.Now()
	m.SetTime(now)
	l := NewLimiter(connect(), testClient, 2)
	wait, err := l.TrySync(t.Context(), "app1", true)
	if err != nil || wait != 0 {
		t.Fatal(wait, err)
	}
	m.SetTime(now.Add(-24 * time.Hour))
	if wait, err = l.TrySync(t.Context(), "app2", true); err != nil || wait != 0 {
		t.Errorf("the next sync waits %s (%v)", wait, err)
	}
	if wait, err = l.TrySync(t.Context(), "app3", true); err != nil || wait == 0 || wait > time.Second {
		t.Errorf("the one after it waits %s (%v), want up to a second", wait, err)
	}
}
