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
func (w *world) verify(app, domain string) (event listsync.HistoryEntry) {
	w.t.Helper()
	receipts, err := w.client.Verify(w.t.Context(), "ada", enqueue.Target{AppID: app, Domain: domain})
	if err != nil {
		w.t.Fatal(err)
	}
	w.await(domain+" was verified", func() bool {
		v := w.view(app, domain)
		if v.Record.CheckSeq < receipts[0].Seq || v.Record.Attempt < 1 {
			return false
		}
		history, err := w.ledger.History(w.t.Context(), app, domain)
		if err != nil {
			w.t.Fatal(err)
		}
		i := slices.IndexFunc(history, func(e listsync.HistoryEntry) bool { return e.Actor == "ada" })
		if i >= 0 {
			event = history[i]
		}
		return i >= 0
	})
	return event
}

// attentive is the configuration of a worker that doesn't take an app's details for
// granted: they may be half as old as the shortest pause before a verification.
func (w *world) attentive(app string) worker.Config {
	cfg := w.config(app)
	cfg.SSLDelays = []time.Duration{time.Millisecond, time.Second, time.Second}
	return cfg
}

func (w *world) edit(app string, names ...string) {
	w.t.Helper()
	if err := w.sim.EditByHand(app, func([]string) []string { return names }); err != nil {
		w.t.Fatal(err)
	}
}

func TestAVerificationReportsThatTheDomainIsOffTheListFirst(t *testing.T) {
	t.Parallel()
	w := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}}})
	w.start(w.attentive("app1"))
	w.add("app1", "shop.example.com")
	w.awaitState("app1", "shop.example.com", tasks.Done)
	w.edit("app1", "hand.example.net")
	event := w.verify("app1", "shop.example.com")
	if want := "shop.example.com is not on ServerPilot's list of app app1 right now; a sync puts it back"; event.Reason != want {
		t.Errorf("the reason is %q, want %q", event.Reason, want)
	}
	for _, check := range event.Checks {
		if check.Code != tasks.CauseNotOnList {
			t.Errorf("of %s it says %+v", check.Name, check)
		}
	}
	w.await("the names are back", func() bool {
		return slices.Equal(w.sim.List("app1"), []string{"hand.example.net", "shop.example.com", "www.shop.example.com"})
	})
	w.awaitState("app1", "shop.example.com", tasks.Done)
}

func TestAMissingWWWFormIsSaidAndPutBack(t *testing.T) {
	t.Parallel()
	w := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}}})
	w.start(w.attentive("app1"))
	w.add("app1", "shop.example.com")
	w.awaitState("app1", "shop.example.com", tasks.Done)
	w.edit("app1", "shop.example.com")
	event := w.verify("app1", "shop.example.com")
	if event.State != tasks.Done {
		t.Errorf("it is %s: %s", event.State, event.Reason)
	}
	if len(event.Checks) != 2 || event.Checks[0].Code != tasks.CauseWorks || event.Checks[1].Code != tasks.CauseNotOnList ||
		event.Checks[1].Params.Message != "a sync puts it back" {
		t.Errorf("it saw %+v", event.Checks)
	}
	w.await("the www form is back", func() bool {
		return slices.Equal(w.sim.List("app1"), []string{"shop.example.com", "www.shop.example.com"})
	})
}

func TestOffTheListOfAPausedAppOrInADryRunNothingIsPutBack(t *testing.T) {
	t.Parallel()
	w := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}}})
	cfg := w.attentive("app1")
	stop := w.start(cfg)
	w.add("app1", "www.shop.example.com")
	w.awaitState("app1", "www.shop.example.com", tasks.Done)
	operator := operator.New(w.rdb)
	if err := operator.Pause(t.Context(), "app1", "ada"); err != nil {
		t.Fatal(err)
	}
	w.edit("app1")
	if event := w.verify("app1", "www.shop.example.com"); !strings.HasSuffix(event.Reason, "right now; a sync puts it back once the app is resumed") {
		t.Errorf("paused: %s", event.Reason)
	}
	stop()
	cfg.DryRun = true
	w.start(cfg)
	if _, err := operator.Resume(t.Context(), "app1"); err != nil {
		t.Fatal(err)
	}
	w.noSyncWaits()
	w.await("the dry run's own", func() bool {
		event := w.verify("app1", "www.shop.example.com")
		return strings.HasSuffix(event.Reason, "right now; a dry run doesn't put it back")
	})
	w.noSyncWaits()
	if list := w.sim.List("app1"); len(list) != 0 {
		t.Errorf("the list is %v", list)
	}
}

// The details of an app are kept for some seconds. A name that was put on the list
// meanwhile isn't missing.
func TestAnAbsenceIsNotBelievedFromMemory(t *testing.T) {
	t.Parallel()
	w := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}}})
	cfg := w.attentive("app1")
	cfg.SSLDelays = []time.Duration{time.Hour, time.Hour} // so they are kept for 10 s
	w.start(cfg)
	for _, domain := range names(3) {
		w.add("app1", domain)
		w.awaitState("app1", domain, tasks.CheckingDNS)
		if event := w.verify("app1", domain); strings.Contains(event.Reason, "right now") {
			t.Errorf("%s: %s", domain, event.Reason)
		}
	}
}
