package worker_test

import (
	"strings"
	"testing"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
)

// requestVerification requests a new verification of domains of app1, by anna.
func (h *fixture) requestVerification(domains ...string) {
	h.t.Helper()
	targets := make([]enqueue.Target, len(domains))
	for i, d := range domains {
		targets[i] = enqueue.Target{AppID: "app1", Domain: d}
	}
	if _, err := h.client.Verify(h.t.Context(), "anna", targets...); err != nil {
		h.t.Fatal(err)
	}
}

func TestAFailedDomainIsVerifiedAnewWhenAnOperatorWishesIt(t *testing.T) {
	t.Parallel()
	h := setup(t, simulator.Options{})
	h.start(h.config("app1"))
	h.add("app1", "nodns.example.com")
	h.awaitState("app1", "nodns.example.com", tasks.Failed)
	h.sim.SetBehaviour("nodns.example.com", simulator.Behaviour{})
	h.sim.SetBehaviour("www.nodns.example.com", simulator.Behaviour{})
	h.requestVerification("nodns.example.com")
	h.awaitState("app1", "nodns.example.com", tasks.Done)
	history, err := h.ledger.History(t.Context(), "app1", "nodns.example.com")
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
		!strings.HasPrefix(last.Checks[0].DNS, "points here") || last.AutoSSL == "" {
		t.Errorf("the history doesn't hold anna's verification with what was seen: %+v", history)
	}
}

func TestAWishForAVerificationLeavesAloneWhatIsDoneAndWhatIsNotListed(t *testing.T) {
	t.Parallel()
	h := setup(t, simulator.Options{})
	h.start(h.config("app1"))
	h.add("app1", "shop.example.com", "refused.example.com")
	h.awaitState("app1", "shop.example.com", tasks.Done)
	h.awaitState("app1", "refused.example.com", tasks.Rejected)
	before := h.view("app1", "shop.example.com").Record.CheckSeq
	h.requestVerification("refused.example.com", "unknown.example.com", "shop.example.com")
	h.await("it was looked at again", func() bool {
		v := h.view("app1", "shop.example.com")
		return v.Record.CheckSeq > before && v.State == tasks.Done && v.Record.Attempt == 1
	})
	if v := h.view("app1", "refused.example.com"); v.State != tasks.Rejected {
		t.Errorf("a rejected domain became %s", v.State)
	}
	if v := h.view("app1", "unknown.example.com"); v.Domain != "" {
		t.Errorf("an unknown domain is known now: %+v", v)
	}
}

func TestAWishDoesNotTakeDoneAwayWhileServerPilotIsAway(t *testing.T) {
	t.Parallel()
	h := setup(t, simulator.Options{})
	h.start(h.config("app1"))
	h.add("app1", "shop.example.com")
	h.awaitState("app1", "shop.example.com", tasks.Done)
	h.sim.SetAccountStatus(401)
	// What was read for the first verification is still fresh enough to be used; it
	// isn't any more once a look at the app fails.
	h.await("ServerPilot couldn't be asked", func() bool {
		h.requestVerification("shop.example.com")
		return strings.HasPrefix(h.view("app1", "shop.example.com").Reason, "could not be checked yet")
	})
	if v := h.view("app1", "shop.example.com"); v.State != tasks.Done {
		t.Errorf("the domain is %s", v.State)
	}
	h.sim.SetAccountStatus(0)
	h.await("it is verified once ServerPilot is back", func() bool {
		return strings.HasPrefix(h.view("app1", "shop.example.com").Reason, "certificate valid")
	})
}
