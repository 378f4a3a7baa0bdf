//go:build adversary

package adversary

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"testing"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/test/freeport"
	"pilotsync/test/harness"
	"pilotsync/test/redistest"
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

// fixture is a simulator, a Redis with the shipped files, and the workers of a test.
type fixture struct {
	t      *testing.T
	sim    *simulator.Simulator
	redis  *redistest.Server
	admin  *redis.Client
	ledger *ledger.Ledger
	apps   []string
	env    []string // of each process of the program
	// running are the processes that must survive the attack.
	running []*harness.Process
	honest  int // domains that the honest customer has requested
}

// newFixture starts a simulator and a Redis with redisArgs. opt's zero value has one app, app1.
func newFixture(t *testing.T, opt simulator.Options, redisArgs ...string) *fixture {
	t.Helper()
	if len(opt.Apps) == 0 {
		opt.Apps = []simulator.App{{ID: "app1"}}
	}
	sim, err := simulator.Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	f := &fixture{t: t, sim: sim, redis: redistest.Shipped(t, redisArgs...)}
	for _, app := range opt.Apps {
		f.apps = append(f.apps, app.ID)
	}
	f.admin, f.ledger = f.as("admin"), ledger.New(f.as("worker"))
	if f.env, err = harness.Settings(t.TempDir(), sim, f.redis.As("worker"), f.apps...); err != nil {
		t.Fatal(err)
	}
	return f
}

// as returns a client with the rights of a user of users.acl: php, page, worker, admin.
func (f *fixture) as(user string) *redis.Client {
	f.t.Helper()
	return f.redis.Client(f.t, user)
}

// worker starts a worker under its shipped memory limit, and waits until it is ready. env wins over
// the fixture's environment. It must survive the test.
func (f *fixture) worker(env ...string) *served {
	f.t.Helper()
	health := f.address()
	s := f.serve(workerMemory, append([]string{"PILOTSYNC_HEALTH_LISTEN=" + health}, env...), "worker")
	s.health = "http://" + health
	s.awaitReady()
	return s
}

// web starts a dashboard with the rights of Redis's user page under its shipped memory limit, and
// waits until it is ready. It must survive the test. users is the content of a password file, such
// as [harness.UserFile]; empty for none.
func (f *fixture) web(users string, env ...string) *served {
	f.t.Helper()
	page, health := f.address(), f.address()
	all := []string{"REDIS_URL=" + f.redis.As("page"), "PILOTSYNC_LISTEN=" + page, "PILOTSYNC_HEALTH_LISTEN=" + health}
	if users != "" {
		all = append(all, "PILOTSYNC_AUTH="+harness.KeyFile(f.t, 0o700, 0o600, users))
	}
	s := f.serve(webMemory, append(all, env...), "web")
	s.page, s.health = "http://"+page, "http://"+health
	s.awaitReady()
	return s
}

// served is a process of the program that serves pages.
type served struct {
	*harness.Process
	t      *testing.T
	page   string // the dashboard's URL; empty for a worker without one
	health string // the URL of /readyz and /metrics
}

func (f *fixture) serve(memory int64, env []string, args ...string) *served {
	f.t.Helper()
	p := f.program(memory, env, args...)
	f.running = append(f.running, p)
	return &served{Process: p, t: f.t}
}

// program starts the program under a memory limit in bytes. It ends with the test.
func (f *fixture) program(memory int64, env []string, args ...string) *harness.Process {
	f.t.Helper()
	cmd := limited(f.t, memory, harness.Program(f.t), args...)
	cmd.Env = append(append(os.Environ(), f.env...), env...) // of two values the last one counts
	return harness.Start(f.t, cmd)
}

// run runs the program until it ends, and returns its exit code and output.
func (f *fixture) run(env []string, args ...string) (code int, output string) {
	f.t.Helper()
	p := f.program(workerMemory, env, args...)
	code = p.Wait()
	return code, p.Written()
}

func (f *fixture) address() string {
	f.t.Helper()
	addr, err := freeport.Addr()
	if err != nil {
		f.t.Fatal(err)
	}
	return addr
}

func (s *served) awaitReady() {
	s.t.Helper()
	harness.Await(s.t, s.String()+" is ready", func() error {
		if !s.Alive() {
			s.t.Fatalf("%s ended", s)
		}
		req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.health+"/readyz", nil)
		if err != nil {
			return err
		}
		req.Close = true
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return errors.New(res.Status)
		}
		return nil
	})
}

// metrics is what the process shows Prometheus.
func (s *served) metrics() string {
	s.t.Helper()
	return harness.Page(s.t, s.health+"/metrics")
}

// requireService ends a test: all processes that the test started are alive, and a domain that a
// customer now adds gets onto its app's list.
func (f *fixture) requireService() {
	f.t.Helper()
	for _, app := range f.apps {
		f.requireListed(app)
	}
	for _, p := range f.running {
		if !p.Alive() {
			f.t.Errorf("%s ended with exit code %d", p, p.Wait())
		}
	}
}

// requireListed adds an honest domain to an app, and waits until it is listed.
func (f *fixture) requireListed(app string) {
	f.t.Helper()
	f.honest++
	domain := fmt.Sprintf("honest%d.example.com", f.honest)
	if _, err := enqueue.New(f.as("php")).Enqueue(f.t.Context(), enqueue.Request{AppID: app, Domain: domain}); err != nil {
		f.t.Fatalf("the attack stops an honest customer: %v", err)
	}
	harness.AwaitTrue(f.t, domain+" is listed", func() bool { return slices.Contains(f.sim.List(app), domain) })
}

// dial opens a connection to Redis that has logged in as a user. It is closed with the test.
func (f *fixture) dial(user string) net.Conn {
	f.t.Helper()
	conn, err := net.Dial("tcp", f.redis.Addr)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprintf(conn, "AUTH %s %s\r\n", user, redistest.Password(user))
	reply := make([]byte, 5)
	if err == nil {
		_, err = io.ReadFull(conn, reply)
	}
	if err != nil || string(reply) != "+OK\r\n" {
		f.t.Fatalf("log in as %s: %q, %v", user, reply, err)
	}
	return conn
}
