//go:build faults

package faults

import (
	"context"
	"slices"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/test/workload"
)

// enqueue enqueues changes once, and records the outcome.
func (f *fixture) enqueue(ctx context.Context, reqs ...enqueue.Request) error {
	return f.workload.Enqueue(ctx, f.client, reqs...)
}

// add enqueues the addition of domains.
func (f *fixture) add(app string, domains ...string) {
	f.t.Helper()
	reqs := make([]enqueue.Request, len(domains))
	for i, d := range domains {
		reqs[i] = enqueue.Request{AppID: app, Domain: d}
	}
	if err := f.enqueue(f.t.Context(), reqs...); err != nil {
		f.t.Fatal(err)
	}
}

// check compares lists and states with the requests: each desired name is listed once, and else
// only names set by hand, in their places. No two writes of an app overlapped.
func (f *fixture) check() {
	f.t.Helper()
	f.checkLists()
	f.checkNoOverlap()
}

// checkNoOverlap fails the test if two writes of an app overlapped.
func (f *fixture) checkNoOverlap() {
	f.t.Helper()
	workload.CheckNoOverlap(f.t, f.sim)
}

// checkLists is check without the overlaps.
func (f *fixture) checkLists() {
	f.t.Helper()
	f.workload.Check(f.t, f.sim, f.ledger)
}

// checkAddedOnce checks the writes of an app whose domains were only added: each name joined the
// list once and never left it.
func (f *fixture) checkAddedOnce(app string) {
	f.t.Helper()
	came := map[string]int{}
	for _, write := range f.sim.History(app) {
		for _, name := range without(write.After, write.Before) {
			if came[name]++; came[name] > 1 {
				f.t.Errorf("app %s: %s came onto the list twice", app, name)
			}
		}
		if removed := without(write.Before, write.After); len(removed) > 0 {
			f.t.Errorf("app %s: %v left the list (write %d)", app, removed, write.Index)
		}
	}
}

// without are the names of a that b doesn't have.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(name string) bool { return slices.Contains(b, name) })
}

// sent are an app's writes over the API.
func (f *fixture) sent(app string) []simulator.Write {
	return slices.DeleteFunc(f.sim.History(app), func(x simulator.Write) bool { return x.ByHand })
}
