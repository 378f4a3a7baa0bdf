package worker_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"pilotsync/internal/serverpilot"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
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
