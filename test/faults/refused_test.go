//go:build faults

package faults

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/test/harness"
	"pilotsync/test/redistest"
)

// Redis answers, but refuses to be written to. A producer gets an error that says
// so; nothing is half-done; and all goes on by itself as soon as it may.
func TestARedisThatRefusesWritesSaysSoToProducersAndNothingIsHalfDone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		refuse func(context.Context, redis.UniversalClient) error
		accept func(context.Context, redis.UniversalClient) error
		says   string
	}{
		{
			"full", func(ctx context.Context, rdb redis.UniversalClient) error {
				return rdb.ConfigSet(ctx, "maxmemory", "1").Err()
			}, func(ctx context.Context, rdb redis.UniversalClient) error {
				return rdb.ConfigSet(ctx, "maxmemory", "1gb").Err()
			}, "OOM command not allowed",
		},
		{
			"a read-only replica", func(ctx context.Context, rdb redis.UniversalClient) error {
				return rdb.Do(ctx, "replicaof", "127.0.0.1", "1").Err()
			}, func(ctx context.Context, rdb redis.UniversalClient) error {
				return rdb.Do(ctx, "replicaof", "no", "one").Err()
			}, "READONLY",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Options{Apps: []simulator.App{site("app1")}, Latency: time.Second})
			onAPI, apiURL := w.tapAPI()
			onRedis, redisURL := w.tapRedis()
			p := w.worker(apiURL, redisURL)
			w.add("app1", "before.example.com")
			w.awaitSettled()

			// It is refused while a sync is in hand, right before a write is noted.
			trap := onRedis.hold(unsent, notesWrite)
			w.add("app1", "meanwhile.example.com")
			trap.await(t, time.Minute)
			if err := c.refuse(t.Context(), w.rdb); err != nil {
				t.Fatal(err)
			}
			sent, keys := len(onAPI.listWrites()), w.tasks()
			trap.release()
			err := w.enqueue(t.Context(), enqueue.Request{AppID: "app1", Domain: "refused.example.com"})
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "enqueued 0 of 1 changes") {
				t.Errorf("the producer got %v, want an error that says %q", err, c.says)
			}
			if errors.Is(err, enqueue.ErrInvalid) {
				t.Errorf("the producer got %v, as if its request were wrong", err)
			}
			pass(t, 5*time.Second)
			if got := len(onAPI.listWrites()); got > sent {
				t.Errorf("the worker sent %d list writes that it could not note", got-sent)
			}
			if got := w.tasks(); got > keys {
				t.Errorf("%d tasks more are in Redis", got-keys)
			}
			if !p.Alive() {
				t.Errorf("the worker ended:\n%s", p.Written())
			}

			if err := c.accept(t.Context(), w.rdb); err != nil {
				t.Fatal(err)
			}
			w.add("app1", "after.example.com")
			w.awaitSettled()
			w.check()
			w.checkAddedOnce("app1")
		})
	}
}

// tasks is the number of changes' tasks that Redis holds.
func (w *world) tasks() int {
	w.t.Helper()
	keys, err := w.rdb.Keys(w.t.Context(), "asynq:{domains}:t:*").Result()
	if err != nil {
		w.t.Fatal(err)
	}
	return len(keys)
}

// The password is rotated while a worker and a producer have the old one.
func TestAfterAPasswordIsRotatedNothingIsHalfDoneAndAWorkerWithTheNewOneGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{Apps: []simulator.App{site("app1")}, Latency: time.Second})
	password := func(user, to string) {
		t.Helper()
		if err := w.rdb.Do(t.Context(), "ACL", "SETUSER", user, "resetpass", ">"+to).Err(); err != nil {
			t.Fatal(err)
		}
	}
	onAPI, apiURL := w.tapAPI()
	p := w.worker(apiURL)
	w.add("app1", "before.example.com")
	w.awaitSettled()
	trap := onAPI.hold(answered, listRead)
	w.add("app1", "meanwhile.example.com")
	trap.await(t, time.Minute)

	// With resetpass, clients that are connected stay so; a rotation that means it ends these connections.
	for _, user := range []string{"php", "worker"} {
		password(user, "new")
		if err := w.rdb.Do(t.Context(), "CLIENT", "KILL", "USER", user).Err(); err != nil {
			t.Fatal(err)
		}
	}
	sent := len(onAPI.listWrites())
	trap.release()
	err := w.enqueue(t.Context(), enqueue.Request{AppID: "app1", Domain: "refused.example.com"})
	if err == nil || !strings.Contains(err.Error(), "WRONGPASS") {
		t.Errorf("the producer got %v, want one that says WRONGPASS", err)
	}
	p.AwaitWritten("WRONGPASS")
	if got := len(onAPI.listWrites()); got > sent {
		t.Errorf("the worker sent %d list writes that it could not note", got-sent)
	}
	late := w.worker()
	if code := late.Wait(); code == 0 || !strings.Contains(late.Written(), "REDIS_URL") {
		t.Errorf("a worker that starts with the old password ends with %d:\n%s", code, late.Written())
	}

	password("php", redistest.Password("php"))
	w.worker(strings.Replace(w.redisURL(w.redis.Addr), redistest.Password("worker"), "new", 1))
	w.add("app1", "after.example.com")
	harness.Await(t, "the change is done", func() error { return w.listed("app1", "after.example.com") })
	if !p.Alive() {
		t.Errorf("the worker with the old password ended:\n%s", p.Written())
	}
	// Should the old one be valid again, the worker that has it goes on, too.
	if err := w.rdb.Do(t.Context(), "ACL", "SETUSER", "worker", ">"+redistest.Password("worker")).Err(); err != nil {
		t.Fatal(err)
	}
	p.AwaitWritten("Redis is back")
	w.awaitSettled()
	w.check()
	w.checkAddedOnce("app1")
}
