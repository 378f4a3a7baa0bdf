package worker_test

import (
	"testing"

	"github.com/hibiken/asynq"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/worker/operator"
)

func TestChangesOfAPausedAppWaitWithoutLossAndWithoutRetries(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}, {ID: "app2"}}})
	f.start(f.config("app1", "app2"))
	operators := operator.New(f.rdb)
	if err := operators.Pause(t.Context(), "app1", "anna"); err != nil {
		t.Fatal(err)
	}
	f.add("app1", "a.example.com", "b.example.com")
	f.add("app2", "c.example.com")
	f.awaitState("app2", "c.example.com", tasks.Done)
	f.awaitState("app1", "b.example.com", tasks.Pending)
	inspector := asynq.NewInspectorFromRedisClient(f.rdb)
	f.await("no sync waits", func() bool {
		info, err := inspector.GetQueueInfo(tasks.QueueLists)
		return err == nil && info.Pending+info.Active+info.Scheduled+info.Retry == 0
	})
	if n := f.sim.Calls("app1", simulator.ReadApp) + f.sim.Calls("app1", simulator.WriteList); n != 0 {
		t.Errorf("%d calls were made for a paused app", n)
	}
	if resumed, err := operators.Resume(t.Context(), "app1", "ada"); err != nil || !resumed {
		t.Fatalf("resumed: %v, %v", resumed, err)
	}
	f.awaitState("app1", "a.example.com", tasks.Done)
	f.awaitState("app1", "b.example.com", tasks.Done)
	if resumed, err := operators.Resume(t.Context(), "app1", "ada"); err != nil || resumed {
		t.Errorf("resumed twice: %v, %v", resumed, err)
	}
}
