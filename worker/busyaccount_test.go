package worker_test

import (
	"fmt"
	"testing"

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
	f.start(cfg)
	for _, app := range apps {
		f.add(app, "shop.example.com")
	}
	for _, app := range apps {
		f.awaitState(app, "shop.example.com", tasks.Done)
	}
	reads := 0 // by a sync, a verification, and for the name that they share; some more on a busy machine
	for _, app := range apps {
		reads += f.sim.Calls(app, simulator.ReadApp)
	}
	if most := 5 * len(apps); reads > most {
		t.Errorf("the apps were read %d times, want %d at most", reads, most)
	}
}
