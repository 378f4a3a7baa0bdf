package worker_test

import (
	"context"
	"slices"
	"testing"

	"pilotsync/internal/simulator"
	"pilotsync/worker"
)

func TestAWorkerAnnouncesItsApps(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}, {ID: "app2"}}})
	serves := func(condition string, dryRun bool, apps ...string) {
		t.Helper()
		f.await(condition, func() bool {
			all, err := f.ledger.Workers(t.Context())
			return err == nil && len(all) == 1 && slices.Equal(all[0].Apps, apps) && all[0].DryRun == dryRun
		})
	}
	cfg := f.config("app1")
	cfg.DryRun = true
	wk, err := worker.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- wk.Run(ctx) }()
	serves("it is announced at its start", true, "app1")
	if err := wk.Reload(t.Context(), f.config("app1", "app2")); err != nil {
		t.Fatal(err)
	}
	serves("its new app is announced", true, "app1", "app2")
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if all, err := f.ledger.Workers(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("after its stop there are %+v, %v", all, err)
	}
}
