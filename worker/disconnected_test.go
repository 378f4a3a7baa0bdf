package worker_test

import (
	"testing"
	"time"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
)

func TestADisconnectedServerIsTheCauseUntilItIsBack(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1", AutoSSL: true, Domains: []string{"works.example.com", "www.works.example.com"}}},
		LastConn: time.Now().Add(-time.Hour)})
	f.start(f.config("app1"))
	f.sim.SetBehaviour("late.example.com", simulator.Behaviour{NoCert: true})
	f.add("app1", "works.example.com", "late.example.com", "nodns.example.com")
	f.awaitState("app1", "works.example.com", tasks.Done)
	for _, domain := range []string{"late.example.com", "nodns.example.com"} {
		f.awaitCause("app1", domain, tasks.CauseServerDisconnected)
	}
	f.awaitState("app1", "nodns.example.com", tasks.Failed)
	r := f.view("app1", "nodns.example.com").Record
	if len(r.Warnings) != 2 || r.Warnings[0].Code != tasks.CauseDNSMissing {
		t.Errorf("what the owner has to do isn't among the warnings: %s", r.Reason())
	}

	f.verify("app1", "works.example.com")
	f.await("the second verification of a site that works", func() bool {
		r := f.view("app1", "works.example.com").Record
		return r.CheckSeq > r.Seq && r.State == tasks.Done
	})
	f.sim.Disconnect(time.Time{})
	f.verify("app1", "nodns.example.com")
	f.awaitCause("app1", "nodns.example.com", tasks.CauseDNSMissing)
}
