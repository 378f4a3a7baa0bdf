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

// Redis answers, but refuses writes. A producer gets an error that says so, no change is half made,
// and work continues once writes are allowed.
func TestARedisThatRefusesWritesLeavesNothingHalfDone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		refuse func(context.Context, redis.UniversalClient) error
		accept func(context.Context, redis.UniversalClient) error
		says   string
	}{
		{
			"full", func(ctx context.Context, rdb redis.UniversalClient) error {
				// Redis closes connections beyond its share for clients.
				if err := rdb.ConfigSet(ctx, "maxmemory-clients", "0").Err(); err != nil {
					return err
				}
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
			f := newFixture(t, simulator.Options{Apps: []simulator.App{appWithDomains("app1")}, Latency: time.Second})
			onAPI, apiURL := f.tapAPI()
			onRedis, redisURL := f.tapRedis()
			p := f.worker(apiURL, redisURL)
			f.add("app1", "before.example.com")
			f.awaitSettled()

			// Redis refuses writes during a sync, right before a list write is recorded.
			trap := onRedis.hold(unsent, notesWrite)
			f.add("app1", "meanwhile.example.com")
			trap.await(t)
			if err := c.refuse(t.Context(), f.rdb); err != nil {
				t.Fatal(err)
			}
			sent, keys := len(onAPI.listWrites()), f.tasks()
			trap.release()
			err := f.enqueue(t.Context(), enqueue.Request{AppID: "app1", Domain: "refused.example.com"})
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
			if got := f.tasks(); got > keys {
				t.Errorf("%d tasks more are in Redis", got-keys)
			}
			if !p.Alive() {
				t.Errorf("the worker ended:\n%s", p.Written())
			}

			if err := c.accept(t.Context(), f.rdb); err != nil {
				t.Fatal(err)
			}
			f.add("app1", "after.example.com")
			f.awaitSettled()
			f.check()
			f.checkAddedOnce("app1")
		})
	}
}

// tasks is the number of change tasks in Redis.
func (f *fixture) tasks() int {
	f.t.Helper()
	keys, err := f.rdb.Keys(f.t.Context(), "asynq:{domains}:t:*").Result()
	if err != nil {
		f.t.Fatal(err)
	}
	return len(keys)
}

// The password changes while a worker and a producer use the old one.
func TestARotatedPasswordLeavesNothingHalfDone(t *testing.T) {
	t.Parallel()
	f := newFixture(t, simulator.Options{Apps: []simulator.App{appWithDomains("app1")}, Latency: time.Second})
	password := func(user, to string) {
		t.Helper()
		if err := f.rdb.Do(t.Context(), "ACL", "SETUSER", user, "resetpass", ">"+to).Err(); err != nil {
			t.Fatal(err)
		}
	}
	onAPI, apiURL := f.tapAPI()
	p := f.worker(apiURL)
	f.add("app1", "before.example.com")
	f.awaitSettled()
	trap := onAPI.hold(answered, listRead)
	f.add("app1", "meanwhile.example.com")
	trap.await(t)

	// After resetpass, clients stay connected; a rotation has to end their connections.
	for _, user := range []string{"php", "worker"} {
		password(user, "new")
		if err := f.rdb.Do(t.Context(), "CLIENT", "KILL", "USER", user).Err(); err != nil {
			t.Fatal(err)
		}
	}
	sent := len(onAPI.listWrites())
	trap.release()
	err := f.enqueue(t.Context(), enqueue.Request{AppID: "app1", Domain: "refused.example.com"})
	if err == nil || !strings.Contains(err.Error(), "WRONGPASS") {
		t.Errorf("the producer got %v, want one that says WRONGPASS", err)
	}
	p.AwaitWritten("WRONGPASS")
	if got := len(onAPI.listWrites()); got > sent {
		t.Errorf("the worker sent %d list writes that it could not note", got-sent)
	}
	late := f.worker()
	if code := late.Wait(); code == 0 || !strings.Contains(late.Written(), "REDIS_URL") {
		t.Errorf("a worker that starts with the old password ends with %d:\n%s", code, late.Written())
	}

	password("php", redistest.Password("php"))
	f.worker(strings.Replace(f.redisURL(f.redis.Addr), redistest.Password("worker"), "new", 1))
	f.add("app1", "after.example.com")
	harness.Await(t, "the change is done", func() error { return f.listed("app1", "after.example.com") })
	if !p.Alive() {
		t.Errorf("the worker with the old password ended:\n%s", p.Written())
	}
	// If the old password becomes valid again, the worker that has it continues.
	if err := f.rdb.Do(t.Context(), "ACL", "SETUSER", "worker", ">"+redistest.Password("worker")).Err(); err != nil {
		t.Fatal(err)
	}
	p.AwaitWritten("Redis is back")
	f.awaitSettled()
	f.check()
	f.checkAddedOnce("app1")
}
