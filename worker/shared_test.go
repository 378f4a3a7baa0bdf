package worker_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
)

// shares reports whether an app's domain has the warning of another app, which ServerPilot
// serves or not.
func (f *fixture) shares(app, domain, other, served string) bool {
	return slices.ContainsFunc(f.view(app, domain).Record.Warnings, func(c tasks.Cause) bool {
		return c.Code == tasks.CauseOnTwoApps && c.Params.App == other && c.Params.Served == served
	})
}

func TestAMovedDomainWarnsOnBothAppsAndEndsClean(t *testing.T) {
	t.Parallel()
	// The simulator's names of apps are in the order of their ids.
	w := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1", AutoSSL: true}, {ID: "app2", AutoSSL: true}, {ID: "far", ServerID: "server2", AutoSSL: true}}})
	w.start(w.config("app1", "app2", "far"))
	const domain = "moves.example.com"
	w.add("app1", domain)
	w.awaitState("app1", domain, tasks.Done)
	if r := w.view("app1", domain).Record; len(r.Warnings) != 0 {
		t.Fatalf("before it moves: %s", r.Reason())
	}
	w.add("far", domain)
	w.awaitState("far", domain, tasks.Done)
	w.add("app2", "www."+domain)
	w.add("app2", domain)
	w.awaitState("app2", domain, tasks.Done)
	w.await("the warning on the new app", func() bool { return w.shares("app2", domain, "app1", "app1") })
	w.await("the warning on the old app", func() bool { return w.shares("app1", domain, "app2", "app1") })
	w.await("the warning on the app that has its www form", func() bool { return w.shares("app2", "www."+domain, "app1", "app1") })
	if state := w.view("app1", domain).State; state != tasks.Done {
		t.Errorf("the old app's domain works, and is %s", state)
	}

	if _, err := w.client.Enqueue(t.Context(), enqueue.Request{AppID: "app1", Domain: domain, Remove: true}); err != nil {
		t.Fatal(err)
	}
	w.awaitState("app1", domain, tasks.Removed)
	for _, d := range []string{domain, "www." + domain} {
		w.await(d+" is clean", func() bool { return len(w.view("app2", d).Record.Warnings) == 0 })
	}
	if r := w.view("far", domain).Record; len(r.Warnings) != 0 {
		t.Errorf("an app of another server has a warning: %s", r.Reason())
	}
}

func TestReadersLearnOfDisconnectedServersAndLongLists(t *testing.T) {
	t.Parallel()
	list := []string{"a.example.com"}
	for i := range 110 {
		list = append(list, fmt.Sprintf("nocert%d.example.com", i))
	}
	w := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1", Domains: list}, {ID: "short"}}, LastConn: time.Now().Add(-time.Hour)})
	w.maintenance = 100 * time.Millisecond
	w.start(w.config("app1", "short"))
	w.add("app1", "www.shop.example.com")
	w.add("short", "one.example.com")
	app := func() (connected bool, covered, names int) {
		apps, err := w.ledger.AppStates(t.Context(), "app1")
		if err != nil {
			t.Fatal(err)
		}
		if c := apps[0].Coverage; c != nil {
			covered, names = c.Covered, c.Names
		}
		return !apps[0].Disconnected(), covered, names
	}
	w.await("the disconnected server", func() bool { connected, _, _ := app(); return !connected })
	w.await("the disconnected server of a short list", func() bool {
		apps, err := w.ledger.AppStates(t.Context(), "short")
		return err == nil && apps[0].Disconnected() && apps[0].Coverage == nil
	})
	w.await("the coverage", func() bool { _, covered, names := app(); return covered == 2 && names == 112 })
	w.sim.Disconnect(time.Time{})
	w.await("the connected server", func() bool {
		apps, err := w.ledger.AppStates(t.Context(), "app1", "short")
		return err == nil && !apps[0].Disconnected() && !apps[1].Disconnected()
	})
}

func TestANameOfManyAppsHasFewWarnings(t *testing.T) {
	t.Parallel()
	const domain = "everywhere.example.com"
	var opt simulator.Options
	var apps []string
	for i := range 6 {
		apps = append(apps, fmt.Sprintf("app%d", i))
		opt.Apps = append(opt.Apps, simulator.App{ID: apps[i], AutoSSL: true})
	}
	w := setup(t, opt)
	w.start(w.config(apps...))
	for _, app := range apps {
		w.add(app, domain)
	}
	for _, app := range apps {
		w.awaitState(app, domain, tasks.Done)
	}
	before := w.view("app5", domain).Record.CheckSeq
	if _, err := w.client.Verify(t.Context(), "ada", enqueue.Target{AppID: "app5", Domain: domain}); err != nil {
		t.Fatal(err)
	}
	w.await("the last app's verification", func() bool { return w.view("app5", domain).Record.CheckSeq > before })
	if warnings := w.view("app5", domain).Record.Warnings; len(warnings) != 3 || !w.shares("app5", domain, "app2", "app0") {
		t.Errorf("its name is on five other lists: %v", warnings)
	}
}
