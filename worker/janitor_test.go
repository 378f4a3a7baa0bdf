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

func TestAWorkerGetsOnWithQueuesFullOfStrays(t *testing.T) {
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
	h := setupOn(t, sim, opt.Addr)
	ctx := t.Context()
	for _, queue := range tasks.Queues() {
		key := "asynq:{" + queue + "}:"
		h.rdb.HSet(ctx, key+"t:unreadable", "msg", "{}", "state", "active")
		h.rdb.LPush(ctx, key+"active", "unreadable", "hollow")
		h.rdb.ZAdd(ctx, key+"lease", redis.Z{Score: float64(time.Now().Add(-time.Hour).Unix()), Member: "unreadable"})
		h.rdb.SAdd(ctx, "asynq:queues", queue)
	}
	// A worker died with it in hand, and will be found dead after the strays are gone.
	h.add("app1", "shop.example.com")
	id := h.rdb.LMove(ctx, "asynq:{domains}:pending", "asynq:{domains}:active", "RIGHT", "LEFT").Val()
	h.rdb.HSet(ctx, "asynq:{domains}:t:"+id, "state", "active")

	cfg := h.config("app1")
	reg := h.withMetrics(&cfg)
	h.start(cfg)
	h.await("the queues are free of strays", func() bool {
		got := h.scrape(reg)
		return got[`pilotsync_strays_total{action="quarantined",kind="unreadable"}`] == 4 && got[`pilotsync_strays_total{action="removed",kind="hollow"}`] == 4 &&
			got[`pilotsync_strays_total{action="leased",kind="unleased"}`] == 1 && got[`pilotsync_quarantined`] == 4
	})
	if all, total, err := janitor.NewQuarantine(h.rdb).List(ctx, 10); err != nil || total != 4 || len(all) != 4 {
		t.Errorf("%+v, %d, %v", all, total, err)
	}
	// As when nobody renewed that lease.
	h.rdb.ZAddXX(ctx, "asynq:{domains}:lease", redis.Z{Score: float64(time.Now().Add(-time.Second).Unix()), Member: id})
	h.awaitState("app1", "shop.example.com", tasks.Done)
}
