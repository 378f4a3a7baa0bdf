package worker_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/redistest"
	"pilotsync/worker/certcheck"
)

func TestAVerificationHandedOutTooEarlyUsesNoAttempt(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	cfg := f.config("app1")
	cfg.SSLDelays = []time.Duration{time.Hour}
	f.start(cfg)
	f.add("app1", "nodns.example.com")
	f.awaitState("app1", "nodns.example.com", tasks.CheckingDNS)
	// A worker whose clock is an hour ahead would hand it out now.
	inspector := asynq.NewInspectorFromRedisClient(f.rdb)
	id := fmt.Sprintf("verify:app1:nodns.example.com:%d:1", f.view("app1", "nodns.example.com").Record.CheckSeq)
	if err := inspector.RunTask(tasks.QueueSSL, id); err != nil {
		t.Fatal(err)
	}
	f.await("it waits again for when it is due", func() bool {
		info, err := inspector.GetTaskInfo(tasks.QueueSSL, id)
		return err == nil && info.State == asynq.TaskStateRetry && time.Until(info.NextProcessAt) > 50*time.Minute
	})
	if v := f.view("app1", "nodns.example.com"); v.Record.Attempt != 0 || v.State != tasks.CheckingDNS {
		t.Errorf("an attempt was used up: %+v", v)
	}
}

func TestConcurrentVerificationsFetchTheAppAndEnableAutoSSLOnce(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{Latency: 50 * time.Millisecond})
	cfg := f.config("app1")
	cfg.SSLDelays = []time.Duration{2 * time.Second, 2 * time.Second, 2 * time.Second}
	for range 2 {
		f.start(cfg)
	}
	f.add("app1", names(60)...)
	f.await("all are listed", func() bool {
		return len(f.states("app1")) == 60 && !slices.Contains(values(f.states("app1")), tasks.Pending)
	})
	listReads := f.sim.Calls("app1", simulator.ReadApp)
	f.await("all are done", func() bool {
		for _, s := range f.states("app1") {
			if s != tasks.Done {
				return false
			}
		}
		return true
	})
	// Two workers, at most a handful of seconds: not one read for each of 60 domains.
	if reads := f.sim.Calls("app1", simulator.ReadApp) - listReads; reads > 14 {
		t.Errorf("60 verifications took %d reads of the app", reads)
	}
	if n := f.sim.Calls("app1", simulator.WriteSSL); n != 1 {
		t.Errorf("AutoSSL was turned on %d times", n)
	}
}

func values[K comparable, V any](m map[K]V) []V {
	var all []V
	for _, v := range m {
		all = append(all, v)
	}
	return all
}

func TestACustomCertificateIsNeverReplaced(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1", CustomCertificate: true}}})
	f.start(f.config("app1"))
	f.add("app1", "shop.example.com")
	f.awaitState("app1", "shop.example.com", tasks.Done)
	if n := f.sim.Calls("app1", simulator.WriteSSL) + f.sim.Calls("app1", simulator.DeleteSSL); n != 0 {
		t.Errorf("%d calls changed the SSL settings", n)
	}
}

func TestDNSAtAnotherHostIsNamedInTheReason(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	f.start(f.config("app1"))
	f.add("app1", "elsewhere.example.com")
	f.awaitState("app1", "elsewhere.example.com", tasks.Failed)
	reason := f.view("app1", "elsewhere.example.com").Reason
	for _, part := range []string{"elsewhere.example.com points to 203.0.113.9", "this app is on 127.0.0.1"} {
		if !strings.Contains(reason, part) {
			t.Errorf("the reason %q doesn't say %q", reason, part)
		}
	}
}

func TestAddressesThatAreNotPublicAreRefusedUnlessAllowed(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	cfg := f.config("app1")
	cfg.Check.AllowPrivate = false
	f.start(cfg)
	f.add("app1", "shop.example.com")
	f.awaitState("app1", "shop.example.com", tasks.DoneWithoutSSL)
	if reason := f.view("app1", "shop.example.com").Reason; !strings.Contains(reason, "127.0.0.1") {
		t.Errorf("the reason doesn't name the address: %s", reason)
	}
}

func TestADeclaredProxyCountsAsHere(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{ServerAddress: netip.MustParseAddr("198.51.100.4")})
	cfg := f.config("app1")
	cfg.AppDefaults.Expected.Networks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	f.start(cfg)
	f.sim.SetBehaviour("shop.example.com", simulator.Behaviour{PointsTo: []netip.Addr{netip.MustParseAddr("127.0.0.1")}})
	f.add("app1", "shop.example.com")
	// The certificate never comes (ServerPilot doesn't see DNS pointing to itself),
	// but DNS counts as right.
	f.awaitState("app1", "shop.example.com", tasks.DoneWithoutSSL)
}

func TestExpectedAddressesAddToTheServersOwn(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}, {ID: "app2"}, {ID: "app3"}}})
	cfg := f.config("app1", "app2", "app3")
	balancer := []netip.Prefix{netip.MustParsePrefix("198.51.100.9/32")}
	cfg.AppDefaults.Expected.Networks = balancer
	cfg.AppSettings = map[string]certcheck.AppSettings{
		"app2": {Expected: certcheck.Expected{Networks: balancer, Only: true}},
		"app3": {},
	}
	f.start(cfg)
	f.sim.SetBehaviour("balanced.example.net", simulator.Behaviour{PointsTo: []netip.Addr{netip.MustParseAddr("198.51.100.9")}})
	f.add("app1", "shop.example.com")
	f.add("app2", "shop.example.org")
	f.add("app3", "balanced.example.net")
	f.awaitState("app1", "shop.example.com", tasks.Done)
	for app, domain := range map[string]string{"app2": "shop.example.org", "app3": "balanced.example.net"} {
		f.awaitState(app, domain, tasks.Failed)
		if got := f.view(app, domain).Cause; got.Code != tasks.CauseDNSElsewhere || len(got.Params.Expected) != 1 {
			t.Errorf("%s: %+v", domain, got)
		}
	}
}

func TestAnOutageOfServerPilotUsesNoAttempt(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	f.start(f.config("app1"))
	f.add("app1", "shop.example.com")
	f.await("it is listed", func() bool { return f.view("app1", "shop.example.com").State.Listed() })
	f.sim.SetAppStatus("app1", 503)
	f.await("the reason says so", func() bool {
		v := f.view("app1", "shop.example.com")
		return v.State == tasks.CheckingDNS && v.Record.Attempt == 0 && strings.Contains(v.Reason, "could not be checked yet")
	})
	f.sim.SetAppStatus("app1", 0)
	f.awaitState("app1", "shop.example.com", tasks.Done)
}

// Two domains never get a certificate. Each has the requested number of attempts.
func TestEachDomainHasItsRequestedAttempts(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	f.start(f.config("app1")) // three delays
	limits := map[string]int{"nodns1.example.com": 1, "nodns5.example.com": 5, "nodns.example.com": 0}
	for domain, limit := range limits {
		f.sim.SetBehaviour(domain, simulator.Behaviour{NoDNS: true})
		if _, err := f.client.Enqueue(t.Context(), enqueue.Request{AppID: "app1", Domain: domain, Attempts: limit}); err != nil {
			t.Fatal(err)
		}
	}
	for domain, limit := range limits {
		f.awaitState("app1", domain, tasks.Failed)
		want := cmp.Or(limit, 3)
		if r := f.view("app1", domain).Record; r.Attempt != want || r.Limit != want || r.Attempts != limit {
			t.Errorf("%s failed after attempt %d of %d, asked for %d; want %d", domain, r.Attempt, r.Limit, r.Attempts, want)
		}
	}
}

func TestAnAccountThatIsAloneHasItsShareOfChecks(t *testing.T) {
	t.Parallel()
	const most, domains = 32, 80
	var ids []string
	var opt simulator.Options
	for i := range 4 {
		ids = append(ids, fmt.Sprint("app", i))
		opt.Apps = append(opt.Apps, simulator.App{ID: ids[i], AutoSSL: true})
	}
	sim, err := simulator.Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	f := setupOn(t, sim, redistest.New(t).Addr)
	checks, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { checks.Close() })
	var connected, ended atomic.Int32
	go func() {
		for {
			conn, err := checks.Accept()
			if err != nil {
				return
			}
			connected.Add(1)
			context.AfterFunc(t.Context(), func() { conn.Close() })
			go func() {
				_, _ = io.Copy(io.Discard, conn) // until the check's time is over
				ended.Add(1)
				conn.Close()
			}()
		}
	}()
	cfg := f.config(ids...)
	cfg.Check.Port = checks.Addr().(*net.TCPAddr).Port
	cfg.Check.Timeout = 20 * time.Second
	cfg.SSLDelays = []time.Duration{time.Second, time.Hour}
	for i := range domains {
		f.add(ids[i%len(ids)], fmt.Sprintf("www.n%d.example.com", i))
	}
	f.start(cfg)
	inspector := asynq.NewInspectorFromRedisClient(f.rdb)
	f.await("all slots are taken", func() bool {
		info, err := inspector.GetQueueInfo(tasks.QueueSSL)
		return err == nil && info.Active == 2*most && connected.Load() >= most
	})
	if n := connected.Load(); n > most+ended.Load() {
		t.Errorf("%d certificates are checked at once, want %d", n, most)
	}
}
