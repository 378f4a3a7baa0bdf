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

// world is a simulator, a Redis and, once started, workers.
type world struct {
	t      *testing.T
	sim    *simulator.Simulator
	rdb    redis.UniversalClient
	ledger *ledger.Ledger
	client *enqueue.Client

	maintenance time.Duration // the interval of workers that are started; 0 for the usual one
}

func setup(t *testing.T, opt simulator.Options) *world {
	t.Helper()
	sim, err := simulator.Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	return setupOn(t, sim, miniredis.RunT(t).Addr())
}

// setupOn is setup with a Redis of the test's own.
func setupOn(t *testing.T, sim *simulator.Simulator, addr string) *world {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: addr, PoolSize: 200,
		ReadTimeout: time.Minute, WriteTimeout: time.Minute, DialTimeout: time.Minute}) // the usual 3 s are too short for a busy machine
	t.Cleanup(func() { rdb.Close() })
	return &world{t: t, sim: sim, rdb: rdb, ledger: ledger.New(rdb), client: enqueue.New(rdb)}
}

// config is that of a worker which serves the simulator's apps.
func (w *world) config(apps ...string) worker.Config {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(w.sim.CAPEM())
	log := logrus.New()
	log.SetOutput(w.t.Output())
	return worker.Config{
		Redis: w.rdb, APIURL: w.sim.APIURL(),
		Accounts:    []registry.Account{{ClientID: "sim", APIKey: "sim-key", Apps: apps}},
		Rules:       listsync.Rules{WWW: tasks.WWWAlways},
		SSLDelays:   []time.Duration{time.Second, time.Second, time.Second},
		Check:       certcheck.Config{DNS: w.sim.DNSAddr(), Port: w.sim.TLSPort(), Roots: roots, AllowPrivate: true},
		Concurrency: 64, Log: log,
	}
}

// start runs a worker until the test ends, or until the returned function is called.
func (w *world) start(cfg worker.Config) (stop func()) {
	w.t.Helper()
	_, stop = w.run(cfg)
	return stop
}

// run is start for a test that needs the worker itself, such as to reload it.
func (w *world) run(cfg worker.Config) (wk *worker.Worker, stop func()) {
	w.t.Helper()
	wk, err := worker.New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	if w.maintenance > 0 {
		wk.SetMaintenanceInterval(w.maintenance)
	}
	stop = harness.Run(w.t, wk.Run)
	return wk, stop
}

func (w *world) add(app string, domains ...string) {
	w.t.Helper()
	reqs := make([]enqueue.Request, len(domains))
	for i, d := range domains {
		reqs[i] = enqueue.Request{AppID: app, Domain: d}
	}
	if _, err := w.client.Enqueue(w.t.Context(), reqs...); err != nil {
		w.t.Fatal(err)
	}
}

// patience is how long the tests wait for what takes a moment where the machine isn't busy.
const patience = 3 * time.Minute

// await polls until ok is true.
func (w *world) await(what string, ok func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			w.t.Fatalf("%s: not within %s", what, patience)
		}
		select {
		case <-w.t.Context().Done():
			w.t.Fatal(w.t.Context().Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// view is one domain as the ledger has it; the zero View if it hasn't.
func (w *world) view(app, domain string) ledger.View {
	w.t.Helper()
	v, _, err := w.ledger.Domain(w.t.Context(), app, domain)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

func (w *world) awaitState(app, domain string, want tasks.State) {
	w.t.Helper()
	w.await(domain+" is "+string(want), func() bool { return w.view(app, domain).State == want })
}

// names are n domains that need no www form.
func names(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("www.shop%03d.example.com", i)
	}
	return all
}

func (w *world) states(app string) map[string]tasks.State {
	w.t.Helper()
	views, err := w.ledger.Domains(w.t.Context(), app)
	if err != nil {
		w.t.Fatal(err)
	}
	states := map[string]tasks.State{}
	for _, v := range views {
		states[v.Domain] = v.State
	}
	return states
}
