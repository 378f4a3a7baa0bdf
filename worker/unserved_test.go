package worker_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/harness"
	"pilotsync/worker"
	"pilotsync/worker/ledger"
)

func TestAnAppThatNoWorkerServesIsForgottenAfterAMonth(t *testing.T) {
	t.Parallel()
	f, server := setupWithClock(t, simulator.Options{})
	ctx := t.Context()
	began := time.Now()
	stop := f.start(f.config("app1"))
	f.add("app1", "shop.example.com")
	f.awaitState("app1", "shop.example.com", tasks.Done)
	f.add("invented", "old.example.com")
	f.await("it waits for a worker", func() bool {
		app, err := f.ledger.App(ctx, "invented")
		return err == nil && app.Failure != nil && f.rdb.ZCard(ctx, "asynq:{lists}:retry").Val() == 1
	})
	server.SetTime(began.Add(29 * 24 * time.Hour))
	f.add("requested", "again.example.com")
	f.await("the new change is recorded", func() bool { return f.view("requested", "again.example.com").Seq != 0 })
	stop()
	cfg := f.config("app2")
	log := &harness.Log{Also: t.Output()}
	cfg.Log.SetOutput(log)
	w, err := worker.New(cfg) // it doesn't run, so that only the test makes its maintenances
	if err != nil {
		t.Fatal(err)
	}
	known := func(app string) bool {
		t.Helper()
		known, err := f.ledger.Known(ctx, app)
		if err != nil {
			t.Fatal(err)
		}
		return known
	}
	for _, c := range []struct {
		days int
		want bool
	}{{29, true}, {31, false}} {
		server.SetTime(began.Add(time.Duration(c.days) * 24 * time.Hour))
		w.ForgetUnserved()
		if err := w.Maintain(ctx); err != nil {
			t.Fatal(err)
		}
		if known("invented") != c.want {
			t.Errorf("after %d days the ledger knows the app: %v", c.days, !c.want)
		}
	}
	if !known("app1") || !known("requested") {
		t.Error("an app was forgotten that a worker served, or that was requested two days ago")
	}
	if !strings.Contains(log.String(), "app forgotten") || !strings.Contains(log.String(), "1 changes are dropped") {
		t.Error("the log doesn't say so")
	}
	for _, pattern := range []string{"pilotsync:{invented}:*", "asynq:{lists}:t:*invented*"} {
		if left := f.rdb.Keys(ctx, pattern).Val(); len(left) != 0 {
			t.Errorf("left are %q", left)
		}
	}
}

// A flood of invented apps must not lose the change of a new app, whose worker isn't started yet.
func TestAChangeBeyondTheAppsOfNoWorkerWaitsForItsWorker(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}, {ID: "new"}}})
	ctx := t.Context()
	f.inventApps()
	stop := f.start(f.config("app1"))
	f.add("new", "shop.example.com")
	f.add("app1", "served.example.com")
	f.awaitState("app1", "served.example.com", tasks.Done)
	f.await("the change waits on the queue", func() bool { return f.rdb.ZCard(ctx, "asynq:{domains}:retry").Val() == 1 })
	if known, err := f.ledger.Known(ctx, "new"); err != nil || f.rdb.SIsMember(ctx, "pilotsync:apps", "new").Val() {
		t.Errorf("the ledger took it: %v, %v", known, err)
	}
	stop()
	f.start(f.config("app1", "new"))
	id := f.rdb.ZRange(ctx, "asynq:{domains}:retry", 0, 0).Val()[0]
	f.rdb.ZAdd(ctx, "asynq:{domains}:retry", redis.Z{Score: float64(time.Now().Unix()), Member: id}) // its delay is over
	f.awaitState("new", "shop.example.com", tasks.Done)
}

// inventApps has the ledger know more apps that no worker serves than it takes changes of.
func (f *fixture) inventApps() {
	f.t.Helper()
	for i := range ledger.MaxUnserved + 1 {
		f.rdb.SAdd(f.t.Context(), "pilotsync:apps", fmt.Sprint("invented", i))
	}
}
