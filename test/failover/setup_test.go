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
	redislog.Disable() // it logs each time that Redis is unavailable
	os.Exit(m.Run())
}

// fixture is a simulator, a Redis, and processes of the program.
type fixture struct {
	t        *testing.T
	sim      *simulator.Simulator
	rdb      redis.UniversalClient
	client   *enqueue.Client
	ledger   *ledger.Ledger
	workload *workload.Workload
	env      []string
}

// urls are the URLs of a Redis with the shipped files, by user.
type urls func(user string) string

// newFixture gives the program Redis's user worker. The test has the same user, and php to enqueue.
func newFixture(t *testing.T, url urls) *fixture {
	t.Helper()
	return newFixtureOf(t, url, simulator.Options{Apps: []simulator.App{{ID: "app1", Domains: []string{"byhand.example.org"}}, {ID: "app2"}}, CertDelay: 10 * time.Millisecond})
}

func newFixtureOf(t *testing.T, url urls, opt simulator.Options) *fixture {
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
	return &fixture{t: t, sim: sim, rdb: rdb, client: enqueue.New(open("php")), ledger: ledger.New(rdb), workload: want,
		env: append(settings, "PILOTSYNC_API_RATE=100", "PILOTSYNC_SSL_DELAYS=1s,1s")}
}

// start runs the program until it is terminated or the test ends. env wins over the fixture's
// environment. The test fails if the program ends earlier or with an error, or writes that Redis
// refused it.
func (f *fixture) start(env []string, args ...string) *harness.Process {
	f.t.Helper()
	cmd := exec.Command(harness.Program(f.t), args...)
	cmd.Env = append(append(os.Environ(), f.env...), env...)
	p := harness.Start(f.t, cmd)
	f.t.Cleanup(func() {
		if code := p.Terminate(); code != 0 {
			f.t.Errorf("%s ended with %d", p, code)
		}
		for _, bad := range []string{"CROSSSLOT", "NOPERM"} {
			if strings.Contains(p.Written(), bad) {
				f.t.Errorf("%s wrote %q", p, bad)
			}
		}
	})
	return p
}

// run runs a command and returns its output and exit code.
func (f *fixture) run(env []string, args ...string) (written string, code int) {
	f.t.Helper()
	cmd := exec.Command(harness.Program(f.t), args...)
	cmd.Env = append(append(os.Environ(), f.env...), env...)
	p := harness.Start(f.t, cmd)
	code = p.Wait()
	return p.Written(), code
}

func (f *fixture) add(app string, domains ...string) {
	f.t.Helper()
	for _, d := range domains {
		if _, err := f.client.Enqueue(f.t.Context(), enqueue.Request{AppID: app, Domain: d}); err != nil {
			f.t.Fatal(err)
		}
	}
}

func (f *fixture) awaitState(app, domain string, want tasks.State) {
	f.t.Helper()
	harness.Await(f.t, domain+" is "+string(want), func() error {
		v, _, err := f.ledger.Domain(f.t.Context(), app, domain)
		if err == nil && v.State != want {
			err = fmt.Errorf("it is %q", v.State)
		}
		return err
	})
}

// get fetches a page.
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
