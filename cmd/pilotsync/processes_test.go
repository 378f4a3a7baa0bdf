package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/test/harness"
	"pilotsync/test/redistest"
	"pilotsync/worker/ledger"
)

// The tests in this file run the program as its users do: as processes, against a real Redis, that
// are killed, stopped and restarted.

// fixture is a Redis, a simulator process and worker processes.
type fixture struct {
	t      *testing.T
	env    []string // the worker's settings from `pilotsync simulate`
	redis  *redistest.Server
	rdb    *redis.Client
	ledger *ledger.Ledger
	sim    *simulator.Remote
}

// newFixture starts Redis and the simulator.
func newFixture(t *testing.T, redisArgs []string, simulate ...string) *fixture {
	t.Helper()
	server := redistest.New(t, redisArgs...)
	f := &fixture{t: t, redis: server, rdb: redis.NewClient(&redis.Options{Addr: server.Addr})}
	t.Cleanup(func() { f.rdb.Close() })
	f.ledger = ledger.New(f.rdb)

	p := f.start(append([]string{"simulate"}, simulate...)...)
	p.AwaitWritten("# ready\n")
	for line := range strings.Lines(p.Written()) {
		if setting, isExport := strings.CutPrefix(line, "export "); isExport {
			name, value, _ := strings.Cut(strings.TrimSpace(setting), "=")
			f.env = append(f.env, name+"="+strings.Trim(value, "'"))
			if name == "SERVERPILOT_API_URL" {
				f.sim = simulator.NewRemote(strings.Trim(value, "'"))
			}
		}
	}
	f.env = append(f.env, "REDIS_URL="+server.URL, "PILOTSYNC_LISTEN=off", "PILOTSYNC_API_RATE=0", "PILOTSYNC_SSL_DELAYS=1h")
	return f
}

// start runs the program with the fixture's environment, and ends it with the test.
func (f *fixture) start(args ...string) *harness.Process {
	f.t.Helper()
	cmd := exec.Command(harness.Program(f.t), args...)
	cmd.Env = append(os.Environ(), f.env...)
	return harness.Start(f.t, cmd)
}

// poll waits until ok returns true. An error counts as false, since Redis and others may be away.
func poll(t *testing.T, what string, ok func() (bool, error)) {
	t.Helper()
	harness.Await(t, what, func() error {
		yes, err := ok()
		if yes {
			return nil
		}
		return fmt.Errorf("not yet: %w", err)
	})
}

// settled reports whether no change of any app waits.
func (f *fixture) settled(apps []string) (bool, error) {
	for _, id := range apps {
		app, err := f.ledger.App(f.t.Context(), id)
		if err != nil || app.Pending > 0 {
			return false, fmt.Errorf("app %s: %+v: %w", id, app, err)
		}
	}
	return true, nil
}

// expected is each domain's last request, kept apart from the program.
type expected struct {
	mu   sync.Mutex
	last map[string]map[string]enqueue.Receipt // app → domain → the receipt with the highest number
	on   map[string]map[string]bool
}

func (w *expected) note(r enqueue.Receipt, remove bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.last[r.AppID] == nil {
		w.last[r.AppID], w.on[r.AppID] = map[string]enqueue.Receipt{}, map[string]bool{}
	}
	if r.Seq > w.last[r.AppID][r.Domain].Seq {
		w.last[r.AppID][r.Domain], w.on[r.AppID][r.Domain] = r, !remove
	}
}

// list is the sorted names that an app's list must hold besides those set by hand.
func (w *expected) list(app string) []string {
	var all []string
	for domain, on := range w.on[app] {
		if on {
			all = append(all, domain, "www."+domain)
		}
	}
	slices.Sort(all)
	return all
}

// TestManyProcessesKilledAtRandomLoseNothing makes 800 changes of 20 apps from four producers, with
// four workers that are killed at random, and an API with faults. In the end each list is correct,
// and no two writes of an app have overlapped. `make faults` does more of this, for longer.
func TestManyProcessesKilledAtRandomLoseNothing(t *testing.T) {
	harness.Long(t)
	t.Parallel()
	const apps, producers, each, workers = 20, 4, 200, 4
	var ids, simulate []string
	for i := range apps {
		ids = append(ids, fmt.Sprintf("app%02d", i))
		simulate = append(simulate, "--app", ids[i])
	}
	f := newFixture(t, nil, append(simulate, "--latency", "100ms", "--fault-5xx", "0.02", "--fault-429", "0.02", "--retry-after", "1s",
		"--fault-slow", "0.01", "--slow-for", "2s", "--fault-html", "0.005", "--fault-drop-before", "0.01", "--fault-drop-after", "0.005")...)
	f.env = append(f.env, "WU_SERVER_PILOT_APP_ID="+strings.Join(ids, ","))
	byHand := []string{"intranet.example.org", "Mail.example.org"}
	for _, id := range ids {
		if err := f.sim.SetListByHand(t.Context(), id, byHand); err != nil {
			t.Fatal(err)
		}
	}
	running := make([]*harness.Process, workers)
	for i := range running {
		running[i] = f.start("worker")
	}

	want := &expected{last: map[string]map[string]enqueue.Receipt{}, on: map[string]map[string]bool{}}
	produced := make(chan struct{})
	var producing sync.WaitGroup
	for p := range producers {
		producing.Go(func() { produce(t, f.rdb, want, ids, each, uint64(p)) })
	}
	go func() { producing.Wait(); close(produced) }()

	// A worker is killed every three seconds while changes arrive, and a few times more.
	random := rand.New(rand.NewPCG(7, 7))
	kills := 0
	for after := 0; after < 3; {
		select {
		case <-t.Context().Done():
			t.Fatal("the test's time is over")
		case <-time.After(3 * time.Second):
		}
		i := random.IntN(workers)
		running[i].Kill()
		running[i] = f.start("worker")
		kills++
		select {
		case <-produced:
			after++
		default:
		}
	}
	lastDeath := time.Now()
	<-produced
	poll(t, "every change is dealt with", func() (bool, error) { return f.settled(ids) })
	t.Logf("%d workers were killed; all was settled %s after the last death", kills, time.Since(lastDeath).Round(time.Second))

	lists, err := f.sim.Lists(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		got := lists[id]
		if len(got) < 2 || !slices.Equal(got[:2], byHand) {
			t.Errorf("%s: the names set by hand are not where they were: %v", id, got)
			continue
		}
		got = slices.Sorted(slices.Values(got[2:]))
		if expected := want.list(id); !slices.Equal(got, expected) {
			t.Errorf("%s: the list has %d owned names, want %d (-want +got):\n%s", id, len(got), len(expected), cmp.Diff(expected, got))
		}
	}
	overlaps, err := f.sim.Overlaps(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(overlaps) > 0 {
		t.Errorf("%d list writes of one app overlapped, the first: %+v", len(overlaps), overlaps[0])
	}
}

// produce enqueues n random changes in small batches.
func produce(t *testing.T, rdb redis.UniversalClient, want *expected, apps []string, n int, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 1))
	client := enqueue.New(rdb)
	for n > 0 {
		batch := make([]enqueue.Request, min(n, 1+random.IntN(20)))
		n -= len(batch)
		for i := range batch {
			batch[i] = enqueue.Request{
				AppID:  apps[random.IntN(len(apps))],
				Domain: fmt.Sprintf("shop%02d.example.com", random.IntN(60)), Remove: random.IntN(3) == 0,
			}
		}
		receipts, err := client.Enqueue(t.Context(), batch...)
		if err != nil {
			t.Errorf("enqueue: %v", err)
			return
		}
		for i, r := range receipts {
			want.note(r, batch[i].Remove)
		}
		select {
		case <-t.Context().Done():
			return
		case <-time.After(time.Duration(random.IntN(1000)) * time.Millisecond): // the pace of a busy network
		}
	}
}

func TestSIGTERMFinishesTheCallInHandAndHandsTheRestBack(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil, "--latency", "3s")
	first := f.start("worker")
	client := enqueue.New(f.rdb)
	if _, err := client.Enqueue(t.Context(), enqueue.Request{AppID: "app1", Domain: "shop.example.com"}); err != nil {
		t.Fatal(err)
	}
	poll(t, "a call is in hand", func() (bool, error) {
		n, err := f.sim.Calls(t.Context(), "app1", simulator.ReadApp)
		return n > 0, err
	})
	if code := first.Terminate(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	app, err := f.ledger.App(t.Context(), "app1")
	if err != nil || app.Leased {
		t.Errorf("the lease is still held: %+v, %v", app, err)
	}
	f.start("worker")
	poll(t, "another worker lists the domain", func() (bool, error) {
		lists, err := f.sim.Lists(t.Context())
		return len(lists["app1"]) == 2, err
	})
}

func TestAWorkerWaitsForRedisAndOutlivesItsRestart(t *testing.T) {
	t.Parallel()
	f := newFixture(t, []string{"--appendonly", "yes", "--appendfsync", "always"})
	listed := func(n int) {
		t.Helper()
		poll(t, fmt.Sprintf("%d names are listed", n), func() (bool, error) {
			lists, err := f.sim.Lists(t.Context())
			return len(lists["app1"]) == n, err
		})
	}
	enqueueOne := func(domain string) {
		t.Helper()
		if _, err := enqueue.New(f.rdb).Enqueue(context.Background(), enqueue.Request{AppID: "app1", Domain: domain}); err != nil {
			t.Fatal(err)
		}
	}
	f.redis.Kill()
	w := f.start("worker")
	poll(t, "the worker says that Redis is unavailable", func() (bool, error) {
		return strings.Contains(w.Written(), "Redis is unavailable"), nil
	})
	f.redis.Start()
	enqueueOne("www.one.example.com")
	listed(1)
	f.redis.Kill()
	f.redis.Start()
	enqueueOne("www.two.example.com")
	listed(2)
	if code := w.Terminate(); code != 0 {
		t.Errorf("exit code %d:\n%s", code, w.Written())
	}
}
