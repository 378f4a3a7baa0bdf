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
	f := setup(t, simulator.Options{})
	stop := f.start(f.config("app1"))
	f.add("app1", "early.example.com", "late.example.com")
	for _, domain := range []string{"early.example.com", "late.example.com"} {
		f.awaitState("app1", domain, tasks.Done)
	}
	stop()
	if err := f.rdb.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}

	f.start(f.config("app1")) // it knew no ledger, so it doesn't wait for writes of before
	ask := func(r enqueue.Request, state tasks.State) {
		t.Helper()
		r.AppID = "app1"
		if _, err := f.client.Enqueue(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		f.awaitState("app1", r.Domain, state)
	}
	ask(enqueue.Request{Domain: "early.example.com", Remove: true}, tasks.Removed)
	list := f.sim.List("app1")
	if slices.Contains(list, "early.example.com") || !slices.Contains(list, "www.early.example.com") {
		t.Errorf("a removal before the handover should leave the www form alone; the list is %v", list)
	}
	ask(enqueue.Request{Domain: "late.example.com", Import: true}, tasks.Done)
	if got := f.sim.List("app1"); !slices.Equal(got, list) {
		t.Errorf("the handover changed the list from %v to %v", list, got)
	}
	ask(enqueue.Request{Domain: "late.example.com", Remove: true}, tasks.Removed)
	if list := f.sim.List("app1"); slices.Contains(list, "late.example.com") || slices.Contains(list, "www.late.example.com") {
		t.Errorf("a removal after the handover should take both off; the list is %v", list)
	}
}
