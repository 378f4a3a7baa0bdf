package worker_test

import (
	"crypto/x509"
	"fmt"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/harness"
	"pilotsync/worker"
	"pilotsync/worker/certcheck"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
	"pilotsync/worker/registry"
)

// fixture is a simulator, a Redis and, once started, workers.
type fixture struct {
	t      *testing.T
	sim    *simulator.Simulator
	rdb    redis.UniversalClient
	ledger *ledger.Ledger
	client *enqueue.Client

	maintenance time.Duration // the interval of workers that are started; 0 for the usual one
}

func setup(t *testing.T, opt simulator.Options) *fixture {
	t.Helper()
	sim, err := simulator.Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	return setupOn(t, sim, miniredis.RunT(t).Addr())
}

// setupOn is setup with a Redis of the test's own.
func setupOn(t *testing.T, sim *simulator.Simulator, addr string) *fixture {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: addr, PoolSize: 200,
		ReadTimeout: time.Minute, WriteTimeout: time.Minute, DialTimeout: time.Minute}) // the usual 3 s are too short for a busy machine
	t.Cleanup(func() { rdb.Close() })
	return &fixture{t: t, sim: sim, rdb: rdb, ledger: ledger.New(rdb), client: enqueue.New(rdb)}
}

// config is that of a worker which serves the simulator's apps.
func (h *fixture) config(apps ...string) worker.Config {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(h.sim.CAPEM())
	log := logrus.New()
	log.SetOutput(h.t.Output())
	return worker.Config{
		Redis: h.rdb, APIURL: h.sim.APIURL(),
		Accounts:    []registry.Account{{ClientID: "sim", APIKey: "sim-key", Apps: apps}},
		Rules:       listsync.Rules{WWW: tasks.WWWAlways},
		SSLDelays:   []time.Duration{time.Second, time.Second, time.Second},
		Check:       certcheck.Config{DNS: h.sim.DNSAddr(), Port: h.sim.TLSPort(), Roots: roots, AllowPrivate: true},
		Concurrency: 64, Log: log,
	}
}

// start runs a worker until the test ends, or until the returned function is called.
func (h *fixture) start(cfg worker.Config) (stop func()) {
	h.t.Helper()
	_, stop = h.run(cfg)
	return stop
}

// run is start for a test that needs the worker itself, such as to reload it.
func (h *fixture) run(cfg worker.Config) (wk *worker.Worker, stop func()) {
	h.t.Helper()
	wk, err := worker.New(cfg)
	if err != nil {
		h.t.Fatal(err)
	}
	if h.maintenance > 0 {
		wk.SetMaintenanceInterval(h.maintenance)
	}
	stop = harness.Run(h.t, wk.Run)
	return wk, stop
}

func (h *fixture) add(app string, domains ...string) {
	h.t.Helper()
	reqs := make([]enqueue.Request, len(domains))
	for i, d := range domains {
		reqs[i] = enqueue.Request{AppID: app, Domain: d}
	}
	if _, err := h.client.Enqueue(h.t.Context(), reqs...); err != nil {
		h.t.Fatal(err)
	}
}

// awaitTimeout is how long the tests wait for what takes a moment where the machine isn't busy.
const awaitTimeout = 3 * time.Minute

// await polls until ok is true.
func (h *fixture) await(what string, ok func() bool) {
	h.t.Helper()
	deadline := time.Now().Add(awaitTimeout)
	for !ok() {
		if time.Now().After(deadline) {
			h.t.Fatalf("%s: not within %s", what, awaitTimeout)
		}
		select {
		case <-h.t.Context().Done():
			h.t.Fatal(h.t.Context().Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// view is one domain as the ledger has it; the zero View if it hasn't.
func (h *fixture) view(app, domain string) ledger.View {
	h.t.Helper()
	v, _, err := h.ledger.Domain(h.t.Context(), app, domain)
	if err != nil {
		h.t.Fatal(err)
	}
	return v
}

func (h *fixture) awaitState(app, domain string, want tasks.State) {
	h.t.Helper()
	h.await(domain+" is "+string(want), func() bool { return h.view(app, domain).State == want })
}

// names are n domains that need no www form.
func names(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("www.shop%03d.example.com", i)
	}
	return all
}

func (h *fixture) states(app string) map[string]tasks.State {
	h.t.Helper()
	views, err := h.ledger.Domains(h.t.Context(), app)
	if err != nil {
		h.t.Fatal(err)
	}
	states := map[string]tasks.State{}
	for _, v := range views {
		states[v.Domain] = v.State
	}
	return states
}
