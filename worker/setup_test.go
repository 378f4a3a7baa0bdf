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

// fixture is a simulator, a Redis and the workers that the test starts.
type fixture struct {
	t      *testing.T
	sim    *simulator.Simulator
	rdb    redis.UniversalClient
	ledger *ledger.Ledger
	client *enqueue.Client

	maintenance time.Duration // maintenance interval of started workers; 0 for the usual one
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

// setupOn is setup with the given simulator and Redis.
func setupOn(t *testing.T, sim *simulator.Simulator, addr string) *fixture {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: addr, PoolSize: 200,
		ReadTimeout: time.Minute, WriteTimeout: time.Minute, DialTimeout: time.Minute}) // the usual 3 s are too short for a busy machine
	t.Cleanup(func() {
		if !t.Failed() { // a worker that didn't stop still uses it, and asynq panics if it is closed
			rdb.Close()
		}
	})
	return &fixture{t: t, sim: sim, rdb: rdb, ledger: ledger.New(rdb), client: enqueue.New(rdb)}
}

// config is that of a worker which serves the simulator's apps.
func (f *fixture) config(apps ...string) worker.Config {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(f.sim.CAPEM())
	log := logrus.New()
	log.SetOutput(f.t.Output())
	return worker.Config{
		Redis: f.rdb, APIURL: f.sim.APIURL(),
		Accounts:    []registry.Account{{ClientID: "sim", APIKey: "sim-key", Apps: apps}},
		Rules:       listsync.Rules{WWW: tasks.WWWAlways},
		SSLDelays:   []time.Duration{time.Second, time.Second, time.Second},
		Check:       certcheck.Config{DNS: f.sim.DNSAddr(), Port: f.sim.TLSPort(), Roots: roots, AllowPrivate: true},
		Concurrency: 64, Log: log,
	}
}

// start runs a worker until the test ends, or until the returned function is called.
func (f *fixture) start(cfg worker.Config) (stop func()) {
	f.t.Helper()
	_, stop = f.run(cfg)
	return stop
}

// run is start for a test that needs the worker itself, such as to reload it.
func (f *fixture) run(cfg worker.Config) (wk *worker.Worker, stop func()) {
	f.t.Helper()
	wk, err := worker.New(cfg)
	if err != nil {
		f.t.Fatal(err)
	}
	if f.maintenance > 0 {
		wk.SetMaintenanceInterval(f.maintenance)
	}
	stop = harness.Run(f.t, wk.Run)
	return wk, stop
}

func (f *fixture) add(app string, domains ...string) {
	f.t.Helper()
	reqs := make([]enqueue.Request, len(domains))
	for i, d := range domains {
		reqs[i] = enqueue.Request{AppID: app, Domain: d}
	}
	if _, err := f.client.Enqueue(f.t.Context(), reqs...); err != nil {
		f.t.Fatal(err)
	}
}

// awaitTimeout is how long the tests wait for what takes a moment where the machine isn't busy.
const awaitTimeout = 3 * time.Minute

// await polls until ok is true.
func (f *fixture) await(condition string, ok func() bool) {
	f.t.Helper()
	deadline := time.Now().Add(awaitTimeout)
	for !ok() {
		if time.Now().After(deadline) {
			f.t.Fatalf("%s: not within %s", condition, awaitTimeout)
		}
		select {
		case <-f.t.Context().Done():
			f.t.Fatal(f.t.Context().Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// view returns one domain from the ledger; the zero View if it is unknown.
func (f *fixture) view(app, domain string) ledger.View {
	f.t.Helper()
	v, _, err := f.ledger.Domain(f.t.Context(), app, domain)
	if err != nil {
		f.t.Fatal(err)
	}
	return v
}

func (f *fixture) awaitState(app, domain string, want tasks.State) {
	f.t.Helper()
	f.await(domain+" is "+string(want), func() bool { return f.view(app, domain).State == want })
}

// names returns n domains without a www form.
func names(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("www.shop%03d.example.com", i)
	}
	return all
}

func (f *fixture) states(app string) map[string]tasks.State {
	f.t.Helper()
	views, err := f.ledger.Domains(f.t.Context(), app)
	if err != nil {
		f.t.Fatal(err)
	}
	states := map[string]tasks.State{}
	for _, v := range views {
		states[v.Domain] = v.State
	}
	return states
}
