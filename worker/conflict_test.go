package worker_test

import (
	"slices"
	"testing"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
)

func TestANameThatAlwaysConflictsBlocksNoOther(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1", Domains: []string{"here.example.net"}}}})
	f.sim.SetBehaviour("bad.example.com", simulator.Behaviour{Conflict: "a domain exists already"})
	f.start(f.config("app1"))
	all := names(6)
	f.add("app1", append([]string{"bad.example.com"}, all...)...)
	for _, name := range all {
		f.awaitState("app1", name, tasks.Done)
	}
	f.awaitCause("app1", "bad.example.com", tasks.CauseRefusedByServerPilot)
	v := f.view("app1", "bad.example.com")
	if v.State != tasks.Rejected || v.Cause.Params.Message != "a domain exists already" {
		t.Errorf("the name: %s, %+v", v.State, v.Cause)
	}
	if list := f.sim.List("app1"); len(list) != 1+len(all) {
		t.Errorf("the list is %q", list)
	}
}

func TestAPassingConflictRefusesNothing(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	f.sim.FailNext("app1", simulator.WriteList, slices.Repeat([]simulator.Fault{{Kind: simulator.Error409}}, 5)...)
	f.start(f.config("app1"))
	f.add("app1", "www.shop.example.com")
	f.awaitState("app1", "www.shop.example.com", tasks.Done)
}
