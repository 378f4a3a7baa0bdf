package worker_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
)

// commands counts a client's commands.
type commands struct{ n atomic.Int64 }

func (c *commands) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c *commands) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.n.Add(1)
		return next(ctx, cmd)
	}
}

func (c *commands) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func TestARefusingRedisIsAskedWithThrottling(t *testing.T) {
	t.Parallel()
	sim, err := simulator.Start(simulator.Options{Apps: []simulator.App{{ID: "app1"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	mini := miniredis.RunT(t)
	f := setupOn(t, sim, mini.Addr())
	sent := &commands{}
	f.rdb.AddHook(sent)
	ready := make(chan struct{})
	cfg := f.config("app1")
	cfg.Ready = func() { close(ready) }
	f.start(cfg)
	<-ready

	mini.SetError("OOM command not allowed when used memory > 'maxmemory'.")
	before, began := sent.n.Load(), time.Now()
	f.await("two seconds are over", func() bool { return time.Since(began) > 2*time.Second })
	rate := float64(sent.n.Load()-before) / time.Since(began).Seconds()
	mini.SetError("")
	t.Logf("%.0f commands a second", rate)
	if rate > 200 { // asynq alone would send some 20,000
		t.Errorf("%.0f commands a second were sent to a Redis that refuses them all", rate)
	}
	f.add("app1", "www.late.example.com")
	f.awaitState("app1", "www.late.example.com", tasks.Done)
}
