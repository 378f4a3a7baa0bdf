package redis_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"pilotsync/enqueue"
	"pilotsync/internal/dashboard"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/harness"
	"pilotsync/worker"
	"pilotsync/worker/certcheck"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
	"pilotsync/worker/metrics"
	"pilotsync/worker/operator"
	"pilotsync/worker/redismonitor"
	"pilotsync/worker/registry"
	"pilotsync/worker/webhook"
)

// A domain goes its whole way as in production: requested as php, verified as worker, shown and
// acted on as page. Faults and their remedies are part of it.
func TestAWorkerAndThePageNeedNoMoreThanTheirUsersMay(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T) *guarded{"one server": newGuarded, "Sentinel": newGuardedSentinel, "Cluster": newGuardedCluster} {
		t.Run(name, func(t *testing.T) {
			if name != "one server" {
				harness.Long(t)
			}
			t.Parallel()
			wholeWay(t, start(t))
		})
	}
}

func wholeWay(t *testing.T, g *guarded) {
	t.Helper()
	sim, err := simulator.Start(simulator.Options{Apps: []simulator.App{{ID: "app1"}, {ID: "app2"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	said := &harness.Log{Also: t.Output()}
	out := logrus.New()
	out.SetOutput(said)
	wp := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/gone") {
			w.WriteHeader(http.StatusGone)
		}
	}))
	t.Cleanup(wp.Close)
	stop := runWorker(t, g.open("worker"), sim, wp.URL, out)
	page := httptest.NewServer(newPage(t, g.open("page"), out).Handler())
	t.Cleanup(page.Close)

	sim.SetAppStatus("app2", http.StatusNotFound) // blocked, and retried
	asker := enqueue.New(g.open("php"))
	ask := func(reqs ...enqueue.Request) {
		t.Helper()
		if _, err := asker.Enqueue(t.Context(), reqs...); err != nil {
			t.Fatal(err)
		}
	}
	ask(enqueue.Request{AppID: "app1", Domain: "shop.example.com"}, enqueue.Request{AppID: "app1", Domain: "refused.example.com"},
		enqueue.Request{AppID: "app1", Domain: "nodns.example.com"}, enqueue.Request{AppID: "app2", Domain: "late.example.com"})
	l := ledger.New(g.open("page"))
	awaitState(t, l, "app1", "shop.example.com", tasks.Done)
	awaitState(t, l, "app1", "refused.example.com", tasks.Rejected)
	awaitState(t, l, "app1", "nodns.example.com", tasks.Failed)
	harness.AwaitTrue(t, "app2 is in trouble", func() bool { app, err := l.App(t.Context(), "app2"); return err == nil && app.Failure != nil })
	ask(enqueue.Request{AppID: "app1", Domain: "shop.example.com", Remove: true})
	awaitState(t, l, "app1", "shop.example.com", tasks.Removed)

	for _, path := range []string{"/", "/apps", "/apps/app1", "/domains", "/domains?q=op&state=done", "/domains?cause=DNSMissing", "/domains?snoozed=1", "/domains?q=site:12", "/domains/app1/nodns.example.com", "/metrics", "/readyz",
		"/asynqmon/", "/asynqmon/api/queues", "/asynqmon/api/queue_stats", "/asynqmon/api/servers", "/asynqmon/api/redis_info", "/asynqmon/api/queues/domains",
		"/asynqmon/api/queues/domains/completed_tasks", "/asynqmon/api/queues/lists/pending_tasks", "/asynqmon/api/queues/events/retry_tasks",
		"/asynqmon/api/queues/ssl/scheduled_tasks", "/asynqmon/api/queues/domains/archived_tasks", "/asynqmon/api/queues/domains/active_tasks"} {
		if status := request(t, page, http.MethodGet, path); status != http.StatusOK {
			t.Errorf("GET %s: %d", path, status)
		}
	}
	failed, _, err := l.Domain(t.Context(), "app1", "nodns.example.com")
	if err == nil {
		err = errors.Join(l.Snooze(t.Context(), failed, ledger.Snooze{By: "ada", At: time.Now()}), l.EndSnooze(t.Context(), "app1", failed.Domain, "ada"))
	}
	if err != nil {
		t.Errorf("snooze a domain: %v", err)
	}
	for _, path := range []string{"/domains/app1/nodns.example.com/verify", "/domains/app1/shop.example.com/add"} {
		if status := request(t, page, http.MethodPost, path); status != http.StatusOK { // after its redirect
			t.Errorf("POST %s: %d", path, status)
		}
	}
	awaitState(t, l, "app1", "shop.example.com", tasks.Done)
	for _, path := range []string{"/asynqmon/api/queues/domains:pause", "/asynqmon/api/queues/domains:resume",
		"/asynqmon/api/queues/domains/archived_tasks:run_all", "/asynqmon/api/queues/events/retry_tasks:run_all", "/asynqmon/api/queues/ssl/scheduled_tasks:run_all"} {
		if status := request(t, page, http.MethodPost, path); status >= 400 {
			t.Errorf("POST %s: %d", path, status)
		}
	}
	byHand := operator.New(g.open("page"))
	if err := byHand.Pause(t.Context(), "app1", "ada"); err != nil {
		t.Error(err)
	}
	if paused, err := byHand.Resume(t.Context(), "app1", "ada"); err != nil || !paused {
		t.Errorf("paused %v, %v", paused, err)
	}
	for user, rdb := range map[string]redis.UniversalClient{"php": g.open("php"), "page": g.open("page")} {
		results, err := enqueue.New(rdb).Check(t.Context(), "ada", enqueue.Target{AppID: "app1", Domain: "nodns-new.example.com"})
		if err != nil && !errors.Is(err, enqueue.ErrNoResult) || err == nil && results[0].Code != tasks.CauseDNSMissing { // a busy machine may answer too late
			t.Errorf("a check as %s: %+v, %v", user, results, err)
		}
	}
	ask(enqueue.Request{AppID: "app1", Domain: "last.example.com"})
	awaitState(t, l, "app1", "last.example.com", tasks.Done)
	stop()

	for _, user := range []string{"php", "worker", "page", "replica", "sentinel", "pilotsync"} {
		if denied := g.denied(user); len(denied) > 0 {
			t.Errorf("%s was denied: %q", user, denied)
		}
	}
	for line := range strings.Lines(said.String()) {
		if strings.Contains(line, "NOPERM") || deniedInScript(line) {
			t.Errorf("the log has: %s", line)
		}
	}
	requireDocumentedKeys(t, g)
}

// requireDocumentedKeys fails if the run left a key that README.md doesn't name.
func requireDocumentedKeys(t *testing.T, g *guarded) {
	t.Helper()
	var keys []string
	for _, admin := range g.admins {
		if found, err := admin.Keys(t.Context(), "*").Result(); err == nil { // a Sentinel has neither keys nor the command
			keys = append(keys, found...)
		}
	}
	known := func(key string) bool {
		return slices.ContainsFunc([]string{"asynq:", "pilotsync:", "rate:"}, func(p string) bool { return strings.HasPrefix(key, p) })
	}
	if strange := slices.DeleteFunc(slices.Clone(keys), known); len(keys) == 0 || len(strange) > 0 {
		t.Errorf("%d keys, and these are of no known kind: %q", len(keys), strange)
	}
}

func TestWhatAWorkerAndThePageMayNotDo(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	for _, user := range []string{"worker", "page"} {
		rdb := g.as(user)
		for _, c := range []string{"FLUSHALL", "FLUSHDB", "KEYS *", "CONFIG GET *", "CONFIG SET dir /tmp", "ACL LIST", "ACL GETUSER default", "ACL SETUSER x on", "MONITOR", "SAVE",
			"SHUTDOWN", "SCRIPT FLUSH", "FUNCTION FLUSH", "REPLICAOF 127.0.0.1 1", "GET other", "SET other 2", "CLIENT KILL TYPE normal", "CLIENT TRACKING ON BCAST"} {
			requireDenied(t, rdb, strings.Fields(c)...)
		}
	}
	rdb := g.as("page")
	requireDenied(t, rdb, "SCAN", "0") // a worker searches for tasks by it
	for _, c := range []string{"HSET pilotsync:{app1}:domains x {}", "HSET pilotsync:{app1}:pending x {}", "SADD pilotsync:{app1}:ours x", "DEL pilotsync:{app1}:domains",
		"LPUSH pilotsync:{app1}:outbox x", "LPUSH pilotsync:{app1}:log:x y", "LPUSH pilotsync:{app1}:writes y"} {
		requireDenied(t, rdb, strings.Fields(c)...)
	}
}

// With another service's login each command of a worker would fail, so it doesn't start.
func TestAWorkerWithAnotherLoginEndsAtOnceAndNamesTheUser(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	for _, user := range []string{"php", "page", "replica"} {
		w, err := worker.New(worker.Config{Redis: g.open(user), APIURL: "http://127.0.0.1:1", Log: logrus.New(), SSLDelays: []time.Duration{time.Second},
			Accounts: []registry.Account{{ClientID: "sim", APIKey: "sim-key", Apps: []string{"app1"}}}})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Run(t.Context()); !errors.Is(err, redismonitor.ErrRefused) || !strings.Contains(err.Error(), `lets user "`+user+`" in, but doesn't allow this command`) ||
			!strings.Contains(err.Error(), "NOPERM") {
			t.Errorf("as %s the worker ended with: %v", user, err)
		}
	}
}

// runWorker runs a worker for both apps until the returned function is called or the test ends.
func runWorker(t *testing.T, rdb redis.UniversalClient, sim *simulator.Simulator, wordpress string, out *logrus.Logger) (stop func()) {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(sim.CAPEM())
	secret, err := standardwebhooks.NewWebhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	hook := func(path string) webhook.Target {
		return webhook.Target{URL: wordpress + path, Secrets: []*standardwebhooks.Webhook{secret}}
	}
	w, err := worker.New(worker.Config{
		Redis: rdb, APIURL: sim.APIURL(), APIRate: 100, // with a rate limit, which has keys of its own
		Accounts:    []registry.Account{{ClientID: "sim", APIKey: "sim-key", Apps: []string{"app1", "app2"}}},
		Rules:       listsync.Rules{WWW: tasks.WWWAlways},
		SSLDelays:   []time.Duration{time.Second, time.Second},
		Check:       certcheck.Config{DNS: sim.DNSAddr(), Port: sim.TLSPort(), Roots: roots, AllowPrivate: true},
		Concurrency: 16, Webhook: hook("/"), Webhooks: map[string]webhook.Target{"app2": hook("/gone")}, Log: out,
		Metrics: metrics.NewWorker(metrics.NewRegistry(rdb, "test")),
	})
	if err != nil {
		t.Fatal(err)
	}
	stop = harness.Run(t, w.Run)
	return stop
}

// newPage returns a dashboard that needs no login and allows actions.
func newPage(t *testing.T, rdb redis.UniversalClient, out *logrus.Logger) *dashboard.Dashboard {
	t.Helper()
	site, err := dashboard.New(dashboard.Config{Redis: rdb, Open: dashboard.Act, Version: "test", Log: logrus.NewEntry(out),
		Metrics: metrics.Handler(metrics.NewRegistry(rdb, "test"), out)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = site.Close() })
	return site
}

// request sends the dashboard a request without a body, and returns the answer's status.
func request(t *testing.T, page *httptest.Server, method, path string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, page.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := page.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var body bytes.Buffer
	_, _ = body.ReadFrom(resp.Body)
	if strings.HasPrefix(path, "/asynqmon/api") && body.Len() > 0 && !json.Valid(body.Bytes()) {
		t.Errorf("%s %s answers %.200s", method, path, body.String())
	}
	return resp.StatusCode
}

func awaitState(t *testing.T, l *ledger.Ledger, app, domain string, want tasks.State) {
	t.Helper()
	harness.AwaitTrue(t, domain+" is "+string(want), func() bool {
		v, _, err := l.Domain(t.Context(), app, domain)
		return err == nil && v.State == want
	})
}
