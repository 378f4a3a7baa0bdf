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

// fixture is a simulator within the test, a real Redis, and processes of several releases.
type fixture struct {
	t      *testing.T
	redis  *redistest.Server // with the shipped files
	sim    *simulator.Simulator
	rdb    *redis.Client // the administrator's
	ledger *ledger.Ledger
	client *enqueue.Client
	apps   []string
	env    []string
}

func newFixture(t *testing.T, apps ...simulator.App) *fixture {
	t.Helper()
	server := redistest.Shipped(t)
	sim, err := simulator.Start(simulator.Options{Apps: apps, Latency: 40 * time.Millisecond, CertDelay: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	f := &fixture{t: t, redis: server, sim: sim, rdb: server.Client(t, "admin"),
		ledger: ledger.New(server.Client(t, "worker")), client: enqueue.New(server.Client(t, "php"))}
	for _, app := range apps {
		f.apps = append(f.apps, app.ID)
	}
	settings, err := harness.Settings(t.TempDir(), sim, server.As("worker"), f.apps...)
	if err != nil {
		t.Fatal(err)
	}
	f.giveEarlierRights()
	f.env = append(os.Environ(), append(settings, "PILOTSYNC_WWW=never", "PILOTSYNC_SSL_DELAYS=1s,1s,1s,1s")...)
	return f
}

// giveEarlierRights gives PHP's user the rights that the previous release's users.acl has. The
// present one, without the right to run scripts, takes effect after the last producer's upgrade.
func (f *fixture) giveEarlierRights() {
	f.t.Helper()
	if built.noPrevious != nil {
		return
	}
	users, err := os.ReadFile(filepath.Join(built.source, "deployments/redis/users.acl"))
	if err != nil {
		f.t.Fatal(err)
	}
	_, rights, found := strings.Cut(string(users), "user php on ")
	if !found {
		f.t.Fatal("the previous release's users.acl has no user php")
	}
	rights, _, _ = strings.Cut(rights, "\n")
	rule := []any{"ACL", "SETUSER", "php", "clearselectors", "nocommands", "resetkeys", "resetchannels"}
	for _, word := range strings.Fields(rights) {
		rule = append(rule, word)
	}
	if err := f.rdb.Do(f.t.Context(), rule...).Err(); err != nil {
		f.t.Fatal(err)
	}
}

// start runs a program until the test ends at the latest; env wins over the fixture's environment.
func (f *fixture) start(program string, env []string, args ...string) *harness.Process {
	f.t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append(slices.Clip(f.env), env...)
	p := harness.Start(f.t, cmd)
	f.t.Cleanup(func() { f.stop(p) })
	return p
}

// stop ends a process as an upgrade does: by SIGTERM. A process that has just started
// doesn't handle signals yet, so its first line is awaited.
func (f *fixture) stop(p *harness.Process) {
	f.t.Helper()
	harness.Await(f.t, p.String()+" has written something", func() error {
		if p.Alive() && p.Written() == "" {
			return errors.New("it hasn't")
		}
		return nil
	})
	if code := p.Terminate(); code != 0 {
		f.t.Errorf("%s ended with %d", p, code)
	}
}

// run runs a command and returns its standard output, its standard error and its exit code. Any
// goroutine may call it.
func (f *fixture) run(program string, args ...string) (out, says string, code int) {
	cmd := exec.CommandContext(f.t.Context(), program, args...)
	var stdout, stderr bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = f.env, &stdout, &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		f.t.Errorf("%s %v: %v", program, args, err)
		return "", err.Error(), -1
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

// must is run for a command that has to succeed; it returns the standard output.
func (f *fixture) must(program string, args ...string) string {
	f.t.Helper()
	out, says, code := f.run(program, args...)
	if code != 0 {
		f.t.Errorf("%s %v ended with %d:\n%s%s", filepath.Base(program), args, code, out, says)
	}
	return out
}

// awaitState waits until a domain has a state, with a reason that contains a text.
func (f *fixture) awaitState(app, domain string, state tasks.State, reason string) {
	f.t.Helper()
	harness.Await(f.t, fmt.Sprintf("%s is %s, %q", domain, state, reason), func() error {
		v, _, err := f.ledger.Domain(f.t.Context(), app, domain)
		if err == nil && (v.State != state || !strings.Contains(v.Reason, reason)) {
			err = fmt.Errorf("it is %q, %q", v.State, v.Reason)
		}
		return err
	})
}
