package enqueue

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/harness"
	"pilotsync/test/redistest"
	"pilotsync/worker"
	"pilotsync/worker/certcheck"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
	"pilotsync/worker/registry"
)

// End to end: many PHP processes, one call for each request as in WordPress, real workers,
// a real Redis, and the simulator's list.
func TestEightConcurrentPHPProcessesLoseNothing(t *testing.T) {
	t.Parallel()
	php := requirePHP(t)
	url := redistest.Start(t)
	rdb := connect(t, url)
	sim, err := simulator.Start(simulator.Options{Apps: []simulator.App{{ID: "app1", Domains: []string{"byhand.example.net"}}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	for range 2 {
		runWorker(t, sim, url)
	}

	want := []string{"byhand.example.net", "shared.example.com"}
	var wait []func() error
	for p := range 8 {
		var reqs []phpRequest
		for i := range 30 {
			name := fmt.Sprintf("d%d.p%d.example.com", i, p)
			reqs = append(reqs, phpRequest{Domain: name, WWW: tasks.WWWNever, SiteID: int64(p)})
			if i%5 == 0 { // removed immediately: the later request wins
				reqs = append(reqs, phpRequest{Domain: name, Remove: true})
				continue
			}
			want = append(want, name)
		}
		reqs = append(reqs, phpRequest{Domain: "Shared.example.com", WWW: tasks.WWWNever}) // from every process
		wait = append(wait, startEnqueue(t, php, url, reqs))
	}
	for _, w := range wait {
		if err := w(); err != nil {
			t.Error(err)
		}
	}
	slices.Sort(want)
	awaitSettled(t, rdb)
	list := sim.List("app1")
	slices.Sort(list)
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("the list (-want +got):\n%s", diff)
	}
	if o := sim.Overlaps(); len(o) > 0 {
		t.Errorf("%d list writes overlapped", len(o))
	}
	compareStatus(t, php, url)
}

// startEnqueue starts a PHP process that enqueues each request in its own call. The
// returned function waits for its end.
func startEnqueue(t *testing.T, php phpBinary, url string, reqs []phpRequest) (wait func() error) {
	t.Helper()
	cmd := php.command(t, reqs, "enqueue.php", url, "app1", "each")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return func() error {
		var receipts []phpReceipt
		if err := cmd.Wait(); err != nil {
			return fmt.Errorf("%w: %s", err, out.String())
		}
		if err := json.Unmarshal(out.Bytes(), &receipts); err != nil || len(receipts) != len(reqs) {
			return fmt.Errorf("%s: %d receipts for %d requests, %v", reqs[0].Domain, len(receipts), len(reqs), err)
		}
		return nil
	}
}

// awaitSettled waits until every change is recorded and synced.
func awaitSettled(t *testing.T, rdb *redis.Client) {
	t.Helper()
	await(t, "all changes are synced", func() error {
		// In this order: a task moves from pending to active, then into the ledger.
		pending := rdb.LLen(t.Context(), "asynq:{domains}:pending").Val()
		active := rdb.LLen(t.Context(), "asynq:{domains}:active").Val()
		app, err := ledger.New(rdb).App(t.Context(), "app1")
		if err != nil {
			t.Fatal(err)
		}
		if pending > 0 || active > 0 || app.Pending > 0 || app.Awake {
			return fmt.Errorf("%d tasks pending, %d active, %d changes pending, awake %v", pending, active, app.Pending, app.Awake)
		}
		return nil
	})
}

// runWorker runs a worker for app1 until the test ends.
func runWorker(t *testing.T, sim *simulator.Simulator, url string) {
	t.Helper()
	opt, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	opt.PoolSize = 200
	rdb := redis.NewClient(opt)
	t.Cleanup(func() { _ = rdb.Close() })
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(sim.CAPEM())
	log := logrus.New()
	log.SetOutput(t.Output())
	log.SetLevel(logrus.WarnLevel)
	w, err := worker.New(worker.Config{
		Redis: rdb, APIURL: sim.APIURL(),
		Accounts:    []registry.Account{{ClientID: "sim", APIKey: "sim-key", Apps: []string{"app1"}}},
		Rules:       listsync.Rules{WWW: tasks.WWWAlways},
		SSLDelays:   []time.Duration{time.Hour}, // no attempt runs, so the status doesn't change
		Check:       certcheck.Config{DNS: sim.DNSAddr(), Port: sim.TLSPort(), Roots: roots, AllowPrivate: true},
		Concurrency: 64, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	harness.Run(t, w.Run)
}

// compareStatus compares Client::status with `pilotsync status --json`.
func compareStatus(t *testing.T, php phpBinary, url string) {
	t.Helper()
	domains := []string{"d0.p0.example.com", "d1.p0.example.com", "shared.example.com"} // removed, listed, listed
	var got []map[string]any
	want := programsStatus(t, url, domains...)
	php.run(t, append(domains, "unknown.example.com"), &got, "status.php", url, "app1")
	want = append(want, nil)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("status (-pilotsync +PHP):\n%s", diff)
	}
	if len(want) != 4 || want[0]["state"] != "removed" || want[1]["state"] != "checking-dns" {
		t.Errorf("the states are too similar for this test: %v", want)
	}
}

// programsStatus is what `pilotsync status --json` prints, without the states' names: PHP's library
// leaves these to the plugin, which translates them.
func programsStatus(t *testing.T, url string, args ...string) (status []map[string]any) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), harness.Program(t), append([]string{"status", "--json"}, args...)...)
	cmd.Env = append(cmd.Environ(), "REDIS_URL="+url)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("pilotsync status: %v\n%s", err, out)
	}
	if err := json.Unmarshal(out, &status); err != nil {
		t.Fatal(err)
	}
	for _, domain := range status {
		if domain["state_name"] == "" {
			t.Errorf("the state of %v has no name", domain["domain"])
		}
		delete(domain, "state_name")
	}
	return status
}
