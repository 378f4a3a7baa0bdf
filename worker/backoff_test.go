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

// syncs are the sync tasks of an app that are still to run, or run just now.
func (w *world) syncs(app string) (ids []string) {
	w.t.Helper()
	inspector := asynq.NewInspectorFromRedisClient(w.rdb)
	for _, list := range []func(string, ...asynq.ListOption) ([]*asynq.TaskInfo, error){
		inspector.ListRetryTasks, inspector.ListScheduledTasks, inspector.ListPendingTasks, inspector.ListActiveTasks} {
		found, err := list(tasks.QueueLists)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, task := range found {
			if s, err := tasks.Decode[tasks.Sync](task.Payload); err == nil && s.AppID == app && s.Hour == 0 {
				ids = append(ids, task.ID+" ("+task.State.String()+")")
			}
		}
	}
	return ids
}

func (w *world) app(id string) ledger.App {
	w.t.Helper()
	app, err := w.ledger.App(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return app
}

// Each start once added a sync task, and all of them counted the same failures: with
// five workers the backoff was at its limit within seconds.
func TestWorkersThatStartTogetherMoveARetryForwardOnce(t *testing.T) {
	t.Parallel()
	w := setup(t, simulator.Options{})
	w.sim.SetAppStatus("app1", http.StatusServiceUnavailable)
	w.start(w.config("app1"))
	w.add("app1", "www.shop.example.com")
	w.await("the sync failed four times", func() bool { return w.app("app1").Fails >= 4 })
	before := w.app("app1").Fails
	for range 5 {
		w.start(w.config("app1"))
	}
	w.await("a start moved the retry forward", func() bool {
		return w.rdb.Exists(t.Context(), "pilotsync:{app1}:retried").Val() == 1 && w.app("app1").Fails > before
	})
	w.await("the sync failed once more", func() bool { return w.app("app1").Fails > before+1 })
	if ids := w.syncs("app1"); len(ids) > 1 {
		t.Errorf("these sync tasks of the app wait: %q, want one", ids)
	}
	w.sim.SetAppStatus("app1", 0)
	w.start(w.config("app1")) // it moves the retry forward again
	w.awaitState("app1", "www.shop.example.com", tasks.Done)
}

func TestAnAppThatNoWorkerServesIsRetriedByOneTaskWithTheUsualBackoff(t *testing.T) {
	t.Parallel()
	w := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}, {ID: "app2"}}})
	for range 3 {
		w.start(w.config("app1"))
	}
	w.add("app2", "www.shop.example.com")
	w.await("its sync was tried three times", func() bool { return w.app("app2").Fails >= 3 })
	// As an operator, an hour's look or an older release does it: another task.
	wake, err := w.ledger.Wake(t.Context(), "app2")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := asynq.NewClientFromRedisClient(w.rdb).Enqueue(asynq.NewTask(tasks.TypeAppSync, tasks.Encode(tasks.Sync{AppID: "app2", Wake: wake})),
		asynq.Queue(tasks.QueueLists), asynq.TaskID(tasks.Sync{AppID: "app2", Wake: wake}.ID())); err != nil {
		t.Fatal(err)
	}
	w.await("one sync task is left, that of the last wake", func() bool {
		ids := w.syncs("app2")
		return len(ids) == 1 && strings.HasPrefix(ids[0], tasks.Sync{AppID: "app2", Wake: wake}.ID()+" ")
	})
	w.start(w.config("app2"))
	w.await("the name is on the list", func() bool { return len(w.sim.List("app2")) == 1 })
}

// Where workers serve different apps, a task may come to one that doesn't serve its app.
func TestAnAppThatAnotherWorkerServesIsInNoTrouble(t *testing.T) {
	t.Parallel()
	w := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}, {ID: "app2"}}})
	w.start(w.config("app1"))
	w.start(w.config("app2"))
	w.await("both workers are announced", func() bool {
		live, err := w.ledger.Workers(t.Context())
		return err == nil && len(live) == 2
	})
	for _, app := range []string{"app1", "app2"} {
		w.add(app, names(3)...)
	}
	for _, app := range []string{"app1", "app2"} {
		w.await("the names are on the list", func() bool { return len(w.sim.List(app)) == 3 })
		if state := w.app(app); state.Failure != nil || state.Fails != 0 {
			t.Errorf("%s: %d failures, trouble %+v", app, state.Fails, state.Failure)
		}
	}
}
