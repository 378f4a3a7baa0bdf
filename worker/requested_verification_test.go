package worker_test

import (
	"strings"
	"testing"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
)

// requestVerification requests a new verification of domains of app1, by anna.
func (f *fixture) requestVerification(domains ...string) {
	f.t.Helper()
	targets := make([]enqueue.Target, len(domains))
	for i, d := range domains {
		targets[i] = enqueue.Target{AppID: "app1", Domain: d}
	}
	if _, err := f.client.Verify(f.t.Context(), "anna", targets...); err != nil {
		f.t.Fatal(err)
	}
}

func TestAFailedDomainIsVerifiedAgainOnRequest(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	f.start(f.config("app1"))
	f.add("app1", "nodns.example.com")
	f.awaitState("app1", "nodns.example.com", tasks.Failed)
	f.sim.SetBehaviour("nodns.example.com", simulator.Behaviour{})
	f.sim.SetBehaviour("www.nodns.example.com", simulator.Behaviour{})
	f.requestVerification("nodns.example.com")
	f.awaitState("app1", "nodns.example.com", tasks.Done)
	history, err := f.ledger.History(t.Context(), "app1", "nodns.example.com")
	if err != nil {
		t.Fatal(err)
	}
	last := history[0]
	for _, e := range history { // the first attempt of the new verification
		if e.Actor == "anna" {
			last = e
		}
	}
	if last.Actor != "anna" || last.Attempt != 1 || len(last.Checks) != 2 ||
		last.Checks[0].Code == "" {
		t.Errorf("the history doesn't hold anna's verification with what was seen: %+v", history)
	}
}

func TestARequestedVerificationKeepsDoneAndUnlistedDomains(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	f.start(f.config("app1"))
	f.add("app1", "shop.example.com", "refused.example.com")
	f.awaitState("app1", "shop.example.com", tasks.Done)
	f.awaitState("app1", "refused.example.com", tasks.Rejected)
	before := f.view("app1", "shop.example.com").Record.CheckSeq
	f.requestVerification("refused.example.com", "unknown.example.com", "shop.example.com")
	f.await("it was verified again", func() bool {
		v := f.view("app1", "shop.example.com")
		return v.Record.CheckSeq > before && v.State == tasks.Done && v.Record.Attempt == 1
	})
	if v := f.view("app1", "refused.example.com"); v.State != tasks.Rejected {
		t.Errorf("a rejected domain became %s", v.State)
	}
	if v := f.view("app1", "unknown.example.com"); v.Domain != "" {
		t.Errorf("an unknown domain is known now: %+v", v)
	}
}

func TestADoneDomainStaysDoneWhileServerPilotIsAway(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	f.start(f.config("app1"))
	f.add("app1", "shop.example.com")
	f.awaitState("app1", "shop.example.com", tasks.Done)
	f.sim.SetAccountStatus(401)
	// What was read for the first verification is still fresh enough to be used, until a read of
	// the app fails.
	f.await("ServerPilot couldn't be asked", func() bool {
		f.requestVerification("shop.example.com")
		return strings.HasPrefix(f.view("app1", "shop.example.com").Reason, "could not be checked yet")
	})
	if v := f.view("app1", "shop.example.com"); v.State != tasks.Done {
		t.Errorf("the domain is %s", v.State)
	}
	f.sim.SetAccountStatus(0)
	f.await("it is verified once ServerPilot is back", func() bool {
		return strings.HasPrefix(f.view("app1", "shop.example.com").Reason, "certificate valid")
	})
}
