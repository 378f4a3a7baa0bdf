package worker_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

// check asks the workers whether domains would work on an app, and returns their causes.
func (f *fixture) check(app string, domains ...string) map[string]tasks.Code {
	f.t.Helper()
	targets := make([]enqueue.Target, len(domains))
	for i, d := range domains {
		targets[i] = enqueue.Target{AppID: app, Domain: d}
	}
	got := map[string]tasks.Code{}
	f.await("the workers check "+strings.Join(domains, ", "), func() bool {
		results, err := f.client.Check(f.t.Context(), "anna", targets...)
		if err != nil && !errors.Is(err, enqueue.ErrNoResult) { // which a busy machine may cause
			f.t.Fatal(err)
		}
		for _, r := range results {
			got[r.Domain] = r.Code
		}
		return err == nil
	})
	return got
}

func TestAWorkerChecksDomainsAndChangesNothing(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}, {ID: "app2"}}})
	f.start(f.config("app1", "app2"))
	f.add("app2", "taken.example.com")
	f.awaitState("app2", "taken.example.com", tasks.Done)
	calls := func() int { return f.sim.Calls("app1", simulator.WriteList) + f.sim.Calls("app1", simulator.WriteSSL) }
	want := map[string]tasks.Code{"shop.example.com": tasks.CauseWouldWork, "nodns-shop.example.com": tasks.CauseDNSMissing,
		"caa-shop.example.com": tasks.CauseCAAForbids, "*.example.com": tasks.CauseNameNotCertifiable, "taken.example.com": tasks.CauseOnAnotherApp}
	var domains []string
	for domain := range want {
		domains = append(domains, domain)
	}
	if diff := cmp.Diff(want, f.check("app1", domains...)); diff != "" {
		t.Errorf("causes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]tasks.Code{"taken.example.com": tasks.CauseWorks}, f.check("app2", "taken.example.com")); diff != "" {
		t.Errorf("on its own app (-want +got):\n%s", diff)
	}
	if n, views := calls(), f.states("app1"); n != 0 || len(views) != 0 || len(f.sim.List("app1")) != 0 {
		t.Errorf("%d writes, ledger %v, list %v", n, views, f.sim.List("app1"))
	}
}

func TestAResultHasTheRecordsToSet(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	f.start(f.config("app1"))
	f.check("app1", "nodns.example.com")
	results, err := f.client.Check(t.Context(), "", enqueue.Target{AppID: "app1", Domain: "nodns.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	r := results[0]
	want := []tasks.DNSRecord{{Action: tasks.RecordSet, Type: "A", Name: "nodns.example.com", Value: "127.0.0.1"},
		{Action: tasks.RecordSet, Type: "CNAME", Name: "www.nodns.example.com", Value: "nodns.example.com"}}
	if diff := cmp.Diff(want, r.Records); diff != "" || r.OK || len(r.Names) != 2 || len(r.Problems) != 2 {
		t.Errorf("%+v; records (-want +got):\n%s", r, diff)
	}
}

func TestWhatKeepsAWorkerFromCheckingIsTheResult(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	f.sim.SetAccountStatus(http.StatusUnauthorized)
	f.start(f.config("app1"))
	for _, app := range []string{"app1", "another"} {
		if diff := cmp.Diff(map[string]tasks.Code{"shop.example.com": tasks.CauseCheckFailed}, f.check(app, "shop.example.com")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", app, diff)
		}
	}
}

func TestACheckWaitsForTheWorkerThatServesItsApp(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}, {ID: "app2"}}})
	f.start(f.config("app1"))
	f.start(f.config("app2"))
	f.await("both workers are known", func() bool {
		live, err := f.ledger.Workers(t.Context())
		return err == nil && len(ledger.ServedBy(live, "app1")) == 1 && len(ledger.ServedBy(live, "app2")) == 1
	})
	for _, app := range []string{"app1", "app2"} {
		if diff := cmp.Diff(map[string]tasks.Code{"shop.example.com": tasks.CauseWouldWork}, f.check(app, "shop.example.com")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", app, diff)
		}
	}
}

func TestAnOldCheckIsDroppedWithoutNoise(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	now, err := f.ledger.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := tasks.Check{AppID: "app1", Domain: "shop.example.com", AskedAt: now.Add(-tasks.CheckTimeout)}
	client, inspector := asynq.NewClientFromRedisClient(f.rdb), asynq.NewInspectorFromRedisClient(f.rdb)
	if _, err := client.Enqueue(asynq.NewTask(tasks.TypeDomainCheck, tasks.Encode(c)), asynq.Queue(tasks.QueueChecks), asynq.TaskID(c.ID()), asynq.Retention(time.Hour)); err != nil {
		t.Fatal(err)
	}
	f.start(f.config("app1"))
	f.await("the task is completed", func() bool {
		info, err := inspector.GetTaskInfo(tasks.QueueChecks, c.ID())
		return err == nil && info.State == asynq.TaskStateCompleted && len(info.Result) == 0
	})
	if n := f.sim.Calls("app1", simulator.ReadApp); n != 0 {
		t.Errorf("%d calls", n)
	}
}
