package doctor

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"

	"pilotsync/enqueue"
	"pilotsync/internal/config"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/freeport"
	"pilotsync/test/harness"
	"pilotsync/test/redistest"
	"pilotsync/worker"
	"pilotsync/worker/certcheck"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
	"pilotsync/worker/registry"
	"pilotsync/worker/webhook"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// go-redis's own; it ends within a second after its client is closed.
		goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

// hush is part of every secret in these tests, and must not be in a result.
const hush = "hunter2"

// fixture is a healthy environment, which a test changes before it runs the doctor.
type fixture struct {
	t   *testing.T
	sim *simulator.Simulator
	rdb *redis.Client
	cfg config.Worker
}

func newFixture(t *testing.T, addr string) *fixture {
	t.Helper()
	sim, err := simulator.Start(simulator.Options{
		Accounts: []simulator.Account{{ClientID: "sim", APIKey: "key-" + hush}},
		Apps:     []simulator.App{{ID: "app1", Domains: []string{"a.example.com"}}, {ID: "app2"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	hook := httptest.NewServer(http.HandlerFunc(func(f http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodOptions {
			t.Errorf("the webhook got a %s", r.Method)
		}
	}))
	t.Cleanup(hook.Close)
	rdb := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { rdb.Close() })
	return &fixture{t: t, sim: sim, rdb: rdb, cfg: config.Worker{
		Redis: config.Redis{Client: rdb, Shown: "redis://somewhere"}, API: config.API{APIURL: sim.APIURL(), APIRate: 100},
		Accounts: []config.Account{{ClientID: "sim", APIKey: "key-" + hush, Apps: []string{"app1", "app2"}}},
		Check:    certcheck.Config{DNS: sim.DNSAddr(), Port: sim.TLSPort(), AllowPrivate: true},
		Webhook:  config.Webhook{URL: hook.URL + "/?key=" + hush},
	}}
}

// run returns the results, none of which shows a secret.
func (f *fixture) run() []Result {
	f.t.Helper()
	results := Run(f.t.Context(), f.cfg)
	for _, r := range results {
		if strings.Contains(r.Detail+r.Remedy, hush) {
			f.t.Errorf("a secret is shown: %+v", r)
		}
		if (r.Remedy == "") != (r.Status == OK) || r.Detail == "" {
			f.t.Errorf("%+v needs a detail, and a remedy unless it is ok", r)
		}
	}
	return results
}

func TestEachCheckOfAHealthyEnvironmentSaysSo(t *testing.T) {
	t.Parallel()
	f := newFixture(t, redistest.New(t, "--appendonly", "yes", "--proto-max-bulk-len", "1mb").Addr)
	log := logrus.New()
	log.SetOutput(io.Discard)
	wk, err := worker.New(worker.Config{Redis: f.rdb, APIURL: f.cfg.APIURL, APIRate: f.cfg.APIRate, Accounts: []registry.Account{registry.Account(f.cfg.Accounts[0])},
		SSLDelays: []time.Duration{time.Minute}, Check: f.cfg.Check, Webhook: webhook.Target(f.cfg.Webhook), Concurrency: 4, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	harness.Run(t, wk.Run)
	inspector := asynq.NewInspectorFromRedisClient(f.rdb)
	late, tick := time.After(time.Minute), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for servers, _ := inspector.Servers(); len(servers) < 4; servers, _ = inspector.Servers() {
		select {
		case <-late:
			t.Fatal("the worker doesn't come up")
		case <-tick.C:
		}
	}

	want := []string{CheckRedis, CheckVersion, CheckPersistence, CheckReplay, CheckEviction, CheckMemory, CheckSizes, CheckFunctions, CheckRedisClock, CheckKeys, CheckDNS,
		CheckAPI, CheckAPIClock, CheckCredentials, CheckCard,
		CheckApp + " app1", CheckRoom + " app1", CheckCertificate + " app1", CheckAddress + " app1",
		CheckApp + " app2", CheckRoom + " app2", CheckCertificate + " app2", CheckAddress + " app2",
		CheckOutbound, CheckWorkers, CheckDryRun, CheckLedger, CheckBacklog, CheckTasks, CheckArchive, CheckTrouble, CheckServed, CheckWebhook, CheckEvents}
	var got []string
	results := f.run()
	for _, r := range results {
		got = append(got, strings.TrimSpace(r.Check+" "+r.App))
		if r.Status != OK {
			t.Errorf("%+v", r)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("checks (-want +got):\n%s", diff)
	}
	if Failed(results) {
		t.Error("it counts as failed")
	}
}

func TestEachFaultIsFoundByItsCheck(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(*fixture)
		check  string
		status Status
		detail string
	}{
		{"no Redis", func(f *fixture) { f.rdb.Close() }, CheckRedis, Failure, "no answer from redis://somewhere"},
		{"a wrong password", func(f *fixture) {
			mini := miniredis.RunT(f.t)
			mini.RequireAuth("other")
			rdb := redis.NewClient(&redis.Options{Addr: mini.Addr(), Password: hush})
			f.t.Cleanup(func() { rdb.Close() })
			f.cfg.Redis.Client = rdb
		}, CheckRedis, Failure, "answers, but refuses this client"},
		{"a Redis that tells nothing", func(*fixture) {}, CheckVersion, Warning, "could not be checked"},
		{"keys of a cache", func(f *fixture) {
			f.rdb.Set(f.t.Context(), "wp:session:"+hush, 1, 0)
			f.rdb.Set(f.t.Context(), "wp:options", 1, 0)
			f.rdb.Set(f.t.Context(), "Some key", 1, 0)
			f.rdb.Set(f.t.Context(), "rate:account", 1, 0)
		}, CheckKeys, Warning, "3 of the 4 keys that were checked in this database belong to other programs (wp…, Some…)"},
		{"no resolver", func(f *fixture) { f.cfg.Check.DNS = closed(f.t) }, CheckDNS, Failure, "gives no usable answer"},
		{"no way to the API", func(f *fixture) { f.cfg.APIURL = "http://" + closed(f.t) + "/v1" }, CheckAPI, Failure, "can't be reached"},
		{"no way to the API, seen from the account", func(f *fixture) { f.cfg.APIURL = "http://" + closed(f.t) + "/v1" }, CheckCredentials, Warning, "could not be checked"},
		{"a wrong key", func(f *fixture) { f.cfg.Accounts[0].APIKey = hush }, CheckCredentials, Failure, "(401)"},
		{"a revoked key", func(f *fixture) { f.sim.SetAccountStatus(401) }, CheckCredentials, Failure, "(401)"},
		{"no card", func(f *fixture) { f.sim.SetAccountStatus(402) }, CheckCard, Failure, "(402)"},
		{"ServerPilot fails", func(f *fixture) {
			f.sim.FailNext("app1", simulator.ReadApp, simulator.Fault{Kind: simulator.Error5xx})
		}, CheckCredentials, Warning, "could not be checked"},
		{"an unknown app, the first", func(f *fixture) { f.cfg.Accounts[0].Apps = []string{"nowhere", "app1"} }, CheckApp, Failure, "no such app"},
		{"an unknown app, another", func(f *fixture) { f.cfg.Accounts[0].Apps = []string{"app1", "nowhere"} }, CheckApp, Failure, "no such app"},
		{"a protected app", func(f *fixture) { f.sim.SetAppStatus("app2", 403) }, CheckApp, Failure, "(403)"},
		{"a failing app", func(f *fixture) { f.sim.SetAppStatus("app2", 500) }, CheckApp, Warning, "could not be read"},
		{"a list that is nearly full", func(f *fixture) { f.fill(280) }, CheckRoom, Warning, "280 of 300"},
		{"a full list", func(f *fixture) { f.fill(300) }, CheckRoom, Failure, "300 of 300"},
		{"a disconnected server", func(f *fixture) { f.sim.Disconnect(time.Now().Add(-time.Hour)) }, CheckServer, Failure, "has not been connected to ServerPilot since"},
		{"a list of more than one certificate", func(f *fixture) {
			if err := f.sim.EditByHand("app1", func(list []string) []string {
				for i := range 111 {
					list = append(list, fmt.Sprintf("nocert%d.example.com", i))
				}
				return list
			}); err != nil {
				f.t.Fatal(err)
			}
		}, CheckCoverage, Warning, "112 names are on its list, and a certificate of Let's Encrypt holds 100; ServerPilot's certificate covers 1. Not covered: nocert0.example.com, "},
		{"a covered list of more than one certificate", func(f *fixture) { f.fill(112) }, CheckCoverage, OK, "cover all 112 names"},
		{"a name of two apps", func(f *fixture) {
			if err := f.sim.EditByHand("app2", func([]string) []string { return []string{"A.example.com"} }); err != nil {
				f.t.Fatal(err)
			}
		}, CheckShared, Warning, "a.example.com is on the list of app app2, too; ServerPilot serves it from app app1"},
		{"a server inside", func(f *fixture) { f.cfg.Check.AllowPrivate = false }, CheckOutbound, Warning, "127.0.0.1 isn't a public address (loopback)"},
		{"no listener on the port", func(f *fixture) { f.cfg.Check.Port = port(f.t, closed(f.t)) }, CheckOutbound, Warning, "refuses connections"},
		{"no worker", func(*fixture) {}, CheckWorkers, Failure, "no worker is alive"},
		{"a change that can't be understood", func(f *fixture) {
			f.put(tasks.QueueDomains, tasks.TypeDomainAdd, `{"app_id":"app1","domain":"a/b","seq":1,"requested_at":"2026-03-01T12:00:00Z"}`)
		}, CheckTasks, Failure, `1 of the 1 waiting tasks that were read can't be understood: "odd" on domains: bad payload: domain "a/b"`},
		{"an unknown kind of task", func(f *fixture) { f.put(tasks.QueueEvents, "mail:send", `{}`) }, CheckTasks, Failure, `no such task type on this queue: "mail:send"`},
		{"a delayed task that can't be understood", func(f *fixture) { f.put(tasks.QueueSSL, tasks.TypeSSLVerify, `null`, asynq.ProcessIn(time.Hour)) }, CheckTasks, Failure, `"odd" on ssl`},
		{"a task that failed for good", func(f *fixture) {
			f.put(tasks.QueueLists, tasks.TypeAppSync, `{}`)
			if err := asynq.NewInspectorFromRedisClient(f.rdb).ArchiveTask(tasks.QueueLists, "odd"); err != nil {
				f.t.Fatal(err)
			}
		}, CheckArchive, Warning, "lists 1"},
		{"a paused queue", func(f *fixture) {
			f.put(tasks.QueueLists, tasks.TypeAppSync, `{}`)
			if err := asynq.NewInspectorFromRedisClient(f.rdb).PauseQueue(tasks.QueueLists); err != nil {
				f.t.Fatal(err)
			}
		}, CheckBacklog, Failure, "paused: lists"},
		{"a blocked app", func(f *fixture) {
			f.change("app1", &listsync.Failure{Reason: "no card", Blocked: true, Since: time.Now()})
		}, CheckTrouble, Failure, "no card"},
		{"an app that fails for the workers", func(f *fixture) { f.change("app1", &listsync.Failure{Reason: "slow", Since: time.Now()}) }, CheckTrouble, Warning, "slow"},
		{"an unserved app", func(f *fixture) { f.change("app3", nil) }, CheckServed, Warning, "1 changes wait"},
		{"no webhook", func(f *fixture) { f.cfg.Webhook = config.Webhook{} }, CheckWebhook, OK, "none is set"},
		{"a webhook that is down", func(f *fixture) { f.cfg.Webhook.URL = "http://" + closed(f.t) + "/" + hush }, CheckWebhook, Failure, "can't be reached"},
		{"a webhook that isn't there", func(f *fixture) { f.answering(404) }, CheckWebhook, Failure, "answers 404"},
		{"a webhook that refuses everything", func(f *fixture) { f.answering(403) }, CheckWebhook, Failure, "answers 403"},
		{"a failing webhook", func(f *fixture) { f.answering(500) }, CheckWebhook, Failure, "answers 500"},
		{"an app's own webhook that isn't there", func(f *fixture) {
			gone := httptest.NewServer(http.NotFoundHandler())
			f.t.Cleanup(gone.Close)
			f.cfg.Webhooks = map[string]config.Webhook{"app2": {URL: gone.URL}}
		}, CheckWebhook, Failure, "(apps app2) answers 404"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, miniredis.RunT(t).Addr())
			test.change(f)
			results := f.run()
			if !slices.ContainsFunc(results, func(r Result) bool {
				return r.Check == test.check && r.Status == test.status && strings.Contains(r.Detail, test.detail)
			}) {
				t.Errorf("no %s of %s with %q in\n%+v", test.status, test.check, test.detail, results)
			}
			for _, r := range results {
				known := r.Check == test.check || r.Check == CheckWorkers || strings.HasPrefix(r.Check, "redis-") // miniredis tells little
				related := test.check == CheckRedis || test.check == CheckAPI || test.name == "no way to the API, seen from the account" ||
					strings.HasPrefix(test.name, "a full list") && r.Check == CheckRoom || r.Check == CheckTasks && test.check != CheckTasks
				if r.Status != OK && !known && !related {
					t.Errorf("this has nothing to do with it: %+v", r)
				}
			}
		})
	}
}

func (f *fixture) fill(n int) {
	if err := f.sim.EditByHand("app1", func([]string) []string {
		return slices.Repeat([]string{"a.example.com"}, n)
	}); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) put(queue, kind, payload string, opts ...asynq.Option) {
	f.t.Helper()
	opts = append(opts, asynq.Queue(queue), asynq.TaskID("odd"))
	if _, err := asynq.NewClientFromRedisClient(f.rdb).EnqueueContext(f.t.Context(), asynq.NewTask(kind, []byte(payload)), opts...); err != nil {
		f.t.Fatal(err)
	}
}

// change leaves a change of the app pending, and records the failure if there is one.
func (f *fixture) change(app string, failure *listsync.Failure) {
	f.t.Helper()
	ctx, l := f.t.Context(), ledger.New(f.rdb)
	if _, err := enqueue.New(f.rdb).Enqueue(ctx, enqueue.Request{AppID: app, Domain: "new.example.com"}); err != nil {
		f.t.Fatal(err)
	}
	now := time.Now()
	change := listsync.Pending{Change: tasks.Change{AppID: app, Domain: "new.example.com", Seq: 1000, RequestedAt: now}, RecordedAt: now}
	if _, err := l.Record(ctx, change, listsync.HistoryEntry{At: now, State: tasks.Pending}); err != nil {
		f.t.Fatal(err)
	}
	if failure == nil {
		return
	}
	lease, err := l.Acquire(ctx, app)
	if err != nil {
		f.t.Fatal(err)
	}
	if err := l.Fail(ctx, lease, failure); err != nil {
		f.t.Fatal(err)
	}
}

// answering makes the webhook answer with a status.
func (f *fixture) answering(status int) {
	hook := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(status) }))
	f.t.Cleanup(hook.Close)
	f.cfg.Webhook.URL = hook.URL + "/" + hush
}

// closed returns an address without a listener for TCP or UDP.
func closed(t *testing.T) string {
	t.Helper()
	addr, err := freeport.Addr()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

func port(t *testing.T, addr string) int {
	t.Helper()
	tcp, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return tcp.Port
}

func TestACustomCertificateIsFound(t *testing.T) {
	t.Parallel()
	f := newFixture(t, miniredis.RunT(t).Addr())
	sim, err := simulator.Start(simulator.Options{Apps: []simulator.App{{ID: "app1", CustomCertificate: true}, {ID: "app2", AutoSSL: true}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	f.cfg.APIURL, f.cfg.Accounts[0].APIKey = sim.APIURL(), "sim-key"
	var got []string
	for _, r := range f.run() {
		if r.Check == CheckCertificate {
			got = append(got, r.App+" "+string(r.Status))
		}
	}
	if diff := cmp.Diff([]string{"app1 warning", "app2 ok"}, got); diff != "" {
		t.Errorf("certificates (-want +got):\n%s", diff)
	}
}

func TestManyAppsOfAnAccountAreReadByOneCall(t *testing.T) {
	t.Parallel()
	f := newFixture(t, miniredis.RunT(t).Addr())
	var apps []simulator.App
	ids := []string{"nowhere"}
	for i := range 20 {
		apps = append(apps, simulator.App{ID: fmt.Sprintf("many%d", i), Domains: []string{"a.example.com"}, CustomCertificate: i == 7})
		ids = append(ids, apps[i].ID)
	}
	sim, err := simulator.Start(simulator.Options{Apps: apps})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	f.cfg.APIURL, f.cfg.Accounts[0].APIKey, f.cfg.Accounts[0].Apps = sim.APIURL(), "sim-key", ids
	notOK := func() (found []string) {
		for _, r := range f.run() {
			if r.Status != OK && slices.Contains([]string{CheckCredentials, CheckApp, CheckRoom, CheckCertificate, CheckAddress}, r.Check) {
				found = append(found, r.Check+" "+r.App)
			}
		}
		return found
	}
	if diff := cmp.Diff([]string{CheckApp + " nowhere", CheckCertificate + " many7"}, notOK()); diff != "" {
		t.Errorf("not ok (-want +got):\n%s", diff)
	}
	if lists, reads, servers := sim.Calls("", simulator.ListApps), sim.Calls("", simulator.ReadApp), sim.Calls("", simulator.ReadServer); lists != 2 || reads != 0 || servers != 1 {
		t.Errorf("%d calls for all apps, %d for one, %d for servers; want 2 (one without the key), 0 and 1", lists, reads, servers)
	}
	for range 2 {
		sim.FailNext("", simulator.ListApps, simulator.Fault{Kind: simulator.HTML})
	}
	if diff := cmp.Diff([]string{CheckCredentials + " "}, notOK()); diff != "" {
		t.Errorf("not ok while ServerPilot fails (-want +got):\n%s", diff)
	}
}

func TestARealRedisIsEvaluatedByItsSettings(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		args   []string
		check  string
		status Status
	}{
		{"nothing is kept", []string{"--save", "", "--appendonly", "no"}, CheckPersistence, Failure},
		{"snapshots only", []string{"--save", "3600 1"}, CheckPersistence, Warning},
		{"never synced", []string{"--appendonly", "yes", "--appendfsync", "no"}, CheckPersistence, Warning},
		{"keys are dropped", []string{"--appendonly", "yes", "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"}, CheckEviction, Failure},
		{"keys would be dropped", []string{"--appendonly", "yes", "--maxmemory-policy", "allkeys-lru"}, CheckEviction, Warning},
		{"CONFIG is forbidden", []string{"--appendonly", "yes", "--rename-command", "CONFIG", ""}, CheckPersistence, OK},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			rdb := redis.NewClient(&redis.Options{Addr: redistest.New(t, test.args...).Addr})
			t.Cleanup(func() { rdb.Close() })
			results := checkRedis(t.Context(), config.Redis{Client: rdb, Shown: "redis"})
			i := slices.IndexFunc(results, func(r Result) bool { return r.Check == test.check })
			if i < 0 || results[i].Status != test.status {
				t.Errorf("want a %s of %s; got %+v", test.status, test.check, results)
			}
		})
	}
}

func TestAUserWithFewRightsGetsWarnings(t *testing.T) {
	t.Parallel()
	addr := redistest.New(t, "--appendonly", "yes").Addr
	admin := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { admin.Close() })
	if err := admin.Do(t.Context(), "ACL", "SETUSER", "op", "on", ">"+hush, "~*", "+@all", "-info", "-config", "-time", "-acl", "-scan", "-function").Err(); err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewClient(&redis.Options{Addr: addr, Username: "op", Password: hush})
	t.Cleanup(func() { rdb.Close() })
	results := checkRedis(t.Context(), config.Redis{Client: rdb, Shown: "redis"})
	if len(results) != 10 || results[0].Status != OK || results[9].Check != CheckKeys || !strings.Contains(results[9].Detail, "may not list keys") {
		t.Fatalf("got %+v", results)
	}
	for _, r := range results[1:9] {
		if r.Check == CheckSizes || r.Check == CheckFunctions {
			if r.Status != OK || !strings.Contains(r.Detail, "t known") {
				t.Errorf("%+v", r)
			}
			continue
		}
		if r.Status != Warning || !strings.Contains(r.Detail, "could not be checked: ") || !strings.Contains(r.Detail, "NOPERM") {
			t.Errorf("%+v", r)
		}
	}
}

func TestChecksThatCannotRunAreSkippedOrSaySo(t *testing.T) {
	t.Parallel()
	results := Run(t.Context(), config.Worker{Check: certcheck.Config{DNS: closed(t)}})
	var checks []string
	for _, r := range results {
		checks = append(checks, r.Check)
	}
	if diff := cmp.Diff([]string{CheckDNS, CheckWebhook}, checks); diff != "" {
		t.Errorf("checks without settings (-want +got):\n%s", diff)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f := newFixture(t, miniredis.RunT(t).Addr())
	for _, r := range Run(ctx, f.cfg) {
		if r.Status == OK {
			t.Errorf("after the end of its context: %+v", r)
		}
	}
}
