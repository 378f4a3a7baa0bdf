package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"pilotsync/enqueue"
	"pilotsync/internal/serverpilot"
	"pilotsync/internal/simulator"
)

// The other ways of doing the work. They use pilotsync's API client, and choices are made in their
// favor.

// api is a client of the fixture's simulator; the caller must close it.
func (f *fixture) api() (*serverpilot.Client, error) {
	return serverpilot.New(serverpilot.Config{BaseURL: f.sim.APIURL(), ClientID: "sim", APIKey: "sim-key"})
}

// mergeOne reads an app's list, adds a name and writes it back.
func mergeOne(ctx context.Context, api *serverpilot.Client, app, name string) error {
	a, err := api.App(ctx, app)
	if err != nil {
		return err
	}
	_, err = api.SetDomains(ctx, app, append(a.Domains, name), time.Now().Add(serverpilot.CallTimeout))
	return err
}

// plugin puts names on a list as the built-in integration does: one after another, each with a
// read, a write and a request for AutoSSL. It ignores the refusal of that: there is no
// certificate yet. It returns how long it took.
func (f *fixture) plugin(ctx context.Context, app string, names []string) (time.Duration, error) {
	api, err := f.api()
	if err != nil {
		return 0, err
	}
	defer api.Close()
	began := time.Now()
	for _, name := range names {
		if err := mergeOne(ctx, api, app, name); err != nil {
			return 0, fmt.Errorf("the plugin's way: %w", err)
		}
		if _, err := api.EnableAutoSSL(ctx, app); err != nil && ctx.Err() != nil {
			return 0, err
		}
	}
	return time.Since(began), nil
}

// limit is the shortest possible time: one read and one write with the same client, the median of
// several.
func (f *fixture) limit(ctx context.Context, app string) (time.Duration, error) {
	api, err := f.api()
	if err != nil {
		return 0, err
	}
	defer api.Close()
	var took []time.Duration
	for i := range 5 {
		began := time.Now()
		if err := mergeOne(ctx, api, app, fmt.Sprintf("limit%d.example.com", i)); err != nil {
			return 0, fmt.Errorf("one read and one write: %w", err)
		}
		took = append(took, time.Since(began))
	}
	return quantile(took, 0.5), nil
}

const (
	plainType  = "domain:add"
	plainQueue = "plain"
	// plainRetry is the delay of a task that finds its app's lock taken. With asynq's own, which
	// grows from some 30 s, the burst would take days.
	plainRetry = time.Second
)

// plainServer is the usual way with asynq: one task a change, and a lock per app in Redis. A task
// that finds the lock taken is retried.
type plainServer struct {
	server *asynq.Server
	client *asynq.Client
	close  func()
}

// errLocked means that another task holds the app's lock.
var errLocked = errors.New("the app's lock is taken")

// plain starts a plainServer; the caller must stop it.
func (f *fixture) plain() (*plainServer, error) {
	api, err := f.api()
	if err != nil {
		return nil, err
	}
	rdb := redis.NewClient(&redis.Options{Addr: f.redis.Addr})
	p := &plainServer{client: asynq.NewClientFromRedisClient(rdb)}
	p.server = asynq.NewServerFromRedisClient(rdb, asynq.Config{
		Concurrency: 64, // asynq's own is the number of cores; this is pilotsync's
		Queues:      map[string]int{plainQueue: 1},
		// asynq's default of 5 s would be most of the measured time.
		DelayedTaskCheckInterval: time.Second,
		RetryDelayFunc:           func(int, error, *asynq.Task) time.Duration { return plainRetry },
		// Not counted as failures: otherwise most of a burst would end in the archive.
		IsFailure: func(err error) bool { return !errors.Is(err, errLocked) },
		LogLevel:  asynq.FatalLevel,
	})
	p.close = func() {
		api.Close()
		_ = rdb.Close()
	}
	return p, p.server.Start(asynq.HandlerFunc(func(ctx context.Context, t *asynq.Task) error {
		app, name, _ := strings.Cut(string(t.Payload()), " ")
		lock := "plain:lock:" + app
		taken, err := rdb.SetNX(ctx, lock, name, 30*time.Second).Result()
		if err != nil {
			return err
		}
		if !taken {
			return errLocked
		}
		defer rdb.Del(context.WithoutCancel(ctx), lock)
		return mergeOne(ctx, api, app, name)
	}))
}

// add enqueues a task for each name.
func (p *plainServer) add(ctx context.Context, app string, names ...string) error {
	for _, name := range names {
		if _, err := p.client.EnqueueContext(ctx, asynq.NewTask(plainType, []byte(app+" "+name)), asynq.Queue(plainQueue)); err != nil {
			return fmt.Errorf("enqueue a plain task: %w", err)
		}
	}
	return nil
}

func (p *plainServer) stop() {
	p.server.Shutdown()
	p.close()
}

// enqueue enqueues additions for pilotsync.
func (f *fixture) enqueue(ctx context.Context, app string, names ...string) error {
	reqs := make([]enqueue.Request, len(names))
	for i, name := range names {
		reqs[i] = enqueue.Request{AppID: app, Domain: name}
	}
	if _, err := f.client.Enqueue(ctx, reqs...); err != nil {
		return fmt.Errorf("request %d names: %w", len(names), err)
	}
	return nil
}

// listed waits until an app's list holds all names. It returns the time of the write that added the
// last one.
func (f *fixture) listed(ctx context.Context, app string, names []string, limit time.Duration) (time.Time, error) {
	err := until(ctx, fmt.Sprintf("%d names on the list of %s", len(names), app), limit, func() (bool, error) {
		return holds(f.sim.List(app), names), nil
	})
	if err != nil {
		return time.Time{}, err
	}
	at := f.since(app, names)
	if at.IsZero() {
		return at, fmt.Errorf("the names on the list of %s are in none of its writes", app)
	}
	return at, nil
}

// since is the time of the first write after which the list holds all names; zero for none.
func (f *fixture) since(app string, names []string) time.Time {
	for _, write := range f.sim.History(app) {
		if holds(write.After, names) {
			return write.AppliedAt
		}
	}
	return time.Time{}
}

// holds reports whether list holds all names.
func holds(list, names []string) bool {
	if len(list) < len(names) {
		return false
	}
	if len(names) == 1 {
		return slices.Contains(list, names[0])
	}
	on := make(map[string]bool, len(list))
	for _, name := range list {
		on[name] = true
	}
	return !slices.ContainsFunc(names, func(name string) bool { return !on[name] })
}

// names are n names that begin with prefix, a DNS label.
func names(prefix string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%s-%d.example.com", prefix, i)
	}
	return all
}

// apps are n apps of a simulator with the ids prefix1, prefix2, ….
func apps(prefix string, n int) []simulator.App {
	all := make([]simulator.App, n)
	for i := range all {
		all[i].ID = fmt.Sprintf("%s%d", prefix, i+1)
	}
	return all
}
