package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/redistest"
	"pilotsync/worker/ledger"
)

// Two accounts with their keys in files. A running worker starts and stops serving apps when its
// files change, and at SIGHUP.
func TestAccountsAreReadAgainWhenTheirFilesChange(t *testing.T) {
	t.Parallel()
	server := redistest.New(t)
	sim, err := simulator.Start(simulator.Options{
		Apps: []simulator.App{{ID: "app1"}, {ID: "app2"}, {ID: "app3"}, {ID: "app4"}, {ID: "app5"}},
		Accounts: []simulator.Account{
			{ClientID: "one", APIKey: "key-one", Apps: []string{"app1", "app2", "app3"}},
			{ClientID: "two", APIKey: "key-two", Apps: []string{"app4", "app5"}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	folder := t.TempDir()
	config := filepath.Join(folder, "accounts.yml")
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("one.key", "key-one\n")
	write("two.key", "key-two\n")
	write("roots.pem", string(sim.CAPEM()))
	accounts := func(one, two string) {
		t.Helper()
		write("accounts.yml", fmt.Sprintf("accounts:\n- {client_id: one, api_key_file: one.key, apps: [%s]}\n- {client_id: two, api_key_file: two.key, apps: [%s]}\n", one, two))
	}
	accounts("app1, app2", "app4")

	f := &fixture{t: t, redis: server}
	f.rdb = redis.NewClient(&redis.Options{Addr: server.Addr})
	t.Cleanup(func() { f.rdb.Close() })
	f.ledger = ledger.New(f.rdb)
	f.env = []string{
		"REDIS_URL=" + server.URL, "PILOTSYNC_LISTEN=off", "PILOTSYNC_API_RATE=0", "SERVERPILOT_API_URL=" + sim.APIURL(), "PILOTSYNC_CONFIG=" + config,
		"PILOTSYNC_DNS=" + sim.DNSAddr(), fmt.Sprint("PILOTSYNC_TLS_PORT=", sim.TLSPort()), "PILOTSYNC_TLS_ROOTS=" + filepath.Join(folder, "roots.pem"),
		"PILOTSYNC_ALLOW_PRIVATE_ADDRESSES=on", "PILOTSYNC_WWW=never", "PILOTSYNC_SSL_DELAYS=1s,1s,1s",
	}
	worker := f.start("worker")
	client := enqueue.New(f.rdb)
	add := func(app string, n int) string {
		t.Helper()
		domain := fmt.Sprintf("shop%d.%s.example.com", n, app)
		if _, err := client.Enqueue(t.Context(), enqueue.Request{AppID: app, Domain: domain}); err != nil {
			t.Fatal(err)
		}
		return domain
	}
	is := func(app, domain string, state tasks.State, reason string) {
		t.Helper()
		poll(t, fmt.Sprintf("%s is %s, %q", domain, state, reason), func() (bool, error) {
			v, _, err := f.ledger.Domain(t.Context(), app, domain)
			return v.State == state && strings.Contains(v.Reason, reason), fmt.Errorf("it is %s, %q: %w", v.State, v.Reason, err)
		})
	}
	says := func(what string, times int) {
		t.Helper()
		poll(t, fmt.Sprintf("the worker says %q %d times", what, times), func() (bool, error) {
			return strings.Count(worker.Written(), what) >= times, nil
		})
	}

	is("app1", add("app1", 1), tasks.Done, "")
	is("app4", add("app4", 1), tasks.Done, "")
	three, five := add("app3", 1), add("app5", 1)
	is("app3", three, tasks.Pending, "the apps served are app1, app2, app4")
	is("app5", five, tasks.Pending, "the apps served are app1, app2, app4")

	accounts("app1, app2, app3", "app4, app5")
	says("new: [app3, app5]", 1)
	is("app3", three, tasks.Done, "")
	is("app5", five, tasks.Done, "")

	// Invalid files are named, and change nothing.
	write("accounts.yml", "accounts:\n- {client_id: one, api_key_file: one.key, aps: [app1]}\n")
	says("not reloaded", 1)
	worker.Signal(syscall.SIGHUP)
	says("not reloaded (SIGHUP)", 1)
	if !strings.Contains(worker.Written(), "aps") || strings.Contains(worker.Written(), "key-one") {
		t.Errorf("the worker doesn't say what is wrong, or says too much:\n%s", worker.Written())
	}
	is("app5", add("app5", 2), tasks.Done, "")

	// A key that was replaced in its file only.
	if err := sim.SetAPIKey("two", "key-new"); err != nil {
		t.Fatal(err)
	}
	write("two.key", "key-new\n")
	five = add("app5", 3) // it waits for the correct key
	accounts("app1, app2", "app4, app5")
	says("no longer served: [app3]", 1)
	is("app5", five, tasks.Done, "")
	is("app3", add("app3", 2), tasks.Pending, "the apps served are app1, app2, app4, app5")
	if n := strings.Count(worker.Written(), "not reloaded"); n != 2 {
		t.Errorf("the wrong file is named %d times, want 2: when it changed, and at SIGHUP", n)
	}
	write("roots.pem", string(sim.CAPEM())+"\n")
	says("roots.pem changed; restart to use it", 1)
	if code := worker.Terminate(); code != exitDone {
		t.Errorf("the worker ended with %d:\n%s", code, worker.Written())
	}
}
