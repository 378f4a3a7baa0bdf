package upgrade

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/redistest"
	"pilotsync/test/tether"
	"pilotsync/worker/ledger"
)

// world is a simulator within the test, a real Redis, and processes of any release.
type world struct {
	t      *testing.T
	redis  *redistest.Server // with the shipped files
	sim    *simulator.Simulator
	rdb    *redis.Client // the administrator's
	ledger *ledger.Ledger
	client *enqueue.Client
	apps   []string
	env    []string
}

func newWorld(t *testing.T, apps ...simulator.App) *world {
	t.Helper()
	server := redistest.Shipped(t)
	sim, err := simulator.Start(simulator.Options{Apps: apps, Latency: 40 * time.Millisecond, CertDelay: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, sim.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, redis: server, sim: sim, rdb: server.Client(t, "admin"),
		ledger: ledger.New(server.Client(t, "worker")), client: enqueue.New(server.Client(t, "php"))}
	for _, app := range apps {
		w.apps = append(w.apps, app.ID)
	}
	w.env = append(os.Environ(),
		"REDIS_URL="+server.As("worker"), "SERVERPILOT_API_URL="+sim.APIURL(), "PILOTSYNC_API_RATE=0",
		"WU_SERVER_PILOT_CLIENT_ID=sim", "WU_SERVER_PILOT_API_KEY=sim-key", "WU_SERVER_PILOT_APP_ID="+strings.Join(w.apps, ","),
		"PILOTSYNC_DNS="+sim.DNSAddr(), fmt.Sprintf("PILOTSYNC_TLS_PORT=%d", sim.TLSPort()), "PILOTSYNC_TLS_ROOTS="+roots,
		"PILOTSYNC_ALLOW_PRIVATE_ADDRESSES=on", "PILOTSYNC_LISTEN=off", "PILOTSYNC_WWW=never", "PILOTSYNC_SSL_DELAYS=1s,1s,1s,1s")
	return w
}

// process is a program that runs until it is stopped.
type process struct {
	*exec.Cmd
	t       *testing.T
	program string
	log     string // file with what it wrote
	ended   chan struct{}
}

// start runs a program until the test's end at the latest; env wins over the world's.
func (w *world) start(program string, env []string, args ...string) *process {
	w.t.Helper()
	log, err := os.CreateTemp(w.t.TempDir(), args[0]+"-*.log")
	if err != nil {
		w.t.Fatal(err)
	}
	defer log.Close()
	p := &process{Cmd: tether.Command(exec.Command(program, args...)), t: w.t, program: program, log: log.Name(), ended: make(chan struct{})}
	p.Env, p.Stdout, p.Stderr = append(w.env[:len(w.env):len(w.env)], env...), log, log
	if err := p.Start(); err != nil {
		w.t.Fatal(err)
	}
	go func() { // waited for by stop
		defer close(p.ended)
		_ = p.Wait() // how it ended is in ProcessState
	}()
	w.t.Cleanup(p.stop)
	return p
}

// stop ends the process as an upgrade does: by SIGTERM, and in good order. A process
// that hasn't begun doesn't handle signals yet, so its first line is awaited.
func (p *process) stop() {
	for deadline := time.Now().Add(2 * time.Minute); p.logged() == "" && time.Now().Before(deadline); {
		select {
		case <-p.ended:
			deadline = time.Time{}
		case <-time.After(10 * time.Millisecond):
		}
	}
	_ = p.Process.Signal(syscall.SIGTERM) // fails only if it has ended
	select {
	case <-p.ended:
	case <-time.After(2 * time.Minute):
		p.t.Errorf("still there two minutes after SIGTERM:\n%s", p.logged())
		_ = p.Process.Kill()
		<-p.ended
	}
	log := p.logged()
	for line := range strings.Lines(log) {
		if strings.Contains(line, `"level":"error"`) { // no failure by itself: on a busy machine Redis may seem away
			p.t.Logf("%s: %s", filepath.Base(p.program), line)
		}
	}
	if code := p.ProcessState.ExitCode(); code != 0 || strings.Contains(log, "panic:") {
		p.t.Errorf("%s ended with %d:\n%s", filepath.Base(p.program), code, log)
	}
}

func (p *process) logged() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		p.t.Error(err)
	}
	return string(b)
}

// run runs a command to its end and returns what it printed, what it complained of,
// and its exit code. It may be called by any goroutine.
func (w *world) run(program string, args ...string) (out, says string, code int) {
	ctx, cancel := context.WithTimeout(w.t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	var stdout, stderr bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = w.env, &stdout, &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		w.t.Errorf("%s %v: %v", program, args, err)
		return "", err.Error(), -1
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

// must is run for what has to go well; it returns what was printed.
func (w *world) must(program string, args ...string) string {
	w.t.Helper()
	out, says, code := w.run(program, args...)
	if code != 0 {
		w.t.Errorf("%s %v ended with %d:\n%s%s", filepath.Base(program), args, code, out, says)
	}
	return out
}

func (w *world) await(what string, limit time.Duration, ok func(context.Context) error) {
	w.t.Helper()
	for deadline := time.Now().Add(limit); ; {
		err := ok(w.t.Context())
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("%s: not within %s: %v", what, limit, err)
		}
		select {
		case <-w.t.Context().Done():
			w.t.Fatal("the test's time is over")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// awaitState waits for a domain's state, by a reason that holds some words.
func (w *world) awaitState(app, domain string, state tasks.State, reason string) {
	w.t.Helper()
	w.await(fmt.Sprintf("%s is %s, %q", domain, state, reason), time.Minute, func(ctx context.Context) error {
		v, _, err := w.ledger.Domain(ctx, app, domain)
		if err == nil && (v.State != state || !strings.Contains(v.Reason, reason)) {
			err = fmt.Errorf("it is %q, %q", v.State, v.Reason)
		}
		return err
	})
}
