package worker_test

import (
	"strings"
	"testing"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
)

// wish requests a new verification of domains of app1, by anna.
func (w *world) wish(domains ...string) {
	w.t.Helper()
	targets := make([]enqueue.Target, len(domains))
	for i, d := range domains {
		targets[i] = enqueue.Target{AppID: "app1", Domain: d}
	}
	if _, err := w.client.Verify(w.t.Context(), "anna", targets...); err != nil {
		w.t.Fatal(err)
	}
}

func TestAFailedDomainIsVerifiedAnewWhenAnOperatorWishesIt(t *testing.T) {
	t.Parallel()
	w := setup(t, simulator.Options{})
	w.start(w.config("app1"))
	w.add("app1", "nodns.example.com")
	w.awaitState("app1", "nodns.example.com", tasks.Failed)
	w.sim.SetBehaviour("nodns.example.com", simulator.Behaviour{})
	w.sim.SetBehaviour("www.nodns.example.com", simulator.Behaviour{})
	w.wish("nodns.example.com")
	w.awaitState("app1", "nodns.example.com", tasks.Done)
	history, err := w.ledger.History(t.Context(), "app1", "nodns.example.com")
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
		last.Checks[0].Code == "" || last.AutoSSL == "" {
		t.Errorf("the history doesn't hold anna's verification with what was seen: %+v", history)
	}
}

func TestAWishForAVerificationLeavesAloneWhatIsDoneAndWhatIsNotListed(t *testing.T) {
	t.Parallel()
	w := setup(t, simulator.Options{})
	w.start(w.config("app1"))
	w.add("app1", "shop.example.com", "refused.example.com")
	w.awaitState("app1", "shop.example.com", tasks.Done)
	w.awaitState("app1", "refused.example.com", tasks.Rejected)
	before := w.view("app1", "shop.example.com").Record.CheckSeq
	w.wish("refused.example.com", "unknown.example.com", "shop.example.com")
	w.await("it was looked at again", func() bool {
		v := w.view("app1", "shop.example.com")
		return v.Record.CheckSeq > before && v.State == tasks.Done && v.Record.Attempt == 1
	})
	if v := w.view("app1", "refused.example.com"); v.State != tasks.Rejected {
		t.Errorf("a rejected domain became %s", v.State)
	}
	if v := w.view("app1", "unknown.example.com"); v.Domain != "" {
		t.Errorf("an unknown domain is known now: %+v", v)
	}
}

func TestAWishDoesNotTakeDoneAwayWhileServerPilotIsAway(t *testing.T) {
	t.Parallel()
	w := setup(t, simulator.Options{})
	w.start(w.config("app1"))
	w.add("app1", "shop.example.com")
	w.awaitState("app1", "shop.example.com", tasks.Done)
	w.sim.SetAccountStatus(401)
	// What was read for the first verification is still fresh enough to be used; it
	// isn't any more once a look at the app fails.
	w.await("ServerPilot couldn't be asked", func() bool {
		w.wish("shop.example.com")
		return strings.HasPrefix(w.view("app1", "shop.example.com").Reason, "could not be checked yet")
	})
	if v := w.view("app1", "shop.example.com"); v.State != tasks.Done {
		t.Errorf("the domain is %s", v.State)
	}
	w.sim.SetAccountStatus(0)
	w.await("it is verified once ServerPilot is back", func() bool {
		return strings.HasPrefix(w.view("app1", "shop.example.com").Reason, "certificate valid")
	})
}
