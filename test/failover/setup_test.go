package failover

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	redislog "github.com/redis/go-redis/v9/logging"

	"pilotsync/enqueue"
	"pilotsync/internal/redisurl"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/workload"
	"pilotsync/worker/ledger"
)

// binary is the program, built once for all tests.
var binary string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	folder, err := os.MkdirTemp("", "pilotsync-realredis-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	redislog.Disable()
	binary = filepath.Join(folder, "pilotsync")
	if out, err := exec.Command("go", "build", "-o", binary, "pilotsync/cmd/pilotsync").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// world is a simulator, a Redis, and processes of the program.
type world struct {
	t      *testing.T
	sim    *simulator.Simulator
	rdb    redis.UniversalClient
	client *enqueue.Client
	ledger *ledger.Ledger
	want   *workload.Wanted
	env    []string
}

// urls are the URLs of a Redis with the shipped files, by user.
type urls func(user string) string

// newWorld has the program use Redis as the worker, and the test itself as the worker
// and, to enqueue, as php.
func newWorld(t *testing.T, url urls) *world {
	t.Helper()
	return newWorldOf(t, url, simulator.Options{Apps: []simulator.App{{ID: "app1", Domains: []string{"byhand.example.org"}}, {ID: "app2"}}, CertDelay: 10 * time.Millisecond})
}

func newWorldOf(t *testing.T, url urls, opt simulator.Options) *world {
	t.Helper()
	sim, err := simulator.Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	open := func(user string) redis.UniversalClient {
		rdb, err := redisurl.Open(url(user))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = rdb.Close() })
		return rdb
	}
	rdb := open("worker")
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, sim.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	want := workload.New(opt.Apps)
	return &world{t: t, sim: sim, rdb: rdb, client: enqueue.New(open("php")), ledger: ledger.New(rdb), want: want, env: []string{
		"REDIS_URL=" + url("worker"), "SERVERPILOT_API_URL=" + sim.APIURL(), "PILOTSYNC_API_RATE=100",
		"WU_SERVER_PILOT_CLIENT_ID=sim", "WU_SERVER_PILOT_API_KEY=sim-key", "WU_SERVER_PILOT_APP_ID=" + strings.Join(want.Apps(), ","),
		"PILOTSYNC_DNS=" + sim.DNSAddr(), fmt.Sprintf("PILOTSYNC_TLS_PORT=%d", sim.TLSPort()), "PILOTSYNC_TLS_ROOTS=" + roots,
		"PILOTSYNC_ALLOW_PRIVATE_ADDRESSES=on", "PILOTSYNC_LISTEN=off", "PILOTSYNC_SSL_DELAYS=1s,1s",
	}}
}

// run runs a command to its end, and returns what it wrote and its exit code.
func (w *world) run(env []string, args ...string) (string, int) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = append(append(os.Environ(), w.env...), env...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		w.t.Fatalf("pilotsync %v: %v", args, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func (w *world) add(app string, domains ...string) {
	w.t.Helper()
	for _, d := range domains {
		if _, err := w.client.Enqueue(w.t.Context(), enqueue.Request{AppID: app, Domain: d}); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) awaitState(app, domain string, want tasks.State) {
	w.t.Helper()
	await(w.t, domain+" is "+string(want), func() error {
		v, _, err := w.ledger.Domain(w.t.Context(), app, domain)
		if err == nil && v.State != want {
			err = fmt.Errorf("it is %q", v.State)
		}
		return err
	})
}

func await(t *testing.T, what string, ok func() error) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; {
		err := ok()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within two minutes: %v", what, err)
		}
		select {
		case <-t.Context().Done():
			t.Fatal("the test's time is over")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// get asks a page.
func get(ctx context.Context, url string) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}
