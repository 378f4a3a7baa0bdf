package dashboard

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"
)

func TestEveryAnswerHasTheSecurityHeaders(t *testing.T) {
	t.Parallel()
	site := testSite(t, nil)
	for _, path := range []string{"/", "/nowhere", "/healthz", "/static/nowhere", "/asynqmon/api/queues"} {
		got := ask(site.Handler(), "GET", path, nil).Header()
		for name, want := range map[string]string{
			"Content-Security-Policy": pagePolicy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-store",
			"Server": serverName,
		} {
			if diff := cmp.Diff(want, got.Get(name)); diff != "" {
				t.Errorf("%s of %s (-want +got):\n%s", name, path, diff)
			}
		}
		if !strings.Contains(got.Get("Permissions-Policy"), "camera=()") {
			t.Errorf("%s lets the camera be used", path)
		}
	}
	if strings.Contains(pagePolicy, "unsafe") || strings.Contains(pagePolicy, "*") {
		t.Errorf("the policy lets too much through: %s", pagePolicy)
	}
}

func TestAPanicIsAnsweredAndLoggedOnce(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	site := testSite(t, func(cfg *Config) { cfg.Log = logrus.NewEntry(testLog(&log)) })
	h := site.recovered(securityHeaders(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "7")
		cacheForever(w)
		panic("a bug")
	})))
	rec := ask(h, "GET", "/x", nil)
	answers(t, rec, 500, "Something went wrong here; the log says what.")
	if rec.Header().Get("Content-Length") != "" || rec.Header().Get("Cache-Control") != "no-store" || strings.Contains(rec.Body.String(), "a bug") {
		t.Errorf("answer is %v %s", rec.Header(), rec.Body)
	}
	if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "a page panicked: a bug") || !strings.Contains(got, "security_test.go") {
		t.Errorf("log is %s", got)
	}
}

func TestAnAnswerThatPanicsHalfWayIsBrokenOff(t *testing.T) {
	t.Parallel()
	for name, cause := range map[string]any{"a bug": "a bug", "on purpose": http.ErrAbortHandler} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got any
			func() {
				defer func() { got = recover() }()
				ask(testSite(t, nil).recovered(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					text(w, http.StatusOK, "half")
					panic(cause)
				})), "GET", "/", nil)
			}()
			if got != http.ErrAbortHandler {
				t.Errorf("the server gets %v", got)
			}
		})
	}
}

func TestStaticFilesAreKeptUnderTheirHashOnly(t *testing.T) {
	t.Parallel()
	site := testSite(t, nil)
	url := site.static.url("asynqmon.js")
	const kept, asked = "private, max-age=31536000, immutable", "private, no-cache"
	for path, want := range map[string]string{url: kept, "/static/asynqmon.js": asked, "/static/asynqmon.js?v=old": asked} {
		rec := ask(site.Handler(), "GET", path, nil)
		answers(t, rec, 200, "MutationObserver")
		if got := rec.Header(); got.Get("Cache-Control") != want || !strings.HasPrefix(got.Get("Content-Type"), "text/javascript") {
			t.Errorf("%s: %v", path, got)
		}
		again := ask(site.Handler(), "GET", path, func(r *http.Request) { r.Header.Set("If-None-Match", rec.Header().Get("Etag")) })
		answers(t, again, 304, "")
	}
	if site.static.url("none.js") != "/static/none.js" || !strings.HasPrefix(url, "/static/asynqmon.js?v=") {
		t.Errorf("URLs are %s and %s", url, site.static.url("none.js"))
	}
	for _, path := range []string{"/static/", "/static/none.js", "/static/../site.go"} {
		if rec := ask(site.Handler(), "GET", path, nil); rec.Code == 200 {
			t.Errorf("%s: %s", path, rec.Body)
		}
	}
}

func TestHealthTellsNothingElse(t *testing.T) {
	t.Parallel()
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "figures 1\n") })
	users := func(cfg *Config) { cfg.Users, cfg.Metrics = testUsers(t), metrics }
	together := testSite(t, users)
	apart := testSite(t, func(cfg *Config) { users(cfg); cfg.HealthApart = true })
	foreign := func(r *http.Request) { r.Host = "pod.example.com:8081" }
	for _, test := range []struct {
		name   string
		h      http.Handler
		path   string
		change func(*http.Request)
		status int
		body   string
	}{
		{"alive, on the page's address", together.Handler(), "/healthz", foreign, 200, "alive"},
		{"ready, on the page's address", together.Handler(), "/readyz", foreign, 200, "ready"},
		{"metrics are for users there", together.Handler(), "/metrics", nil, 401, ""},
		{"a viewer sees them", together.Handler(), "/metrics", as("viewer", "view-password"), 200, "figures"},
		{"alive, on an address of its own", apart.Health(), "/healthz", foreign, 200, "alive"},
		{"ready, on an address of its own", apart.Health(), "/readyz", foreign, 200, "ready"},
		{"metrics on an address of their own", apart.Health(), "/metrics", foreign, 200, "figures"},
		{"then they aren't on the page's", apart.Handler(), "/metrics", as("viewer", "view-password"), 404, ""},
		{"nor is health", apart.Handler(), "/healthz", as("viewer", "view-password"), 404, ""},
		{"no page beside health", apart.Health(), "/", as("viewer", "view-password"), 404, ""},
		{"nor asynqmon", apart.Health(), "/asynqmon/", as("viewer", "view-password"), 404, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			answers(t, ask(test.h, "GET", test.path, test.change), test.status, test.body)
		})
	}
}

func TestReadinessFollowsRedis(t *testing.T) {
	t.Parallel()
	site := testSite(t, nil)
	answers(t, ask(site.Health(), "GET", "/readyz", nil), 200, "ready")
	_ = site.cfg.Redis.Close()
	rec := ask(site.Health(), "GET", "/readyz", nil)
	if rec.Body.String() != "not ready: Redis doesn't answer\n" {
		t.Errorf("says %q", rec.Body)
	}
	answers(t, rec, 503, "")
	answers(t, ask(site.Health(), "GET", "/healthz", nil), 200, "alive")
}
