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

	"github.com/alecthomas/kong"

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
	pageURL   = `the page is at (http://[^"\s]+/)`
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
	w := start(t, env.with(vars{"PILOTSYNC_LISTEN": "0.0.0.0:0", "PILOTSYNC_AUTH": passwords(t), "PILOTSYNC_HEALTH_LISTEN": "127.0.0.1:0"}), "web")
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
		{page, "viewer", "wrong", 401, "aren't known"},
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
	w.logged(`(Redis is away; waiting for it)`)
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
	got := command(t, env.with(vars{"REDIS_URL": "redis://:" + hush + "@" + mini.Addr(), "PILOTSYNC_LISTEN": "127.0.0.1:0"}), "", "web")
	if got.code != exitUsage || !strings.Contains(got.err, "REDIS_URL (--redis-url) is ") || strings.Contains(got.err, hush) {
		t.Errorf("got %+v", got)
	}
}

func TestThePageAloneReadsListsOnlyWithAnAccount(t *testing.T) {
	t.Parallel()
	settings := func(env vars) (webSetup, error) {
		var c webCmd
		parser, err := kong.New(&c, newEnvironment(env.lookup).options()...)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.Parse(nil); err != nil {
			t.Fatal(err)
		}
		set, err := c.config(files{}.read)
		if err == nil {
			t.Cleanup(func() { set.redis.Close() })
		}
		return set, err
	}
	set, err := settings(vars{})
	if err != nil || set.web.Remote != nil || set.Listen != "127.0.0.1:8080" {
		t.Errorf("without an account: %v, %+v", err, set.web)
	}

	sim, err := simulator.Start(simulator.Options{Apps: []simulator.App{{ID: "app1", Domains: []string{"byhand.example.com"}}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	env, _ := onRedis(t)
	env = env.with(vars{"SERVERPILOT_API_URL": sim.APIURL(), "WU_SERVER_PILOT_CLIENT_ID": "sim", "WU_SERVER_PILOT_API_KEY": "sim-key", "WU_SERVER_PILOT_APP_ID": "app1"})
	if set, err = settings(env); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(set.lists.close)
	if names, err := set.web.Remote.List(t.Context(), "app1"); err != nil || len(names) != 1 || names[0] != "byhand.example.com" {
		t.Errorf("the list is %v, %v", names, err)
	}
	if _, err := set.web.Remote.List(t.Context(), "app2"); err == nil || !strings.Contains(err.Error(), "no key for app app2") {
		t.Errorf("error is %v", err)
	}

	for _, test := range []struct {
		env  vars
		want string
	}{
		{vars{"WU_SERVER_PILOT_APP_ID": "app1", "WU_SERVER_PILOT_CLIENT_ID": "c"}, "WU_SERVER_PILOT_API_KEY (--api-key) is not set; it takes the API key of the account"},
		{vars{"PILOTSYNC_LISTEN": "off"}, `PILOTSYNC_LISTEN (--listen) is "off"; without a page there is nothing to serve; it takes host:port, such as 127.0.0.1:8080`},
		{vars{"PILOTSYNC_LISTEN": ":1"}, `PILOTSYNC_LISTEN (--listen) is ":1"; without a login (PILOTSYNC_AUTH) it takes a loopback address only, such as 127.0.0.1:8080, or off`},
	} {
		if _, err := settings(test.env); err == nil || err.Error() != test.want {
			t.Errorf("%v: error is %v\nwant %s", test.env, err, test.want)
		}
	}
}

// A task that somebody enqueued is found in asynqmon, beside a real worker.
func TestTheWorkersPageHasAsynqmon(t *testing.T) {
	t.Parallel()
	env, _ := simulated(t)
	w := start(t, env.with(vars{"PILOTSYNC_AUTH": passwords(t), "PILOTSYNC_HEALTH_LISTEN": "127.0.0.1:0"}), "worker")
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
