package worker_test

import (
	"testing"
	"time"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
)

func TestADisconnectedServerIsTheCauseUntilItIsBack(t *testing.T) {
	t.Parallel()
	w := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1", AutoSSL: true, Domains: []string{"works.example.com", "www.works.example.com"}}},
		LastConn: time.Now().Add(-time.Hour)})
	w.start(w.config("app1"))
	w.sim.SetBehaviour("late.example.com", simulator.Behaviour{NoCert: true})
	w.add("app1", "works.example.com", "late.example.com", "nodns.example.com")
	w.awaitState("app1", "works.example.com", tasks.Done)
	for _, domain := range []string{"late.example.com", "nodns.example.com"} {
		w.awaitCause("app1", domain, tasks.CauseServerDisconnected)
	}
	w.awaitState("app1", "nodns.example.com", tasks.Failed)
	r := w.view("app1", "nodns.example.com").Record
	if len(r.Warnings) != 2 || r.Warnings[0].Code != tasks.CauseDNSMissing {
		t.Errorf("what the owner has to do isn't among the warnings: %s", r.Reason())
	}

	w.verify("app1", "works.example.com")
	w.await("the second verification of a site that works", func() bool {
		r := w.view("app1", "works.example.com").Record
		return r.CheckSeq > r.Seq && r.State == tasks.Done
	})
	w.sim.Disconnect(time.Time{})
	w.verify("app1", "nodns.example.com")
	w.awaitCause("app1", "nodns.example.com", tasks.CauseDNSMissing)
}
