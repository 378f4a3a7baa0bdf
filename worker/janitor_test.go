package worker_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/redistest"
	"pilotsync/worker/janitor"
)

func TestAWorkerContinuesWithDefectiveQueues(t *testing.T) {
	t.Parallel()
	opt, err := redis.ParseURL(redistest.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	sim, err := simulator.Start(simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	f := setupOn(t, sim, opt.Addr)
	ctx, queues := t.Context(), len(tasks.Queues())
	for _, queue := range tasks.Queues() {
		key := "asynq:{" + queue + "}:"
		f.rdb.HSet(ctx, key+"t:unreadable", "msg", "{}", "state", "active")
		f.rdb.LPush(ctx, key+"active", "unreadable", "hollow")
		f.rdb.ZAdd(ctx, key+"lease", redis.Z{Score: float64(time.Now().Add(-time.Hour).Unix()), Member: "unreadable"})
		f.rdb.SAdd(ctx, "asynq:queues", queue)
	}
	// Its worker died. asynq can detect that only after the janitor's repairs.
	f.add("app1", "shop.example.com")
	id := f.rdb.LMove(ctx, "asynq:{domains}:pending", "asynq:{domains}:active", "RIGHT", "LEFT").Val()
	f.rdb.HSet(ctx, "asynq:{domains}:t:"+id, "state", "active")

	cfg := f.config("app1")
	reg := f.withMetrics(&cfg)
	f.start(cfg)
	f.await("the janitor repaired the queues", func() bool {
		got := f.scrape(reg)
		return got[`pilotsync_strays_total{action="quarantined",kind="unreadable"}`] == float64(queues) && got[`pilotsync_strays_total{action="removed",kind="hollow"}`] == float64(queues) &&
			got[`pilotsync_strays_total{action="leased",kind="unleased"}`] == 1 && got[`pilotsync_quarantined`] == float64(queues)
	})
	if all, total, err := janitor.NewQuarantine(f.rdb).List(ctx, 10); err != nil || total != queues || len(all) != queues {
		t.Errorf("%+v, %d, %v", all, total, err)
	}
	// The lease has run out.
	f.rdb.ZAddXX(ctx, "asynq:{domains}:lease", redis.Z{Score: float64(time.Now().Add(-time.Second).Unix()), Member: id})
	f.awaitState("app1", "shop.example.com", tasks.Done)
}
