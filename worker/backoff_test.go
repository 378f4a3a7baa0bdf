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
func (h *fixture) syncs(app string) (ids []string) {
	h.t.Helper()
	inspector := asynq.NewInspectorFromRedisClient(h.rdb)
	for _, list := range []func(string, ...asynq.ListOption) ([]*asynq.TaskInfo, error){
		inspector.ListRetryTasks, inspector.ListScheduledTasks, inspector.ListPendingTasks, inspector.ListActiveTasks} {
		found, err := list(tasks.QueueLists)
		if err != nil {
			h.t.Fatal(err)
		}
		for _, task := range found {
			if s, err := tasks.Decode[tasks.Sync](task.Payload); err == nil && s.AppID == app && s.Hour == 0 {
				ids = append(ids, task.ID+" ("+task.State.String()+")")
			}
		}
	}
	return ids
}

func (h *fixture) app(id string) ledger.App {
	h.t.Helper()
	app, err := h.ledger.App(h.t.Context(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	return app
}

// Each start once added a sync task, and all of them counted the same failures: with
// five workers the backoff was at its limit within seconds.
func TestWorkersThatStartTogetherMoveARetryForwardOnce(t *testing.T) {
	t.Parallel()
	h := setup(t, simulator.Options{})
	h.sim.SetAppStatus("app1", http.StatusServiceUnavailable)
	h.start(h.config("app1"))
	h.add("app1", "www.shop.example.com")
	h.await("the sync failed four times", func() bool { return h.app("app1").Fails >= 4 })
	before := h.app("app1").Fails
	for range 5 {
		h.start(h.config("app1"))
	}
	h.await("a start moved the retry forward", func() bool {
		return h.rdb.Exists(t.Context(), "pilotsync:{app1}:retried").Val() == 1 && h.app("app1").Fails > before
	})
	h.await("the sync failed once more", func() bool { return h.app("app1").Fails > before+1 })
	if ids := h.syncs("app1"); len(ids) > 1 {
		t.Errorf("these sync tasks of the app wait: %q, want one", ids)
	}
	h.sim.SetAppStatus("app1", 0)
	h.start(h.config("app1")) // it moves the retry forward again
	h.awaitState("app1", "www.shop.example.com", tasks.Done)
}

func TestAnAppThatNoWorkerServesIsRetriedByOneTaskWithTheUsualBackoff(t *testing.T) {
	t.Parallel()
	h := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}, {ID: "app2"}}})
	for range 3 {
		h.start(h.config("app1"))
	}
	h.add("app2", "www.shop.example.com")
	h.await("its sync was tried three times", func() bool { return h.app("app2").Fails >= 3 })
	// As an operator, an hour's look or an older release does it: another task.
	wake, err := h.ledger.Wake(t.Context(), "app2")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := asynq.NewClientFromRedisClient(h.rdb).Enqueue(asynq.NewTask(tasks.TypeAppSync, tasks.Encode(tasks.Sync{AppID: "app2", Wake: wake})),
		asynq.Queue(tasks.QueueLists), asynq.TaskID(tasks.Sync{AppID: "app2", Wake: wake}.ID())); err != nil {
		t.Fatal(err)
	}
	h.await("one sync task is left, that of the last wake", func() bool {
		ids := h.syncs("app2")
		return len(ids) == 1 && strings.HasPrefix(ids[0], tasks.Sync{AppID: "app2", Wake: wake}.ID()+" ")
	})
	h.start(h.config("app2"))
	h.await("the name is on the list", func() bool { return len(h.sim.List("app2")) == 1 })
}

// Where workers serve different apps, a task may come to one that doesn't serve its app.
func TestAnAppThatAnotherWorkerServesIsInNoTrouble(t *testing.T) {
	t.Parallel()
	h := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}, {ID: "app2"}}})
	h.start(h.config("app1"))
	h.start(h.config("app2"))
	h.await("both workers are announced", func() bool {
		live, err := h.ledger.Workers(t.Context())
		return err == nil && len(live) == 2
	})
	for _, app := range []string{"app1", "app2"} {
		h.add(app, names(3)...)
	}
	for _, app := range []string{"app1", "app2"} {
		h.await("the names are on the list", func() bool { return len(h.sim.List(app)) == 3 })
		if state := h.app(app); state.Failure != nil || state.Fails != 0 {
			t.Errorf("%s: %d failures, trouble %+v", app, state.Fails, state.Failure)
		}
	}
}
