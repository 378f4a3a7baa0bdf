package worker_test

import (
	"testing"
	"time"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
)

func TestANameThatIsNeverCertifiedHasOneAttempt(t *testing.T) {
	t.Parallel()
	w := setup(t, simulator.Options{})
	w.sim.SetBehaviour("shop.local", simulator.Behaviour{NoDNS: true})
	w.sim.SetBehaviour("ab--c.example.com", simulator.Behaviour{NoCert: true})
	w.start(w.config("app1"))
	w.add("app1", "shop.local", "ab--c.example.com")
	for domain, ends := range map[string]tasks.State{"shop.local": tasks.Failed, "ab--c.example.com": tasks.DoneWithoutSSL} {
		w.await(domain+" reaches the list", func() bool { return w.view("app1", domain).State.Listed() })
		if got := w.view("app1", domain).Cause.Code; got != tasks.CauseNameNotCertifiable {
			t.Errorf("%s is listed with the cause %s", domain, got)
		}
		w.awaitState("app1", domain, ends)
		r := w.view("app1", domain).Record
		if r.Cause.Code != tasks.CauseNameNotCertifiable || r.Attempt != 1 || r.NextAttemptAt != nil || r.RecheckAt == nil || r.RecheckAt.Before(r.EndedAt.Add(7*24*time.Hour)) {
			t.Errorf("%s: %s after %d attempts; next attempt %v, recheck %v", domain, r.Cause.Code, r.Attempt, r.NextAttemptAt, r.RecheckAt)
		}
	}
}

func TestACertificateOfTheAppsOwnMayCoverAnyName(t *testing.T) {
	t.Parallel()
	w := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1", CustomCertificate: true}}})
	w.start(w.config("app1"))
	w.add("app1", "shop.local")
	w.awaitState("app1", "shop.local", tasks.Done)
	if w.view("app1", "shop.local").Record.RecheckAt == nil {
		t.Error("a domain that works isn't rechecked")
	}
}

func TestSuchANameCanBeVerifiedAgainOnRequest(t *testing.T) {
	t.Parallel()
	w := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1", AutoSSL: true}}})
	w.sim.SetBehaviour("ab--c.example.com", simulator.Behaviour{NoCert: true})
	w.start(w.config("app1"))
	w.add("app1", "ab--c.example.com")
	w.awaitState("app1", "ab--c.example.com", tasks.DoneWithoutSSL)
	w.sim.SetBehaviour("ab--c.example.com", simulator.Behaviour{}) // as if another certificate were there
	w.verify("app1", "ab--c.example.com")
	w.awaitState("app1", "ab--c.example.com", tasks.Done)
}
