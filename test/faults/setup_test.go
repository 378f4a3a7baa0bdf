//go:build faults

package faults

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/test/harness"
	"pilotsync/test/redistest"
	"pilotsync/test/workload"
	"pilotsync/worker/ledger"
)

func TestMain(m *testing.M) {
	redis.SetLogger(quiet{}) // it logs each time that Redis is unavailable
	goleak.VerifyTestMain(m)
}

// quiet discards what go-redis logs.
type quiet struct{}

// Printf implements go-redis's logging interface.
func (quiet) Printf(context.Context, string, ...any) {}

// promised is how long a dead worker's app may wait: the lease's 30 s, the recoverer's 15 s, and a
// sync. A longer wait is only logged, since the machine may be busy.
const promised = 60 * time.Second

// fixture is a simulator within the test, a real Redis, the test's clients, and workers as
// processes.
type fixture struct {
	t        *testing.T
	sim      *simulator.Simulator
	redis    *redistest.Server
	rdb      *redis.Client // the administrator's
	ledger   *ledger.Ledger
	client   *enqueue.Client
	workload *workload.Workload
	env      []string // of each worker
	apps     []string
}

// newFixture starts a simulator that takes only what is documented, and a Redis with the shipped
// files and redisArgs.
func newFixture(t *testing.T, opt simulator.Options, redisArgs ...string) *fixture {
	t.Helper()
	opt.Undocumented.Strict = true
	sim, err := simulator.Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	if len(opt.Apps) == 0 {
		opt.Apps = []simulator.App{{ID: "app1"}} // as the simulator does
	}
	f := &fixture{t: t, sim: sim, workload: workload.New(opt.Apps)}
	f.apps = f.workload.Apps()
	f.use(redistest.Shipped(t, redisArgs...))
	settings, err := harness.Settings(t.TempDir(), sim, f.redis.As("worker"), f.apps...)
	if err != nil {
		t.Fatal(err)
	}
	f.env = append(settings, "PILOTSYNC_LOG_LEVEL=debug")
	return f
}

// use connects the test to a Redis: its administrator's client, and ledger and enqueuing client
// with the shipped users' rights.
func (f *fixture) use(server *redistest.Server) {
	f.redis, f.rdb = server, server.Client(f.t, "admin")
	f.ledger, f.client = ledger.New(server.Client(f.t, "worker")), enqueue.New(server.Client(f.t, "php"))
}

// redisURL is a worker's setting for the fixture's Redis, reached at addr.
func (f *fixture) redisURL(addr string) string {
	return "REDIS_URL=" + strings.Replace(f.redis.As("worker"), f.redis.Addr, addr, 1)
}

// worker starts a worker with the fixture's environment; env wins over it.
func (f *fixture) worker(env ...string) *harness.Process {
	f.t.Helper()
	return f.program(harness.Program(f.t), env, "worker")
}

// run runs a build of the program and returns its output. It fails the test if the exit code isn't
// 0.
func (f *fixture) run(program string, env []string, args ...string) string {
	f.t.Helper()
	p := f.program(program, env, args...)
	if code := p.Wait(); code != 0 {
		f.t.Fatalf("%s %v ended with %d", p, args, code)
	}
	return p.Written()
}

// program starts a build of the program with args; env wins over the fixture's
// environment. It ends with the test.
func (f *fixture) program(program string, env []string, args ...string) *harness.Process {
	f.t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append(append(os.Environ(), f.env...), env...) // of two values the last one counts
	return harness.Start(f.t, cmd)
}

// awaitSettled waits until no change of any app waits.
func (f *fixture) awaitSettled() {
	f.t.Helper()
	began := time.Now()
	harness.Await(f.t, "no change waits", f.settled)
	if took := time.Since(began); took > promised {
		f.t.Logf("no change waits after %s; within %s is promised", took.Round(time.Second), promised)
	}
}

// settled is nil if every acknowledged change has been recorded and none waits.
func (f *fixture) settled() error { return f.workload.Settled(f.t.Context(), f.ledger) }

// appWithDomains is an app of the simulator with names set by hand.
func appWithDomains(id string) simulator.App {
	return simulator.App{ID: id, Domains: []string{"intranet.example.org", "Mail.example.org"}}
}
