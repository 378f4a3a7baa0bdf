package deployments_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/harness"
	"pilotsync/worker"
	"pilotsync/worker/certcheck"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
	"pilotsync/worker/metrics"
	"pilotsync/worker/registry"
	"pilotsync/worker/webhook"
)

// fixture is a worker with its services, some of which fail.
type fixture struct {
	t       *testing.T
	sim     *simulator.Simulator
	rdb     *redis.Client
	worker  *worker.Worker
	metrics *httptest.Server
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	sim, err := simulator.Start(simulator.Options{Latency: 50 * time.Millisecond,
		Apps: []simulator.App{{ID: "good"}, {ID: "lost"}, {ID: "vague"}, {ID: "blocked"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	rdb := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr(), PoolSize: 200})
	t.Cleanup(func() { rdb.Close() })
	var events atomic.Int32
	wordpress := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if events.Add(1) == 2 { // one event of many fails
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(wordpress.Close)
	secret, err := standardwebhooks.NewWebhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	log := logrus.New()
	log.SetOutput(t.Output())
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(sim.CAPEM())
	reg := metrics.NewRegistry(rdb, "v1.2.3")
	w, err := worker.New(worker.Config{
		Redis: rdb, APIURL: sim.APIURL(),
		Accounts:    []registry.Account{{ClientID: "sim", APIKey: "sim-key", Apps: []string{"good", "lost", "vague", "blocked"}}},
		Rules:       listsync.Rules{WWW: tasks.WWWAlways},
		SSLDelays:   []time.Duration{time.Second, time.Second},
		Check:       certcheck.Config{DNS: sim.DNSAddr(), Port: sim.TLSPort(), Roots: roots, AllowPrivate: true},
		Concurrency: 16, Log: log, Metrics: metrics.NewWorker(reg),
		Webhook: webhook.Target{URL: wordpress.URL, Secrets: []*standardwebhooks.Webhook{secret}},
	})
	if err != nil {
		t.Fatal(err)
	}
	metrics := httptest.NewServer(metrics.Handler(reg, log))
	t.Cleanup(metrics.Close)
	return &fixture{t, sim, rdb, w, metrics}
}

// start runs the worker until the test ends.
func (r *fixture) start() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.worker.Run(ctx) }()
	r.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Errorf("the worker ended with: %v", err)
		}
	})
}

// exercise causes everything that a metric counts, while Prometheus scrapes.
func (r *fixture) exercise() {
	t := r.t
	r.sim.FailNext("good", simulator.ReadApp, simulator.Fault{Kind: simulator.Error5xx})
	r.sim.FailNext("vague", simulator.WriteList, simulator.Fault{Kind: simulator.DropAfter})
	answer := make(chan struct{})
	r.sim.FailNext("lost", simulator.WriteList, simulator.Fault{Kind: simulator.Slow, Until: answer})
	r.sim.SetAppStatus("blocked", http.StatusNotFound)
	var requests []enqueue.Request
	for app, domains := range map[string]string{"good": "one two nodns refused", "lost": "lost", "vague": "vague", "blocked": "blocked"} {
		for domain := range strings.FieldsSeq(domains) {
			requests = append(requests, enqueue.Request{AppID: app, Domain: domain + ".example.com"})
		}
	}
	if _, err := enqueue.New(r.rdb).Enqueue(t.Context(), requests...); err != nil {
		t.Fatal(err)
	}
	if _, err := asynq.NewClientFromRedisClient(r.rdb).Enqueue(asynq.NewTask(tasks.TypeDomainAdd, []byte("{}")), asynq.Queue(tasks.QueueDomains)); err != nil {
		t.Fatal(err) // archived
	}
	harness.AwaitTrue(r.t, "a write is under way", func() bool { return r.sim.Calls("lost", simulator.WriteList) == 1 })
	// As after a stall: another worker has taken and released the lease.
	r.rdb.HSet(t.Context(), "pilotsync:{lost}:sync", "token", "another", "until", "0")
	r.rdb.HDel(t.Context(), "pilotsync:{lost}:sync", "landing")
	close(answer)
	l := ledger.New(r.rdb)
	for app, domain := range map[string]string{"good": "one.example.com", "lost": "lost.example.com"} {
		harness.AwaitTrue(r.t, domain+" is done", func() bool {
			v, _, err := l.Domain(t.Context(), app, domain)
			return err == nil && v.State == tasks.Done
		})
	}
}

func TestEveryQueryFindsMetricsOfARealRun(t *testing.T) {
	t.Parallel()
	r := newFixture(t)
	prometheus := startPrometheus(t, strings.TrimPrefix(r.metrics.URL, "http://"))
	harness.AwaitTrue(r.t, "the metrics are scraped", func() bool {
		values, err := prometheus.query(`count_over_time(pilotsync_syncs_total[1m]) > 1`)
		return err == nil && len(values) > 0
	})
	r.start()
	r.exercise()

	waiting := queries(t) // by the label that each must have
	var last map[string]string
	for deadline := time.Now().Add(time.Minute); len(waiting) > 0 && time.Now().Before(deadline); <-time.After(200 * time.Millisecond) {
		last = map[string]string{}
		for what, expr := range waiting {
			switch values, err := prometheus.query(expr); {
			case err != nil:
				t.Errorf("%s: %s: %v", what, expr, err)
				delete(waiting, what)
			case len(values) > 0:
				delete(waiting, what)
			default:
				last[what] = expr
			}
		}
	}
	for what, expr := range last {
		t.Errorf("%s finds nothing: %s", what, expr)
	}
	prometheus.checkVariables()
	prometheus.checkRules()
}

// queries returns the expressions of the dashboard and of the rules. It removes the rules'
// thresholds, which a healthy run doesn't cross.
func queries(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	var d dashboard
	decodeFile(t, dashboardFile, &d, json.Unmarshal)
	fill := strings.NewReplacer("$__rate_interval", "1m", "$app", ".*")
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			all["panel "+p.Title+" "+target.RefID] = fill.Replace(target.Expr)
		}
	}
	for _, a := range alerts(t) {
		all["alert "+a.Alert] = threshold.ReplaceAllString(a.Expr, "")
	}
	return all
}

// checkVariables checks the values that the dashboard's variables offer.
func (s *server) checkVariables() {
	s.t.Helper()
	var d dashboard
	decodeFile(s.t, dashboardFile, &d, json.Unmarshal)
	form := regexp.MustCompile(`^label_values\((\w+), (\w+)\)$`)
	for _, v := range d.Templating.List {
		if v.Type != "query" {
			continue
		}
		parts := form.FindStringSubmatch(v.Definition)
		if parts == nil {
			s.t.Errorf("variable %s: can't be checked: %q", v.Name, v.Definition)
			continue
		}
		var values []string
		if err := s.get("label/"+parts[2]+"/values", url.Values{"match[]": {parts[1]}}, &values); err != nil || len(values) != 4 {
			s.t.Errorf("variable %s offers %q (%v), want the four apps", v.Name, values, err)
		}
	}
}

// checkRules checks that the rules are evaluated without error, that the blocked app's alert fires,
// and that no other does.
func (s *server) checkRules() {
	s.t.Helper()
	var data struct {
		Groups []struct {
			Rules []struct{ Name, State, Health, LastError string }
		}
	}
	if err := s.get("rules", nil, &data); err != nil {
		s.t.Fatal(err)
	}
	states := map[string]string{}
	for _, g := range data.Groups {
		for _, rule := range g.Rules {
			states[rule.Name] = rule.State
			if rule.Health != "ok" {
				s.t.Errorf("%s: %s %s", rule.Name, rule.Health, rule.LastError)
			}
		}
	}
	for name, want := range map[string]string{"PilotsyncAppBlocked": "pending", "PilotsyncTasksArchived": "pending", "PilotsyncNoWorkers": "inactive",
		"PilotsyncRedisAway": "inactive", "PilotsyncListNearlyFull": "inactive", "PilotsyncQueueUnreadable": "inactive"} {
		if states[name] != want {
			s.t.Errorf("%s is %q, want %s", name, states[name], want)
		}
	}
}
