package main

import (
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pilotsync/internal/config"
	"pilotsync/internal/serverpilot"
	"pilotsync/internal/simulator"
)

// passwords is a file of users: viewer and actor, each with "password".
func passwords(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(path, []byte(userFile), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// logged waits for a line of the log and returns what its first group holds.
func (r *running) logged(pattern string) string {
	r.t.Helper()
	line, found := regexp.MustCompile(pattern), ""
	poll(r.t, pattern+" in the log", func() (bool, error) {
		if m := line.FindStringSubmatch(r.log.String()); m != nil {
			found = m[len(m)-1]
		}
		return found != "", nil
	})
	return found
}

const (
	pageURL   = `the dashboard is at (http://[^"\s]+/)`
	healthURL = `health and metrics are at (http://[^"\s]+/)`
)

// visit returns the status and the body of an answer.
func visit(t *testing.T, url, user, password string) (int, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if user != "" {
		req.SetBasicAuth(user, password)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestThePageAloneShowsDomainsToItsUsers(t *testing.T) {
	t.Parallel()
	env, mini := onRedis(t)
	w := start(t, env.With(vars{"PILOTSYNC_LISTEN": "0.0.0.0:0", "PILOTSYNC_AUTH": passwords(t), "PILOTSYNC_HEALTH_LISTEN": "127.0.0.1:0"}), "web")
	_, port, err := net.SplitHostPort(strings.TrimSuffix(strings.TrimPrefix(w.logged(pageURL), "http://"), "/"))
	if err != nil {
		t.Fatal(err)
	}
	page, health := "http://127.0.0.1:"+port+"/", w.logged(healthURL)
	for _, test := range []struct {
		url, user, password string
		status              int
		body                string
	}{
		{page, "", "", 401, "name and a password"},
		{page, "viewer", "wrong", 401, "Wrong name or password"},
		{page, "viewer", "password", 200, "<html"},
		{page + "asynqmon/", "viewer", "password", 200, `FLAG_READ_ONLY="true"`},
		{page + "asynqmon/", "actor", "password", 200, `FLAG_READ_ONLY="false"`},
		{page + "readyz", "actor", "password", 404, ""},
		{health + "readyz", "", "", 200, "ready"},
		{health + "metrics", "", "", 200, "# HELP"},
		{health, "actor", "password", 404, ""},
	} {
		if status, body := visit(t, test.url, test.user, test.password); status != test.status || !strings.Contains(body, test.body) {
			t.Errorf("%s as %q: %d %.300s", test.url, test.user, status, body)
		}
	}

	mini.Close()
	w.logged(`(Redis is unavailable; waiting for it)`)
	if status, body := visit(t, health+"readyz", "", ""); status != 503 {
		t.Errorf("without Redis: %d %s", status, body)
	}
	if err := mini.Restart(); err != nil {
		t.Fatal(err)
	}
	w.logged(`(Redis is back, after )`)
	if code := w.stop(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
}

func TestThePageAloneWaitsForRedisButNotForOneThatRefusesIt(t *testing.T) {
	t.Parallel()
	env, mini := onRedis(t)
	mini.RequireAuth("other")
	got := command(t, env.With(vars{"REDIS_URL": "redis://:" + secretWord + "@" + mini.Addr(), "PILOTSYNC_LISTEN": "127.0.0.1:0"}), "", "web")
	if got.code != exitUsage || !strings.Contains(got.err, "REDIS_URL (--redis-url) is ") || strings.Contains(got.err, secretWord) {
		t.Errorf("got %+v", got)
	}
}

func TestListsAreReadWithTheAccountsKeyOnly(t *testing.T) {
	t.Parallel()
	sim, err := simulator.Start(simulator.Options{Apps: []simulator.App{{ID: "app1", Domains: []string{"byhand.example.com"}}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	env, _ := onRedis(t)
	rdb := config.RedisSettings{RedisURL: env["REDIS_URL"]}.Parse(config.NewParser(nil)).Client
	t.Cleanup(func() { rdb.Close() })
	api := config.API{APIURL: sim.APIURL()}
	if lists, err := serverpilot.NewLists(rdb, api.APIURL, api.APIRate, nil); lists != nil || err != nil {
		t.Errorf("without an account: %v, %v", lists, err)
	}
	lists, err := serverpilot.NewLists(rdb, api.APIURL, api.APIRate, []config.Account{{ClientID: "sim", APIKey: "sim-key", Apps: []string{"app1"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(lists.Close)
	if names, err := lists.List(t.Context(), "app1"); err != nil || len(names) != 1 || names[0] != "byhand.example.com" {
		t.Errorf("the list is %v, %v", names, err)
	}
	if _, err := lists.List(t.Context(), "app2"); err == nil || !strings.Contains(err.Error(), "no key for app app2") {
		t.Errorf("error is %v", err)
	}
	lists.Replace(nil)
	if _, err := lists.List(t.Context(), "app1"); err == nil || !strings.Contains(err.Error(), "no key for app app1") {
		t.Errorf("after its accounts are gone, the error is %v", err)
	}
}

// An enqueued task appears in asynqmon, beside a real worker.
func TestTheWorkersPageHasAsynqmon(t *testing.T) {
	t.Parallel()
	env, _ := simulated(t)
	w := start(t, env.With(vars{"PILOTSYNC_AUTH": passwords(t), "PILOTSYNC_HEALTH_LISTEN": "127.0.0.1:0"}), "worker")
	page, health := w.logged(pageURL), w.logged(healthURL)
	got := command(t, env, "", "enqueue", "add", "--wait", "--timeout=2m", "www.shop.example.com")
	if got.code != exitDone {
		t.Fatalf("enqueue: %+v", got)
	}
	if status, body := visit(t, page+"asynqmon/api/queues/domains/completed_tasks", "viewer", "password"); status != 200 || !strings.Contains(body, "change:app1:www.shop.example.com:") {
		t.Errorf("%d %s", status, body)
	}
	if status, body := visit(t, health+"metrics", "", ""); status != 200 || !strings.Contains(body, "pilotsync_") {
		t.Errorf("%d %.300s", status, body)
	}
	if code := w.stop(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
}
