package worker_test

import (
	"slices"
	"testing"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
)

// docs/operations/recovery.md, "What an empty Redis means", says the same in bold.
func TestARemovalAfterALossLeavesTheWWWFormUntilReenqueued(t *testing.T) {
	t.Parallel()
	w := setup(t, simulator.Options{})
	stop := w.start(w.config("app1"))
	w.add("app1", "early.example.com", "late.example.com")
	for _, domain := range []string{"early.example.com", "late.example.com"} {
		w.awaitState("app1", domain, tasks.Done)
	}
	stop()
	if err := w.rdb.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}

	w.start(w.config("app1")) // it knew no ledger, so it doesn't wait for writes of before
	ask := func(r enqueue.Request, state tasks.State) {
		t.Helper()
		r.AppID = "app1"
		if _, err := w.client.Enqueue(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		w.awaitState("app1", r.Domain, state)
	}
	ask(enqueue.Request{Domain: "early.example.com", Remove: true}, tasks.Removed)
	list := w.sim.List("app1")
	if slices.Contains(list, "early.example.com") || !slices.Contains(list, "www.early.example.com") {
		t.Errorf("a removal before the handover should leave the www form alone; the list is %v", list)
	}
	ask(enqueue.Request{Domain: "late.example.com", Import: true}, tasks.Done)
	if got := w.sim.List("app1"); !slices.Equal(got, list) {
		t.Errorf("the handover changed the list from %v to %v", list, got)
	}
	ask(enqueue.Request{Domain: "late.example.com", Remove: true}, tasks.Removed)
	if list := w.sim.List("app1"); slices.Contains(list, "late.example.com") || slices.Contains(list, "www.late.example.com") {
		t.Errorf("a removal after the handover should take both off; the list is %v", list)
	}
}
