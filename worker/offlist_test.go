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

// verify verifies a domain and returns the history entry of that attempt.
func (f *fixture) verify(app, domain string) (event listsync.HistoryEntry) {
	f.t.Helper()
	receipts, err := f.client.Verify(f.t.Context(), "ada", enqueue.Target{AppID: app, Domain: domain})
	if err != nil {
		f.t.Fatal(err)
	}
	f.await(domain+" was verified", func() bool {
		v := f.view(app, domain)
		if v.Record.CheckSeq < receipts[0].Seq || v.Record.Attempt < 1 {
			return false
		}
		history, err := f.ledger.History(f.t.Context(), app, domain)
		if err != nil {
			f.t.Fatal(err)
		}
		i := slices.IndexFunc(history, func(e listsync.HistoryEntry) bool { return e.Actor == "ada" })
		if i >= 0 {
			event = history[i]
		}
		return i >= 0
	})
	return event
}

// configWithoutAppCache is the configuration of a worker that keeps an app's details only
// briefly. They may be half as old as the shortest delay before a verification.
func (f *fixture) configWithoutAppCache(app string) worker.Config {
	cfg := f.config(app)
	cfg.SSLDelays = []time.Duration{time.Millisecond, time.Second, time.Second}
	return cfg
}

func (f *fixture) edit(app string, names ...string) {
	f.t.Helper()
	if err := f.sim.EditByHand(app, func([]string) []string { return names }); err != nil {
		f.t.Fatal(err)
	}
}

func TestAVerificationFirstReportsAnUnlistedDomain(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}}})
	f.start(f.configWithoutAppCache("app1"))
	f.add("app1", "shop.example.com")
	f.awaitState("app1", "shop.example.com", tasks.Done)
	var event listsync.HistoryEntry
	f.await("a verification comes before the sync that puts the names back", func() bool {
		f.edit("app1", "hand.example.net")
		event = f.verify("app1", "shop.example.com")
		return event.Reason == "shop.example.com is not on ServerPilot's list of app app1 right now; a sync puts it back"
	})
	for _, check := range event.Checks {
		if check.Code != tasks.CauseNotOnList {
			t.Errorf("of %s it says %+v", check.Name, check)
		}
	}
	f.await("the names are back", func() bool {
		return slices.Equal(f.sim.List("app1"), []string{"hand.example.net", "shop.example.com", "www.shop.example.com"})
	})
	f.awaitState("app1", "shop.example.com", tasks.Done)
}

func TestAMissingWWWFormIsReportedAndPutBack(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}}})
	f.start(f.configWithoutAppCache("app1"))
	f.add("app1", "shop.example.com")
	f.awaitState("app1", "shop.example.com", tasks.Done)
	var event listsync.HistoryEntry
	f.await("a verification comes before the sync that puts the form back", func() bool {
		f.edit("app1", "shop.example.com")
		event = f.verify("app1", "shop.example.com")
		return len(event.Checks) == 2 && event.Checks[1].Code == tasks.CauseNotOnList
	})
	if event.State != tasks.Done {
		t.Errorf("it is %s: %s", event.State, event.Reason)
	}
	if len(event.Checks) != 2 || event.Checks[0].Code != tasks.CauseWorks || event.Checks[1].Code != tasks.CauseNotOnList ||
		event.Checks[1].Params.Message != "a sync puts it back" {
		t.Errorf("it saw %+v", event.Checks)
	}
	f.await("the www form is back", func() bool {
		return slices.Equal(f.sim.List("app1"), []string{"shop.example.com", "www.shop.example.com"})
	})
}

func TestAPausedAppOrADryRunPutsNoNameBack(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}}})
	cfg := f.configWithoutAppCache("app1")
	stop := f.start(cfg)
	f.add("app1", "www.shop.example.com")
	f.awaitState("app1", "www.shop.example.com", tasks.Done)
	operator := operator.New(f.rdb)
	if err := operator.Pause(t.Context(), "app1", "ada"); err != nil {
		t.Fatal(err)
	}
	f.edit("app1")
	if event := f.verify("app1", "www.shop.example.com"); !strings.HasSuffix(event.Reason, "right now; a sync puts it back once the app is resumed") {
		t.Errorf("paused: %s", event.Reason)
	}
	stop()
	cfg.DryRun = true
	f.start(cfg)
	if _, err := operator.Resume(t.Context(), "app1", "ada"); err != nil {
		t.Fatal(err)
	}
	f.awaitNoSyncs()
	f.await("the dry run's own", func() bool {
		event := f.verify("app1", "www.shop.example.com")
		return strings.HasSuffix(event.Reason, "right now; a dry run doesn't put it back")
	})
	f.awaitNoSyncs()
	if list := f.sim.List("app1"); len(list) != 0 {
		t.Errorf("the list is %v", list)
	}
}

// An app is cached for some seconds. A name that was added meanwhile isn't missing.
func TestAMissingNameIsNotConcludedFromTheCache(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}}})
	cfg := f.configWithoutAppCache("app1")
	cfg.SSLDelays = []time.Duration{time.Hour, time.Hour} // so they are kept for 10 s
	f.start(cfg)
	for _, domain := range names(3) {
		f.add("app1", domain)
		f.awaitState("app1", domain, tasks.CheckingDNS)
		if event := f.verify("app1", domain); strings.Contains(event.Reason, "right now") {
			t.Errorf("%s: %s", domain, event.Reason)
		}
	}
}
