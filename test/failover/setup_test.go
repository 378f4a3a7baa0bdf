package failover

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	redislog "github.com/redis/go-redis/v9/logging"

	"pilotsync/enqueue"
	"pilotsync/internal/redisurl"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/harness"
	"pilotsync/test/workload"
	"pilotsync/worker/ledger"
)

func TestMain(m *testing.M) {
	redislog.Disable() // it logs each time that Redis is away
	os.Exit(m.Run())
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
	want := workload.New(opt.Apps)
	settings, err := harness.Settings(t.TempDir(), sim, url("worker"), want.Apps()...)
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, sim: sim, rdb: rdb, client: enqueue.New(open("php")), ledger: ledger.New(rdb), want: want,
		env: append(settings, "PILOTSYNC_API_RATE=100", "PILOTSYNC_SSL_DELAYS=1s,1s")}
}

// start runs the program until the test ends, or is terminated before; env wins over the
// fixture's environment. It fails the test if the program isn't there at the test's end,
// ends with an error, or writes that Redis refused it.
func (w *world) start(env []string, args ...string) *harness.Process {
	w.t.Helper()
	cmd := exec.Command(harness.Program(w.t), args...)
	cmd.Env = append(append(os.Environ(), w.env...), env...)
	p := harness.Start(w.t, cmd)
	w.t.Cleanup(func() {
		if code := p.Terminate(); code != 0 {
			w.t.Errorf("%s ended with %d", p, code)
		}
		for _, bad := range []string{"CROSSSLOT", "NOPERM"} {
			if strings.Contains(p.Written(), bad) {
				w.t.Errorf("%s wrote %q", p, bad)
			}
		}
	})
	return p
}

// run runs a command to its end, and returns what it wrote and its exit code.
func (w *world) run(env []string, args ...string) (written string, code int) {
	w.t.Helper()
	cmd := exec.Command(harness.Program(w.t), args...)
	cmd.Env = append(append(os.Environ(), w.env...), env...)
	p := harness.Start(w.t, cmd)
	code = p.Wait()
	return p.Written(), code
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
	harness.Await(w.t, domain+" is "+string(want), func() error {
		v, _, err := w.ledger.Domain(w.t.Context(), app, domain)
		if err == nil && v.State != want {
			err = fmt.Errorf("it is %q", v.State)
		}
		return err
	})
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
