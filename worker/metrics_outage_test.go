package worker_test

import (
	"bytes"
	"log"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/worker/metrics"
)

// Not parallel, since it reads the standard log.
func TestMetricsOfAWorkerAreServedWhileRedisIsAway(t *testing.T) {
	var said bytes.Buffer
	was := log.Writer()
	log.SetOutput(&said)
	t.Cleanup(func() { log.SetOutput(was) })
	sim, err := simulator.Start(simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	redis := miniredis.RunT(t)
	f := setupOn(t, sim, redis.Addr())
	cfg := f.config("app1")
	reg := f.withMetrics(&cfg)
	if got := f.scrape(reg); got["pilotsync_redis_up"] != 1 || got["pilotsync_ledger_up"] != 1 {
		t.Errorf("while Redis is there: redis_up %v, ledger_up %v", got["pilotsync_redis_up"], got["pilotsync_ledger_up"])
	}
	redis.Close()
	var got map[string]float64
	f.await("Redis is seen to be away", func() bool {
		got = f.scrape(reg)
		return got["pilotsync_redis_up"] == 0
	})
	for _, series := range []string{`pilotsync_syncs_total{result="settled"}`, "pilotsync_ledger_up", "go_goroutines"} {
		if _, there := got[series]; !there {
			t.Errorf("%s is missing", series)
		}
	}
	for series := range got {
		if strings.HasPrefix(series, "asynq_") || strings.HasPrefix(series, "pilotsync_domains") {
			t.Errorf("%s is reported, though its value is unknown", series)
		}
	}
	if err := redis.Restart(); err != nil {
		t.Fatal(err)
	}
	f.await("Redis is seen to be back", func() bool { return f.scrape(reg)["pilotsync_redis_up"] == 1 })
	if said.Len() > 0 {
		t.Errorf("the standard log has: %s", said.String())
	}
}

func TestAQueueThatCannotBeReadHidesNoOther(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	reg := metrics.NewRegistry(f.rdb, "v1.2.3")
	for _, queue := range []string{tasks.QueueDomains, tasks.QueueLists} {
		f.rdb.SAdd(t.Context(), "asynq:queues", queue)
	}
	f.rdb.Set(t.Context(), "asynq:{lists}:pending", "not a list", 0)
	got := f.scrape(reg)
	for series, want := range map[string]float64{`pilotsync_queue_up{queue="domains"}`: 1, `pilotsync_queue_up{queue="lists"}`: 0} {
		if v, there := got[series]; !there || v != want {
			t.Errorf("%s is %v (there: %v), want %v", series, v, there, want)
		}
	}
	if _, there := got[`asynq_queue_size{queue="domains"}`]; !there {
		t.Error("the queue that can be read isn't told")
	}
}

func TestAnUnreadableLedgerIsReported(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	reg := metrics.NewRegistry(f.rdb, "v1.2.3")
	f.rdb.Set(t.Context(), "pilotsync:apps", "not a set", 0)
	got := f.scrape(reg)
	if up, ledger := got["pilotsync_redis_up"], got["pilotsync_ledger_up"]; up != 1 || ledger != 0 {
		t.Errorf("redis_up %v, ledger_up %v, want 1 and 0", up, ledger)
	}
}
