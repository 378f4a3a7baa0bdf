package worker_test

import (
	"fmt"
	"testing"

	"github.com/hibiken/asynq"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
)

// Each verification takes several calls. What it read must not be too old by the time of the next
// one, or it would begin again and again.
func TestVerificationsOfManyAppsEndAtALowRate(t *testing.T) {
	t.Parallel()
	var opt simulator.Options
	var apps []string
	for i := range 40 {
		apps = append(apps, fmt.Sprintf("app%02d", i))
		opt.Apps = append(opt.Apps, simulator.App{ID: apps[i]})
	}
	f := setup(t, opt)
	cfg := f.config(apps...)
	cfg.APIRate = 20
	// A sync rechecks the name in other apps, so all of them come before the first verification.
	inspector := asynq.NewInspectorFromRedisClient(f.rdb)
	if err := inspector.PauseQueue(tasks.QueueSSL); err != nil {
		t.Fatal(err)
	}
	f.start(cfg)
	for _, app := range apps {
		f.add(app, "shop.example.com")
	}
	for _, app := range apps {
		f.awaitState(app, "shop.example.com", tasks.CheckingDNS)
	}
	if err := inspector.UnpauseQueue(tasks.QueueSSL); err != nil {
		t.Fatal(err)
	}
	for _, app := range apps {
		f.awaitState(app, "shop.example.com", tasks.Done)
	}
	for _, app := range apps { // by a sync, a verification, and for the name that they share
		if n := f.sim.Calls(app, simulator.ReadApp); n > 5 {
			t.Errorf("app %s was read %d times, want 5 at most", app, n)
		}
	}
}
