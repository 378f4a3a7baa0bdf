//go:build faults

package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/test/redistest"
	"pilotsync/test/tether"
	"pilotsync/test/workload"
	"pilotsync/worker/ledger"
)

// binary is the program under test; TestMain builds it once for all tests. With
// FAULTS_RACE=1 it has the race detector in it.
var binary string

func TestMain(m *testing.M) {
	tether.Self()
	goleak.VerifyTestMain(built{m})
}

type built struct{ *testing.M }

// Run builds the program, runs the tests and removes it.
func (b built) Run() int {
	folder, err := os.MkdirTemp("", "pilotsync-faults-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	redis.SetLogger(quiet{}) // it says each time that Redis is away
	binary = filepath.Join(folder, "pilotsync")
	args := []string{"build", "-o", binary}
	if os.Getenv("FAULTS_RACE") == "1" {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, "pilotsync/cmd/pilotsync")...).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	return b.M.Run()
}

// quiet is a log of go-redis that nobody reads.
type quiet struct{}

// Printf implements go-redis's logging interface.
func (quiet) Printf(context.Context, string, ...any) {}

// promised is how long a dead worker's app may stand still: the lease's 30 s, the
// sweep's 15 s, and a sync. takeover is how long it is waited for: what takes longer
// than promised is logged, for the machine may be busy.
const (
	promised = 60 * time.Second
	takeover = 3 * promised
)

// world is a simulator within the test, a real Redis, and what the tests look
// with. Its workers are processes.
type world struct {
	t      *testing.T
	sim    *simulator.Simulator
	redis  *redistest.Server
	rdb    *redis.Client // the administrator's
	ledger *ledger.Ledger
	client *enqueue.Client
	want   *workload.Wanted
	env    []string // of each worker
	apps   []string
}

// newWorld starts a simulator, and a Redis with the shipped files and redisArgs.
func newWorld(t *testing.T, opt simulator.Options, redisArgs ...string) *world {
	t.Helper()
	sim, err := simulator.Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, sim.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	if len(opt.Apps) == 0 {
		opt.Apps = []simulator.App{{ID: "app1"}} // as the simulator does
	}
	w := &world{t: t, sim: sim, want: workload.New(opt.Apps)}
	w.apps = w.want.Apps()
	w.use(redistest.Shipped(t, redisArgs...))
	w.env = []string{
		w.redisURL(w.redis.Addr), "SERVERPILOT_API_URL=" + sim.APIURL(), "PILOTSYNC_API_RATE=0",
		"WU_SERVER_PILOT_CLIENT_ID=sim", "WU_SERVER_PILOT_API_KEY=sim-key", "WU_SERVER_PILOT_APP_ID=" + strings.Join(w.apps, ","),
		"PILOTSYNC_DNS=" + sim.DNSAddr(), fmt.Sprintf("PILOTSYNC_TLS_PORT=%d", sim.TLSPort()), "PILOTSYNC_TLS_ROOTS=" + roots,
		"PILOTSYNC_ALLOW_PRIVATE_ADDRESSES=on", "PILOTSYNC_LISTEN=off", "PILOTSYNC_SSL_DELAYS=1h",
		"PILOTSYNC_LOG_LEVEL=debug",
	}
	return w
}

// use has the test itself use a Redis: as the administrator, and through the ledger
// and the client as the users who have these in real use.
func (w *world) use(server *redistest.Server) {
	w.redis, w.rdb = server, server.Client(w.t, "admin")
	w.ledger, w.client = ledger.New(server.Client(w.t, "worker")), enqueue.New(server.Client(w.t, "php"))
}

// redisURL is a worker's setting for the world's Redis, reached at addr.
func (w *world) redisURL(addr string) string {
	return "REDIS_URL=" + strings.Replace(w.redis.As("worker"), w.redis.Addr, addr, 1)
}

// worker starts a worker with the world's environment; env wins over it.
func (w *world) worker(env ...string) *process { return w.program(binary, env, "worker") }

// command is a run of the program, not started, with the world's environment and
// one more setting.
func (w *world) command(program, setting string, args ...string) *exec.Cmd {
	cmd := tether.Command(exec.Command(program, args...))
	cmd.Env = append(append(os.Environ(), w.env...), setting)
	return cmd
}

// program starts a build of the program with args. It ends with the test.
func (w *world) program(program string, env []string, args ...string) *process {
	w.t.Helper()
	log, err := os.CreateTemp(w.t.TempDir(), args[0]+"-*.log")
	if err != nil {
		w.t.Fatal(err)
	}
	defer log.Close()
	p := &process{Cmd: tether.Command(exec.Command(program, args...)), t: w.t, log: log.Name(), ended: make(chan struct{})}
	p.Env = append(append(os.Environ(), w.env...), env...) // of two values the last one counts
	p.Stdout, p.Stderr = log, log
	if err := p.Start(); err != nil {
		w.t.Fatal(err)
	}
	go func() { // waited for by kill
		defer close(p.ended)
		_ = p.Wait() // how it ended is in ProcessState
	}()
	w.t.Cleanup(func() {
		p.kill()
		if strings.Contains(p.logged(), "DATA RACE") || strings.Contains(p.logged(), "panic:") {
			w.t.Errorf("a worker raced or panicked:\n%s", p.logged())
		}
		if os.Getenv("FAULTS_LOGS") != "" {
			w.t.Logf("%s %d logged:\n%s", args[0], p.Process.Pid, p.logged())
		}
	})
	return p
}

// process is a running pilotsync.
type process struct {
	*exec.Cmd
	t     *testing.T
	log   string // file with what it wrote
	ended chan struct{}
}

// kill ends the process as a crash would, and waits for its end.
func (p *process) kill() {
	_ = p.Process.Kill() // fails only if it has ended
	<-p.ended
}

// stop halts the process in its tracks; resume lets it go on.
func (p *process) stop()   { p.signal(syscall.SIGSTOP) }
func (p *process) resume() { p.signal(syscall.SIGCONT) }

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.Process.Signal(s); err != nil {
		p.t.Fatalf("%v to process %d: %v", s, p.Process.Pid, err)
	}
}

// terminate sends SIGTERM and returns the exit code and how long it took.
func (p *process) terminate() (code int, took time.Duration) {
	p.t.Helper()
	began := time.Now()
	p.signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(90 * time.Second): // three times what is promised, for a busy machine
		p.t.Fatalf("still there 90 s after SIGTERM:\n%s", p.logged())
	}
	return p.ProcessState.ExitCode(), time.Since(began)
}

// alive reports whether the process hasn't ended by itself.
func (p *process) alive() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// logged is all that the process wrote so far.
func (p *process) logged() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(b)
}

// awaitLog waits until the process has logged text.
func (p *process) awaitLog(text string, limit time.Duration) {
	p.t.Helper()
	await(p.t, fmt.Sprintf("process %d logs %q", p.Process.Pid, text), limit, func() error {
		if !strings.Contains(p.logged(), text) {
			return errors.New("it didn't")
		}
		return nil
	})
}

// await asks until it hears no error; what is away may come back.
func await(t *testing.T, what string, limit time.Duration, ok func() error) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for {
		err := ok()
		switch {
		case err == nil:
			return
		case time.Now().After(deadline):
			t.Fatalf("%s: not within %s: %v", what, limit, err)
		}
		select {
		case <-t.Context().Done():
			t.Fatal("the test's time is over")
		case <-time.After(25 * time.Millisecond):
		}
	}
}

// awaitSettled waits until no change of any app waits.
func (w *world) awaitSettled(limit time.Duration) {
	w.t.Helper()
	began := time.Now()
	await(w.t, "every change is dealt with", limit, w.settled)
	if took := time.Since(began); took > promised {
		w.t.Logf("every change is dealt with after %s; within %s is promised", took.Round(time.Second), promised)
	}
}

// settled is nil if every acknowledged change has been recorded and none waits.
func (w *world) settled() error { return w.want.Settled(w.t.Context(), w.ledger) }

// site is an app of the simulator with names set by hand, and a few of them many.
func site(id string) simulator.App {
	return simulator.App{ID: id, Domains: []string{"intranet.example.org", "Mail.example.org"}}
}
