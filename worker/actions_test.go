package worker_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/internal/serverpilot"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/worker"
	"pilotsync/worker/ledger"
	"pilotsync/worker/registry"
)

const actionsKey = "pilotsync:{agenda}:actions"

func TestAWritesActionIsReadOnceAfterAMinute(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		faults simulator.Faults
		want   serverpilot.ActionStatus
	}{
		"success": {simulator.Faults{}, serverpilot.ActionSuccess},
		"error":   {simulator.Faults{ActionError: 1}, serverpilot.ActionError},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1", AutoSSL: true}}, Faults: c.faults})
			w, _ := f.run(f.config("app1"))
			f.add("app1", "a.example.com")
			f.awaitState("app1", "a.example.com", tasks.Done)
			writes, err := f.ledger.Writes(t.Context(), "app1", 10)
			if err != nil || len(writes) != 1 || writes[0].ActionID == "" {
				t.Fatalf("the write has no action: %+v, %v", writes, err)
			}
			id := writes[0].ActionID
			history, err := f.ledger.History(t.Context(), "app1", "a.example.com")
			if err != nil {
				t.Fatal(err)
			}
			found := 0
			for _, e := range history {
				if e.ActionID == id {
					found++
				}
			}
			if found != 1 {
				t.Errorf("the action is in %d entries of the history, want 1: %+v", found, history)
			}

			ask := func() *ledger.Action {
				if err := w.AskServerPilot(t.Context()); err != nil {
					t.Fatal(err)
				}
				return f.state("app1").Action
			}
			if a := ask(); a != nil {
				t.Fatalf("it was read at once: %+v", a)
			}
			f.letActionsComeDue()
			a := ask()
			if a == nil || a.ID != id || a.Status != c.want {
				t.Errorf("the action is %+v, want %s with %s", a, id, c.want)
			}
			if warning := f.state("app1").ActionWarning(); (warning != nil) != (c.want == serverpilot.ActionError) {
				t.Errorf("the warning is %+v", warning)
			}
			if n := f.rdb.ZCard(t.Context(), actionsKey).Val(); n != 0 {
				t.Errorf("%d actions are to be read once more", n)
			}
			if n := len(f.sim.History("app1")); n != 1 {
				t.Errorf("the list was written %d times", n)
			}
		})
	}
}

// Most writes have an action, so reading them must keep up, and no account's may hold up another's.
func TestActionsOfManyAppsAreReadWithinTheRate(t *testing.T) {
	t.Parallel()
	var apps []string
	opt := simulator.Options{Accounts: []simulator.Account{{ClientID: "sim", APIKey: "sim-key"}, {ClientID: "two", APIKey: "two-key", Apps: []string{"other"}}}}
	for i := range 20 {
		apps = append(apps, fmt.Sprintf("app%02d", i))
		opt.Apps = append(opt.Apps, simulator.App{ID: apps[i], AutoSSL: true})
	}
	opt.Accounts[0].Apps = apps
	opt.Apps = append(opt.Apps, simulator.App{ID: "other", AutoSSL: true})
	f := setup(t, opt)
	cfg := f.config(apps...)
	cfg.Accounts = append(cfg.Accounts, registry.Account{ClientID: "two", APIKey: "two-key", Apps: []string{"other"}})
	stop := f.start(cfg)
	for _, app := range append(apps, "other") {
		f.add(app, "a.example.com")
	}
	for _, app := range append(apps, "other") {
		f.awaitState(app, "a.example.com", tasks.Done)
	}
	f.add("other", "b.example.com")
	f.awaitState("other", "b.example.com", tasks.Done)
	stop()

	cfg.APIRate = 20 // of which half is for such calls
	w, err := worker.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	before := f.sim.Calls("", simulator.ReadAction)
	f.letActionsComeDue()
	for passes := 1; f.rdb.ZCard(t.Context(), actionsKey).Val() > 0; passes++ {
		if passes > 5 {
			t.Fatalf("after %d passes %d actions are still to be read", passes, f.rdb.ZCard(t.Context(), actionsKey).Val())
		}
		if err := w.AskServerPilot(t.Context()); err != nil {
			t.Fatal(err)
		}
		if f.state("other").Action == nil {
			t.Errorf("pass %d left the action of another account", passes)
		}
	}
	if n := f.sim.Calls("", simulator.ReadAction) - before; n != len(apps)+1 {
		t.Errorf("%d actions were read, want one of each app", n)
	}
}

func TestAStoppingWorkerLeavesAnActionToTheNext(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1", AutoSSL: true}}})
	w, _ := f.run(f.config("app1"))
	f.add("app1", "www.a.example.com")
	f.awaitState("app1", "www.a.example.com", tasks.Done)
	release := make(chan struct{})
	f.sim.FailNext("", simulator.ReadAction, simulator.Fault{Until: release})
	f.letActionsComeDue()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.AskServerPilot(ctx) }()
	f.await("the action is being read", func() bool { return f.sim.Calls("", simulator.ReadAction) == 1 })
	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("it failed: %v", err)
		}
	case <-time.After(serverpilot.CallTimeout / 2):
		t.Error("the worker waits for the answer")
	}
	close(release)
	if n := f.rdb.ZCard(t.Context(), actionsKey).Val(); n != 1 {
		t.Errorf("%d actions are to be read, want 1", n)
	}
}

// letActionsComeDue is the minute after a write.
func (f *fixture) letActionsComeDue() {
	f.t.Helper()
	planned := f.rdb.ZRange(f.t.Context(), actionsKey, 0, -1).Val()
	if len(planned) == 0 {
		f.t.Fatal("no action is to be read")
	}
	for _, member := range planned {
		f.rdb.ZAddXX(f.t.Context(), actionsKey, redis.Z{Score: 1, Member: member})
	}
}

// state is the app's state as readers have it.
func (f *fixture) state(app string) ledger.App {
	f.t.Helper()
	states, err := f.ledger.AppStates(f.t.Context(), app)
	if err != nil {
		f.t.Fatal(err)
	}
	return states[0]
}
