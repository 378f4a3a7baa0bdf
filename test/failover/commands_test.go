package failover

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pilotsync/tasks"
	"pilotsync/test/freeport"
	"pilotsync/test/harness"
	"pilotsync/test/redistest"
	"pilotsync/worker/janitor"
)

func TestEveryCommandWorksOnACluster(t *testing.T) {
	harness.Long(t)
	t.Parallel()
	c := redistest.NewCluster(t, 3, redistest.Security{}.Shipped(t))
	var watched []*redistest.OneSlot
	for _, node := range c.Nodes[:3] {
		watched = append(watched, redistest.WatchSlots(t, node))
	}
	everyCommand(t, c.As)
	for i, o := range watched {
		if o.Scripts() == 0 {
			t.Logf("master %d ran no script", i) // its slots hold none of the keys
		}
	}
}

// A single server doesn't refuse a script that uses two slots; this test does.
func TestEveryCommandKeepsEachScriptToOneSlot(t *testing.T) {
	t.Parallel()
	server := redistest.Shipped(t)
	o := redistest.WatchSlots(t, server)
	everyCommand(t, server.As)
	if n := o.Scripts(); n < 100 {
		t.Errorf("only %d scripts and MULTI blocks were seen", n)
	}
}

// everyCommand takes domains through all states with two workers and a webhook, and runs each
// command of the program.
func everyCommand(t *testing.T, url urls) {
	t.Helper()
	hook := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(hook.Close)
	f := newFixture(t, url)
	f.env = append(f.env, "PILOTSYNC_WEBHOOK_URL="+hook.URL, "PILOTSYNC_WEBHOOK_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	page, err := freeport.Addr()
	if err != nil {
		t.Fatal(err)
	}
	// Before the workers start: they check for such messages at their start, then every 30 s.
	for _, queue := range []string{tasks.QueueDomains, tasks.QueueLists} { // what asynq can't read
		err := f.rdb.LPush(t.Context(), "asynq:{"+queue+"}:pending", "poison").Err()
		if err == nil {
			err = f.rdb.HSet(t.Context(), "asynq:{"+queue+"}:t:poison", "msg", "\xff", "state", "pending").Err()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	f.start(nil, "worker")
	f.start(nil, "worker")
	f.start([]string{"PILOTSYNC_LISTEN=" + page, "REDIS_URL=" + url("page")}, "web")

	f.add("app1", "shop.example.com", "refused.example.com")
	f.add("app2", "other.example.com")
	f.awaitState("app1", "shop.example.com", tasks.Done)
	f.awaitState("app1", "refused.example.com", tasks.Rejected)
	f.awaitState("app2", "other.example.com", tasks.Done)
	quarantined := ""
	harness.Await(t, "what asynq can't read is in quarantine, and nowhere else", func() error {
		all, _, err := janitor.NewQuarantine(f.rdb).List(t.Context(), 10)
		if err != nil || len(all) != 2 {
			return fmt.Errorf("%d are there: %w", len(all), err)
		}
		for _, q := range all {
			if n, err := f.rdb.Exists(t.Context(), "asynq:{"+q.Queue+"}:t:poison").Result(); err != nil || n > 0 {
				return fmt.Errorf("queue %s still has it: %w", q.Queue, err)
			}
		}
		quarantined = all[0].ID
		return nil
	})
	event := ""
	harness.Await(t, "an event was delivered", func() error {
		out, _ := f.run(nil, "events", "list", "--json")
		var all []struct{ ID string }
		if err := json.Unmarshal([]byte(out), &all); err != nil || len(all) == 0 {
			return fmt.Errorf("%s (%v)", out, err)
		}
		event = all[0].ID
		return nil
	})

	f.add("nosuchapp", "mistyped.example.com")
	f.awaitState("nosuchapp", "mistyped.example.com", tasks.Pending)

	cases := []struct {
		command string // as the help has it
		args    string
		want    string // in what it writes
		code    int
	}{
		{"enqueue add", "new.example.com --app app1 --wait", "Done", 0},
		{"enqueue remove", "new.example.com --app app1 --yes --wait", "Removed", 0},
		{"status", "shop.example.com --json", `"state": "done"`, 0},
		{"logs", "shop.example.com", "Done", 0},
		{"apps show", "", "app2", 0},
		{"apps forget", "nosuchapp --yes", "app nosuchapp is forgotten", 0},
		{"verify", "shop.example.com --wait", "Done", 0},
		{"check", "shop.example.com --app app1", "shop.example.com", 0},
		{"dns", "shop.example.com --app app1", "shop.example.com", 0},
		{"doctor", "", "Everything is in order", 0},
		{"history", "--app app1", "shop.example.com", 0},
		{"restore", "--app app1 --at 0 --dry-run", "shop.example.com", 0},
		{"reconcile", "--app app1 --dry-run", "", 0},
		{"adopt", "--app app1 byhand.example.org", "byhand.example.org", 0},
		{"pause", "--app app2", "app2", 0},
		{"resume", "--app app2", "app2", 0},
		{"retry", "refused.example.com", "refused.example.com", 0},
		{"events list", "", "shop.example.com", 0},
		{"events replay", event, "", 0},
		{"quarantine list", "", quarantined, 0},
		{"quarantine drop", quarantined, "", 0},
		{"worker", "--concurrency 0", "PILOTSYNC_CONCURRENCY", 2}, // two run
		{"web", "--listen nowhere", "PILOTSYNC_LISTEN", 2},        // one runs
		{"simulate", "--api-key=", "", -1},                        // has no Redis
		{"demo", "", "", -1},                                      // has its own
		{"passwords make", "", "", -1},                            // only writes files
		{"passwords show", "", "", -1},                            // only reads one
		{"completion", "bash --code", "complete", 0},
		{"help", "", "Commands:", 0},
		{"version", "", "", 0},
		{"healthy", "--url http://" + page + "/healthz", "", 0},
	}
	help, _ := f.run(nil, "--help")
	var listed, covered []string
	for _, found := range regexp.MustCompile(`(?m)^  ([a-z]+(?: [a-z]+)?)  `).FindAllStringSubmatch(help[strings.Index(help, "Commands:"):], -1) {
		listed = append(listed, found[1])
	}
	for _, c := range cases {
		covered = append(covered, c.command)
		if c.code < 0 {
			continue
		}
		out, code := f.run(nil, append(strings.Fields(c.command), strings.Fields(c.args)...)...)
		if code != c.code || !strings.Contains(out, c.want) {
			t.Errorf("pilotsync %s %s: exit code %d, want %d and %q in it:\n%s", c.command, c.args, code, c.code, c.want, out)
		}
	}
	slices.Sort(listed)
	slices.Sort(covered)
	if !slices.Equal(listed, covered) {
		t.Errorf("the help lists %q, and the cases are for %q", listed, covered)
	}
	f.pages(page)
	f.add("app2", "late.example.com") // after the app is resumed
	f.awaitState("app2", "late.example.com", tasks.Done)
	if overlaps := f.sim.Overlaps(); len(overlaps) > 0 {
		t.Errorf("writes of a list overlapped: %+v", overlaps)
	}
}

// pages fetches each kind of page.
func (f *fixture) pages(addr string) {
	f.t.Helper()
	api := "/asynqmon/api/"
	for path, want := range map[string]string{
		"/": "refused.example.com", "/domains": "shop.example.com", "/domains?q=sh&state=done": "shop.example.com", "/domains/app1/shop.example.com": "www.shop.example.com",
		"/apps": "app2", "/apps/app1": "byhand.example.org", "/metrics": "pilotsync_", "/healthz": "alive", "/readyz": "",
		"/asynqmon/": "<html", api + "queues": tasks.QueueDomains, api + "servers": "", api + "queue_stats": "",
		api + "queues/domains/completed_tasks": "shop.example.com", api + "queues/lists/pending_tasks": "", api + "queues/ssl/scheduled_tasks": "",
		api + "queues/events/archived_tasks": "", api + "queues/domains/active_tasks": "", api + "queues/domains/retry_tasks": "",
	} {
		status, body, err := get(f.t.Context(), "http://"+addr+path)
		if err != nil || status != http.StatusOK || !strings.Contains(body, want) {
			f.t.Errorf("GET %s: %d, %v; want %q in\n%.600s", path, status, err, want, body)
		}
	}
}
