package upgrade

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/harness"
	"pilotsync/test/redistest"
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
	w := &world{t: t, redis: server, sim: sim, rdb: server.Client(t, "admin"),
		ledger: ledger.New(server.Client(t, "worker")), client: enqueue.New(server.Client(t, "php"))}
	for _, app := range apps {
		w.apps = append(w.apps, app.ID)
	}
	settings, err := harness.Settings(t.TempDir(), sim, server.As("worker"), w.apps...)
	if err != nil {
		t.Fatal(err)
	}
	w.env = append(os.Environ(), append(settings, "PILOTSYNC_WWW=never", "PILOTSYNC_SSL_DELAYS=1s,1s,1s,1s")...)
	return w
}

// start runs a program until the test's end at the latest; env wins over the fixture's.
func (w *world) start(program string, env []string, args ...string) *harness.Process {
	w.t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append(slices.Clip(w.env), env...)
	p := harness.Start(w.t, cmd)
	w.t.Cleanup(func() { w.stop(p) })
	return p
}

// stop ends a process as an upgrade does: by SIGTERM. A process that has just started
// doesn't handle signals yet, so its first line is awaited.
func (w *world) stop(p *harness.Process) {
	w.t.Helper()
	harness.Await(w.t, p.String()+" has written something", func() error {
		if p.Alive() && p.Written() == "" {
			return errors.New("it hasn't")
		}
		return nil
	})
	if code := p.Terminate(); code != 0 {
		w.t.Errorf("%s ended with %d", p, code)
	}
}

// run runs a command to its end and returns what it printed, what it complained of,
// and its exit code. It may be called by any goroutine.
func (w *world) run(program string, args ...string) (out, says string, code int) {
	cmd := exec.CommandContext(w.t.Context(), program, args...)
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

// awaitState waits for a domain's state, by a reason that holds some words.
func (w *world) awaitState(app, domain string, state tasks.State, reason string) {
	w.t.Helper()
	harness.Await(w.t, fmt.Sprintf("%s is %s, %q", domain, state, reason), func() error {
		v, _, err := w.ledger.Domain(w.t.Context(), app, domain)
		if err == nil && (v.State != state || !strings.Contains(v.Reason, reason)) {
			err = fmt.Errorf("it is %q, %q", v.State, v.Reason)
		}
		return err
	})
}
