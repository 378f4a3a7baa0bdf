package dashboard

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"

	"pilotsync/tasks"
)

func TestAsynqmonUsesNoOtherHost(t *testing.T) {
	t.Parallel()
	h := newTestDashboard(t, nil).Handler()
	for _, path := range []string{"/asynqmon/", "/asynqmon/queues/domains/tasks/change:a:b.example.com:1"} {
		rec := sendRequest(h, "GET", path, nil)
		page := rec.Body.String()
		checkAnswer(t, rec, 200, `<script src="/static/asynqmon.js?v=`)
		if strings.Contains(page, "googleapis") || strings.Contains(page, "manifest.json") {
			t.Errorf("%s: the page uses another host or the manifest:\n%s", path, page)
		}
		policy := rec.Header().Get("Content-Security-Policy")
		if inline := len(regexp.MustCompile(`<script>`).FindAllString(page, -1)); inline != 2 || strings.Count(policy, "'sha256-") != inline {
			t.Errorf("%d inline scripts, and the policy is %s", inline, policy)
		}
		if scripts, _, _ := strings.Cut(policy, "; style-src"); strings.Contains(scripts, "unsafe") {
			t.Errorf("any script may run: %s", policy)
		}
	}
}

func TestAsynqmonsFilesHaveTheRightType(t *testing.T) {
	t.Parallel()
	h := newTestDashboard(t, nil).Handler()
	script := regexp.MustCompile(`/asynqmon/static/js/main[^"]+`).FindString(sendRequest(h, "GET", "/asynqmon/", nil).Body.String())
	rec := sendRequest(h, "GET", script, nil)
	if kind := rec.Header().Get("Content-Type"); rec.Code != 200 || !strings.HasPrefix(kind, "text/javascript") || rec.Body.Len() < 10_000 {
		t.Errorf("%s: %d, %s, %d bytes", script, rec.Code, kind, rec.Body.Len())
	}
	if kept := rec.Header().Get("Cache-Control"); kept != "private, max-age=31536000, immutable" {
		t.Errorf("Cache-Control is %s", kept)
	}
	checkAnswer(t, sendRequest(h, "POST", script, nil), 405, "")
	for _, outside := range []string{"/asynqmon/static/..%2f..%2fetc/passwd", "/asynqmon/%2e%2e%2f%2e%2e", "/asynqmon/..%2fqueues"} {
		checkAnswer(t, sendRequest(h, "GET", outside, nil), 404, "")
	}
	checkAnswer(t, sendRequest(h, "GET", "/asynqmon/queues/domains/tasks/a..b", nil), 200, "<html")
}

func TestAsynqmonIsReadOnlyForViewers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		role   Role
		status int
		left   int
	}{{View, http.StatusMethodNotAllowed, 1}, {Act, http.StatusNoContent, 0}} {
		site := newTestDashboard(t, func(cfg *Config) { cfg.Open = test.role })
		task := asynq.NewTask(tasks.TypeAppSync, []byte(`{"app_id":"app1","wake":3}`))
		if _, err := asynq.NewClientFromRedisClient(site.cfg.Redis).EnqueueContext(t.Context(), task, asynq.Queue(tasks.QueueLists), asynq.TaskID("sync:app1:3")); err != nil {
			t.Fatal(err)
		}
		const queue = "/asynqmon/api/queues/" + tasks.QueueLists
		rec := sendRequest(site.Handler(), "GET", queue+"/tasks/sync:app1:3", nil)
		var shown struct{ Payload string }
		if err := json.Unmarshal(rec.Body.Bytes(), &shown); err != nil {
			t.Fatalf("%v: %s", err, rec.Body)
		}
		if diff := cmp.Diff("{\n  \"app_id\": \"app1\",\n  \"wake\": 3\n}", shown.Payload); diff != "" {
			t.Errorf("payload (-want +got):\n%s", diff)
		}
		checkAnswer(t, sendRequest(site.Handler(), "DELETE", queue+"/pending_tasks/sync:app1:3", nil), test.status, "")
		if left, err := asynq.NewInspectorFromRedisClient(site.cfg.Redis).ListPendingTasks(tasks.QueueLists); err != nil || len(left) != test.left {
			t.Errorf("role %d leaves %d tasks, %v; want %d", test.role, len(left), err, test.left)
		}
	}
}

func TestCloseLeavesTheSharedRedisClientOpen(t *testing.T) {
	t.Parallel()
	site := newTestDashboard(t, nil)
	if err := site.Close(); err != nil {
		t.Fatal(err)
	}
	if err := site.cfg.Redis.Ping(t.Context()).Err(); err != nil {
		t.Error(err)
	}
}

func TestAnUnexpectedAsynqmonPageIsRefused(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{"", "<html><body><script>1</script>", "<html><head></head></html>"} {
		if page, policy, err := adaptPage([]byte(raw), "/x.js"); err == nil {
			t.Errorf("%q becomes %q with %s", raw, page, policy)
		}
	}
	page, policy, err := adaptPage([]byte(`<head><link rel="icon" href="/a"><LINK rel=stylesheet href="//cdn.example.com/f"></head><script>f("</p>")</script>`), `/x.js?"`)
	const want = `<head><link rel="icon" href="/a"><script src="/x.js?&#34;" defer></script></head><script>f("</p>")</script>`
	if diff := cmp.Diff(want, string(page)); err != nil || diff != "" {
		t.Errorf("%v; page (-want +got):\n%s", err, diff)
	}
	// printf %s 'f("</p>")' | openssl dgst -sha256 -binary | base64
	if want := "script-src 'self' 'sha256-PooQu6PuWdP0RgpXPRiGkt0WNC9vujfyp7pT0Aoj5tU='; "; !strings.Contains(policy, want) {
		t.Errorf("policy is %s, want %s", policy, want)
	}
}

func TestPayloadsAreReadable(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, payload, want string }{
		{"JSON is indented", `{"app_id":"a","domain":"<script>"}`, "{\n  \"app_id\": \"a\",\n  \"domain\": \"<script>\"\n}"},
		{"text", "hello\tthere\n", "hello\tthere\n"},
		{"no bytes", "", ""},
		{"bytes that aren't text", "\xff\x00a", `"hex ff0061"`},
		{"control characters", "a\x1b[31m\x00", `a\u001b[31m\u0000`},
		{"a changed text direction stays JSON", `["` + "\u202e\U000e0001" + `"]`, "[\n  \"\\u202e\\udb40\\udc01\"\n]"},
		{"long text is cut between characters", strings.Repeat("ä", maxPayload/2) + "xy", strings.Repeat("ä", maxPayload/2) + " … and 2 bytes more"},
		{"a character across the cut", "x" + strings.Repeat("ä", maxPayload/2), "x" + strings.Repeat("ä", maxPayload/2-1) + " … and 2 bytes more"},
		{"too many bytes", strings.Repeat("\xff", maxPayload+3), `"hex ` + strings.Repeat("ff", maxPayload) + `" … and 3 bytes more`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, payloadText("x", []byte(test.payload))); diff != "" {
				t.Errorf("shown (-want +got):\n%s", diff)
			}
		})
	}
}
