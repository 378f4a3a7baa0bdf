package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/test/redistest"
	"pilotsync/test/tether"
	"pilotsync/worker/ledger"
)

// The tests in this file run the program as its users do: as processes, against
// a real Redis, that are killed, stopped and started again.

// site is a machine room: a Redis, a simulator process and worker processes.
type site struct {
	t      *testing.T
	binary string
	env    []string // what `pilotsync simulate` told a worker to have
	redis  *redistest.Server
	rdb    *redis.Client
	ledger *ledger.Ledger
	sim    *simulator.Remote
}

// newSite builds the program and starts Redis and the simulator.
func newSite(t *testing.T, redisArgs []string, simulate ...string) *site {
	t.Helper()
	server := redistest.New(t, redisArgs...)
	s := &site{t: t, binary: filepath.Join(t.TempDir(), "pilotsync"), redis: server}
	if out, err := exec.Command("go", "build", "-o", s.binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	s.rdb = redis.NewClient(&redis.Options{Addr: server.Addr})
	t.Cleanup(func() { s.rdb.Close() })
	s.ledger = ledger.New(s.rdb)

	p := s.start("simulator", append([]string{"simulate"}, simulate...)...)
	for line := range p.lines {
		if setting, isExport := strings.CutPrefix(line, "export "); isExport {
			name, value, _ := strings.Cut(setting, "=")
			s.env = append(s.env, name+"="+strings.Trim(value, "'"))
			if name == "SERVERPILOT_API_URL" {
				s.sim = simulator.NewRemote(strings.Trim(value, "'"))
			}
		}
		if line == "# ready" {
			break
		}
	}
	if s.sim == nil {
		t.Fatalf("the simulator didn't start: %s", p.logged())
	}
	s.env = append(s.env, "REDIS_URL="+server.URL, "PILOTSYNC_LISTEN=off", "PILOTSYNC_API_RATE=0", "PILOTSYNC_SSL_DELAYS=1h")
	return s
}

// process is a running pilotsync.
type process struct {
	*exec.Cmd
	t     *testing.T
	lines chan string // of standard output
	log   string      // file with what it logged
	ended chan struct{}
	err   error // once ended is closed
}

// start runs the program with the site's environment, and ends it with the test.
func (s *site) start(name string, args ...string) *process {
	s.t.Helper()
	log, err := os.CreateTemp(s.t.TempDir(), name+"-*.log")
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	p := &process{Cmd: tether.Command(exec.Command(s.binary, args...)), t: s.t, log: log.Name(), ended: make(chan struct{}), lines: make(chan string, 1000)}
	p.Env, p.Stderr = append(os.Environ(), s.env...), log
	out, err := p.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			p.lines <- scanner.Text()
		}
		close(p.lines)
		io.Copy(io.Discard, out)
		p.err = p.Wait()
	}()
	s.t.Cleanup(p.kill)
	return p
}

// kill ends the process as a crash would.
func (p *process) kill() {
	p.Process.Kill()
	<-p.ended
}

func (p *process) logged() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(b)
}

// terminate sends SIGTERM and returns the exit code and how long it took.
func (p *process) terminate() (code int, took time.Duration) {
	p.t.Helper()
	began := time.Now()
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	select {
	case <-p.ended:
	case <-time.After(2 * time.Minute):
		p.t.Fatalf("still there two minutes after SIGTERM:\n%s", p.logged())
	}
	return p.ProcessState.ExitCode(), time.Since(began)
}

func (s *site) await(what string, limit time.Duration, ok func() (bool, error)) {
	s.t.Helper()
	poll(s.t, what, limit, ok)
}

// poll asks until the answer is yes; errors are answers, too: things may be away.
func poll(t *testing.T, what string, limit time.Duration, ok func() (bool, error)) {
	t.Helper()
	deadline := time.After(limit)
	var last error
	for {
		yes, err := ok()
		if yes {
			return
		}
		last = errors.Join(err)
		select {
		case <-deadline:
			t.Fatalf("%s: not within %s (%v)", what, limit, last)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// settled reports whether no change of any app waits.
func (s *site) settled(apps []string) (bool, error) {
	for _, id := range apps {
		app, err := s.ledger.App(s.t.Context(), id)
		if err != nil || app.Pending > 0 {
			return false, fmt.Errorf("app %s: %+v: %w", id, app, err)
		}
	}
	return true, nil
}

// wanted is what the tests expect, kept apart from anything the program has:
// the last request of each domain.
type wanted struct {
	mu   sync.Mutex
	last map[string]map[string]enqueue.Receipt // app → domain → the receipt with the highest number
	on   map[string]map[string]bool
}

func (w *wanted) note(r enqueue.Receipt, remove bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.last[r.AppID] == nil {
		w.last[r.AppID], w.on[r.AppID] = map[string]enqueue.Receipt{}, map[string]bool{}
	}
	if r.Seq > w.last[r.AppID][r.Domain].Seq {
		w.last[r.AppID][r.Domain], w.on[r.AppID][r.Domain] = r, !remove
	}
}

// list is what an app's list must hold besides what was set by hand, sorted.
func (w *wanted) list(app string) []string {
	var all []string
	for domain, on := range w.on[app] {
		if on {
			all = append(all, domain, "www."+domain)
		}
	}
	slices.Sort(all)
	return all
}

// TestManyProcessesKilledAtRandomLoseNothing is the promise of the whole
// program: 800 changes of 20 apps from four producers, four workers that are
// killed all the while, an API with faults. In the end each list is right, and no two list
// writes of an app ever overlapped. `make faults` has more of this, and for longer.
func TestManyProcessesKilledAtRandomLoseNothing(t *testing.T) {
	t.Parallel()
	const apps, producers, each, workers = 20, 4, 200, 4
	var ids, simulate []string
	for i := range apps {
		ids = append(ids, fmt.Sprintf("app%02d", i))
		simulate = append(simulate, "--app", ids[i])
	}
	s := newSite(t, nil, append(simulate, "--latency", "100ms", "--fault-5xx", "0.02", "--fault-429", "0.02", "--retry-after", "1s",
		"--fault-slow", "0.01", "--slow-for", "2s", "--fault-html", "0.005", "--fault-drop-before", "0.01", "--fault-drop-after", "0.005")...)
	s.env = append(s.env, "WU_SERVER_PILOT_APP_ID="+strings.Join(ids, ","))
	byHand := []string{"intranet.example.org", "Mail.example.org"}
	for _, id := range ids {
		if err := s.sim.SetListByHand(t.Context(), id, byHand); err != nil {
			t.Fatal(err)
		}
	}
	running := make([]*process, workers)
	for i := range running {
		running[i] = s.start("worker", "worker")
	}

	want := &wanted{last: map[string]map[string]enqueue.Receipt{}, on: map[string]map[string]bool{}}
	produced := make(chan struct{})
	var producing sync.WaitGroup
	for p := range producers {
		producing.Go(func() { produce(t, s.rdb, want, ids, each, uint64(p)) })
	}
	go func() { producing.Wait(); close(produced) }()

	// A worker dies every three seconds while changes come in, and a few times more.
	random := rand.New(rand.NewPCG(7, 7))
	kills := 0
	for after := 0; after < 3; {
		select {
		case <-t.Context().Done():
			t.Fatal("the test's time is over")
		case <-time.After(3 * time.Second):
		}
		i := random.IntN(workers)
		running[i].kill()
		running[i] = s.start("worker", "worker")
		kills++
		select {
		case <-produced:
			after++
		default:
		}
	}
	lastDeath := time.Now()
	<-produced
	s.await("every change is dealt with", 3*time.Minute, func() (bool, error) { return s.settled(ids) })
	t.Logf("%d workers were killed; all was settled %s after the last death", kills, time.Since(lastDeath).Round(time.Second))

	lists, err := s.sim.Lists(t.Context())
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
			t.Errorf("%s: the list has %d names of ours, want %d\nlost:  %v\nstray: %v", id, len(got), len(expected), minus(expected, got), minus(got, expected))
		}
	}
	overlaps, err := s.sim.Overlaps(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(overlaps) > 0 {
		t.Errorf("%d list writes of one app overlapped, the first: %+v", len(overlaps), overlaps[0])
	}
}

// produce enqueues n random changes in small batches.
func produce(t *testing.T, rdb redis.UniversalClient, want *wanted, apps []string, n int, seed uint64) {
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
	s := newSite(t, nil, "--latency", "3s")
	first := s.start("worker", "worker")
	client := enqueue.New(s.rdb)
	if _, err := client.Enqueue(t.Context(), enqueue.Request{AppID: "app1", Domain: "shop.example.com"}); err != nil {
		t.Fatal(err)
	}
	s.await("a call is in hand", time.Minute, func() (bool, error) {
		n, err := s.sim.Calls(t.Context(), "app1", simulator.ReadApp)
		return n > 0, err
	})
	code, took := first.terminate()
	if code != 0 {
		t.Errorf("exit code %d, want 0:\n%s", code, first.logged())
	}
	t.Logf("it ended %s after SIGTERM, of the 30 s that README promises", took.Round(time.Millisecond))
	app, err := s.ledger.App(t.Context(), "app1")
	if err != nil || app.Leased {
		t.Errorf("the lease is still held: %+v, %v", app, err)
	}
	s.start("worker", "worker")
	s.await("another worker lists the domain", time.Minute, func() (bool, error) {
		lists, err := s.sim.Lists(t.Context())
		return len(lists["app1"]) == 2, err
	})
}

func TestAWorkerWaitsForRedisAndOutlivesItsRestart(t *testing.T) {
	t.Parallel()
	s := newSite(t, []string{"--appendonly", "yes", "--appendfsync", "always"})
	listed := func(n int) {
		t.Helper()
		s.await(fmt.Sprintf("%d names are listed", n), time.Minute, func() (bool, error) {
			lists, err := s.sim.Lists(t.Context())
			return len(lists["app1"]) == n, err
		})
	}
	enqueueOne := func(domain string) {
		t.Helper()
		if _, err := enqueue.New(s.rdb).Enqueue(context.Background(), enqueue.Request{AppID: "app1", Domain: domain}); err != nil {
			t.Fatal(err)
		}
	}
	s.redis.Kill()
	w := s.start("worker", "worker")
	s.await("the worker says that Redis is away", time.Minute, func() (bool, error) {
		return strings.Contains(w.logged(), "Redis is away"), nil
	})
	s.redis.Start()
	enqueueOne("www.one.example.com")
	listed(1)
	s.redis.Kill()
	s.redis.Start()
	enqueueOne("www.two.example.com")
	listed(2)
	if code, _ := w.terminate(); code != 0 {
		t.Errorf("exit code %d:\n%s", code, w.logged())
	}
}
