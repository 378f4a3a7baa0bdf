package worker_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/worker"
	"pilotsync/worker/listsync"
	"pilotsync/worker/operator"
)

// verify has a domain verified, and returns what its history says of that attempt.
func (h *fixture) verify(app, domain string) (event listsync.HistoryEntry) {
	h.t.Helper()
	receipts, err := h.client.Verify(h.t.Context(), "ada", enqueue.Target{AppID: app, Domain: domain})
	if err != nil {
		h.t.Fatal(err)
	}
	h.await(domain+" was verified", func() bool {
		v := h.view(app, domain)
		if v.Record.CheckSeq < receipts[0].Seq || v.Record.Attempt < 1 {
			return false
		}
		history, err := h.ledger.History(h.t.Context(), app, domain)
		if err != nil {
			h.t.Fatal(err)
		}
		i := slices.IndexFunc(history, func(e listsync.HistoryEntry) bool { return e.Actor == "ada" })
		if i >= 0 {
			event = history[i]
		}
		return i >= 0
	})
	return event
}

// configWithoutAppCache is the configuration of a worker that doesn't take an app's details for
// granted: they may be half as old as the shortest pause before a verification.
func (h *fixture) configWithoutAppCache(app string) worker.Config {
	cfg := h.config(app)
	cfg.SSLDelays = []time.Duration{time.Millisecond, time.Second, time.Second}
	return cfg
}

func (h *fixture) edit(app string, names ...string) {
	h.t.Helper()
	if err := h.sim.EditByHand(app, func([]string) []string { return names }); err != nil {
		h.t.Fatal(err)
	}
}

func TestAVerificationReportsThatTheDomainIsOffTheListFirst(t *testing.T) {
	t.Parallel()
	h := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}}})
	h.start(h.configWithoutAppCache("app1"))
	h.add("app1", "shop.example.com")
	h.awaitState("app1", "shop.example.com", tasks.Done)
	h.edit("app1", "hand.example.net")
	event := h.verify("app1", "shop.example.com")
	if want := "shop.example.com is not on ServerPilot's list of app app1 right now; a sync puts it back"; event.Reason != want {
		t.Errorf("the reason is %q, want %q", event.Reason, want)
	}
	for _, check := range event.Checks {
		if check.DNS != "not checked: it is not on ServerPilot's list" || check.TLS != "" {
			t.Errorf("of %s it says %+v", check.Name, check)
		}
	}
	h.await("the names are back", func() bool {
		return slices.Equal(h.sim.List("app1"), []string{"hand.example.net", "shop.example.com", "www.shop.example.com"})
	})
	h.awaitState("app1", "shop.example.com", tasks.Done)
}

func TestAMissingWWWFormIsSaidAndPutBack(t *testing.T) {
	t.Parallel()
	h := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}}})
	h.start(h.configWithoutAppCache("app1"))
	h.add("app1", "shop.example.com")
	h.awaitState("app1", "shop.example.com", tasks.Done)
	h.edit("app1", "shop.example.com")
	event := h.verify("app1", "shop.example.com")
	if event.State != tasks.Done || !strings.Contains(event.Reason, "warning: www.shop.example.com is not on ServerPilot's list of app app1 right now; a sync puts it back") {
		t.Errorf("it is %s: %s", event.State, event.Reason)
	}
	want := []listsync.Check{{Name: "shop.example.com"}, {Name: "www.shop.example.com", DNS: "not checked: it is not on ServerPilot's list"}}
	if len(event.Checks) != 2 || event.Checks[1] != want[1] || !strings.HasPrefix(event.Checks[0].DNS, "points here") {
		t.Errorf("it saw %+v", event.Checks)
	}
	h.await("the www form is back", func() bool {
		return slices.Equal(h.sim.List("app1"), []string{"shop.example.com", "www.shop.example.com"})
	})
}

func TestOffTheListOfAPausedAppOrInADryRunNothingIsPutBack(t *testing.T) {
	t.Parallel()
	h := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}}})
	cfg := h.configWithoutAppCache("app1")
	stop := h.start(cfg)
	h.add("app1", "www.shop.example.com")
	h.awaitState("app1", "www.shop.example.com", tasks.Done)
	operator := operator.New(h.rdb)
	if err := operator.Pause(t.Context(), "app1", "ada"); err != nil {
		t.Fatal(err)
	}
	h.edit("app1")
	if event := h.verify("app1", "www.shop.example.com"); !strings.HasSuffix(event.Reason, "right now; a sync puts it back once the app is resumed") {
		t.Errorf("paused: %s", event.Reason)
	}
	stop()
	cfg.DryRun = true
	h.start(cfg)
	if _, err := operator.Resume(t.Context(), "app1"); err != nil {
		t.Fatal(err)
	}
	h.awaitNoSyncs()
	h.await("the dry run's own", func() bool {
		event := h.verify("app1", "www.shop.example.com")
		return strings.HasSuffix(event.Reason, "right now; a dry run doesn't put it back")
	})
	h.awaitNoSyncs()
	if list := h.sim.List("app1"); len(list) != 0 {
		t.Errorf("the list is %v", list)
	}
}

// The details of an app are kept for some seconds. A name that was put on the list
// meanwhile isn't missing.
func TestAnAbsenceIsNotBelievedFromMemory(t *testing.T) {
	t.Parallel()
	h := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}}})
	cfg := h.configWithoutAppCache("app1")
	cfg.SSLDelays = []time.Duration{time.Hour, time.Hour} // so they are kept for 10 s
	h.start(cfg)
	for _, domain := range names(3) {
		h.add("app1", domain)
		h.awaitState("app1", domain, tasks.CheckingDNS)
		if event := h.verify("app1", domain); strings.Contains(event.Reason, "right now") {
			t.Errorf("%s: %s", domain, event.Reason)
		}
	}
}
