package worker_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/hibiken/asynq"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

// syncs returns the waiting and running sync tasks of an app.
func (f *fixture) syncs(app string) (ids []string) {
	f.t.Helper()
	inspector := asynq.NewInspectorFromRedisClient(f.rdb)
	for _, list := range []func(string, ...asynq.ListOption) ([]*asynq.TaskInfo, error){
		inspector.ListRetryTasks, inspector.ListScheduledTasks, inspector.ListPendingTasks, inspector.ListActiveTasks} {
		found, err := list(tasks.QueueLists)
		if err != nil {
			f.t.Fatal(err)
		}
		for _, task := range found {
			if s, err := tasks.Decode[tasks.Sync](task.Payload); err == nil && s.AppID == app && s.Hour == 0 {
				ids = append(ids, task.ID+" ("+task.State.String()+")")
			}
		}
	}
	return ids
}

func (f *fixture) app(id string) ledger.App {
	f.t.Helper()
	app, err := f.ledger.App(f.t.Context(), id)
	if err != nil {
		f.t.Fatal(err)
	}
	return app
}

// In an earlier version each start added a sync task, and all of them counted the same
// failures. With five workers the backoff was at its limit within seconds.
func TestWorkersThatStartTogetherMoveARetryForwardOnce(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	f.sim.SetAppStatus("app1", http.StatusServiceUnavailable)
	f.start(f.config("app1"))
	f.add("app1", "www.shop.example.com")
	f.await("the sync failed four times", func() bool { return f.app("app1").Fails >= 4 })
	before := f.app("app1").Fails
	for range 5 {
		f.start(f.config("app1"))
	}
	f.await("a start moved the retry forward", func() bool {
		return f.rdb.Exists(t.Context(), "pilotsync:{app1}:retried").Val() == 1 && f.app("app1").Fails > before
	})
	f.await("the sync failed once more", func() bool { return f.app("app1").Fails > before+1 })
	if ids := f.syncs("app1"); len(ids) > 1 {
		t.Errorf("these sync tasks of the app wait: %q, want one", ids)
	}
	f.sim.SetAppStatus("app1", 0)
	f.start(f.config("app1")) // it moves the retry forward again
	f.awaitState("app1", "www.shop.example.com", tasks.Done)
}

func TestAnUnservedAppIsRetriedByOneTaskWithTheUsualBackoff(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}, {ID: "app2"}}})
	for range 3 {
		f.start(f.config("app1"))
	}
	f.add("app2", "www.shop.example.com")
	f.await("its sync was tried three times", func() bool { return f.app("app2").Fails >= 3 })
	// A second task, as an operator, a reconciliation or an older release makes it.
	wake, err := f.ledger.Wake(t.Context(), "app2")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := asynq.NewClientFromRedisClient(f.rdb).Enqueue(asynq.NewTask(tasks.TypeAppSync, tasks.Encode(tasks.Sync{AppID: "app2", Wake: wake})),
		asynq.Queue(tasks.QueueLists), asynq.TaskID(tasks.Sync{AppID: "app2", Wake: wake}.ID())); err != nil {
		t.Fatal(err)
	}
	f.await("one sync task is left, that of the last wake", func() bool {
		ids := f.syncs("app2")
		return len(ids) == 1 && strings.HasPrefix(ids[0], tasks.Sync{AppID: "app2", Wake: wake}.ID()+" ")
	})
	f.start(f.config("app2"))
	f.await("the name is on the list", func() bool { return len(f.sim.List("app2")) == 1 })
}

// If workers serve different apps, a worker may get a task of an app that it doesn't serve.
func TestAnAppThatAnotherWorkerServesIsNotFailing(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}, {ID: "app2"}}})
	f.start(f.config("app1"))
	f.start(f.config("app2"))
	f.await("both workers are announced", func() bool {
		live, err := f.ledger.Workers(t.Context())
		return err == nil && len(live) == 2
	})
	for _, app := range []string{"app1", "app2"} {
		f.add(app, names(3)...)
	}
	for _, app := range []string{"app1", "app2"} {
		f.await("the names are on the list", func() bool { return len(f.sim.List(app)) == 3 })
		if state := f.app(app); state.Failure != nil || state.Fails != 0 {
			t.Errorf("%s: %d failures, last %+v", app, state.Fails, state.Failure)
		}
	}
}
