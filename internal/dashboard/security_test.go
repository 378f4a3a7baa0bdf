package dashboard

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"
)

func TestEveryResponseHasTheSecurityHeaders(t *testing.T) {
	t.Parallel()
	site := newTestDashboard(t, nil)
	for _, path := range []string{"/", "/nowhere", "/healthz", "/static/nowhere", "/asynqmon/api/queues"} {
		got := sendRequest(site.Handler(), "GET", path, nil).Header()
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
			t.Errorf("%s allows the camera", path)
		}
	}
	if strings.Contains(pagePolicy, "unsafe") || strings.Contains(pagePolicy, "*") {
		t.Errorf("the policy allows too much: %s", pagePolicy)
	}
}

func TestAPanicIsAnsweredAndLoggedOnce(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	site := newTestDashboard(t, func(cfg *Config) { cfg.Log = logrus.NewEntry(testLog(&log)) })
	h := site.recoverPanics(securityHeaders(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "7")
		cacheForever(w)
		panic("a bug")
	})))
	rec := sendRequest(h, "GET", "/x", nil)
	checkAnswer(t, rec, 500, "Internal error; the log has the cause.")
	if rec.Header().Get("Content-Length") != "" || rec.Header().Get("Cache-Control") != "no-store" || strings.Contains(rec.Body.String(), "a bug") {
		t.Errorf("answer is %v %s", rec.Header(), rec.Body)
	}
	if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "a page panicked: a bug") || !strings.Contains(got, "security_test.go") {
		t.Errorf("log is %s", got)
	}
}

func TestAPanicAbortsAStartedResponse(t *testing.T) {
	t.Parallel()
	for name, cause := range map[string]any{"a bug": "a bug", "on purpose": http.ErrAbortHandler} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got any
			func() {
				defer func() { got = recover() }()
				sendRequest(newTestDashboard(t, nil).recoverPanics(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					writeText(w, http.StatusOK, "half")
					panic(cause)
				})), "GET", "/", nil)
			}()
			if err, _ := got.(error); !errors.Is(err, http.ErrAbortHandler) {
				t.Errorf("the server gets %v", got)
			}
		})
	}
}

func TestStaticFilesAreCachedUnderTheirHashOnly(t *testing.T) {
	t.Parallel()
	site := newTestDashboard(t, nil)
	url := site.static.url("asynqmon.js")
	const kept, asked = "private, max-age=31536000, immutable", "private, no-cache"
	for path, want := range map[string]string{url: kept, "/static/asynqmon.js": asked, "/static/asynqmon.js?v=old": asked} {
		rec := sendRequest(site.Handler(), "GET", path, nil)
		checkAnswer(t, rec, 200, "MutationObserver")
		if got := rec.Header(); got.Get("Cache-Control") != want || !strings.HasPrefix(got.Get("Content-Type"), "text/javascript") {
			t.Errorf("%s: %v", path, got)
		}
		again := sendRequest(site.Handler(), "GET", path, func(r *http.Request) { r.Header.Set("If-None-Match", rec.Header().Get("Etag")) })
		checkAnswer(t, again, 304, "")
	}
	if site.static.url("none.js") != "/static/none.js" || !strings.HasPrefix(url, "/static/asynqmon.js?v=") {
		t.Errorf("URLs are %s and %s", url, site.static.url("none.js"))
	}
	for _, path := range []string{"/static/", "/static/none.js", "/static/../dashboard.go"} {
		if rec := sendRequest(site.Handler(), "GET", path, nil); rec.Code == 200 {
			t.Errorf("%s: %s", path, rec.Body)
		}
	}
}

func TestHealthServesNothingElse(t *testing.T) {
	t.Parallel()
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { writeText(w, http.StatusOK, "figures 1\n") })
	users := func(cfg *Config) { cfg.Users, cfg.Metrics = testUsers(t), metrics }
	together := newTestDashboard(t, users)
	apart := newTestDashboard(t, func(cfg *Config) { users(cfg); cfg.HealthApart = true })
	foreign := func(r *http.Request) { r.Host = "pod.example.com:8081" }
	for _, test := range []struct {
		name   string
		h      http.Handler
		path   string
		change func(*http.Request)
		status int
		body   string
	}{
		{"alive, on the dashboard's address", together.Handler(), "/healthz", foreign, 200, "alive"},
		{"ready, on the dashboard's address", together.Handler(), "/readyz", foreign, 200, "ready"},
		{"metrics need the login there", together.Handler(), "/metrics", nil, 401, ""},
		{"a viewer sees metrics", together.Handler(), "/metrics", withLogin("viewer", "view-password"), 200, "figures"},
		{"alive, on another address", apart.Health(), "/healthz", foreign, 200, "alive"},
		{"ready, on another address", apart.Health(), "/readyz", foreign, 200, "ready"},
		{"metrics, on another address", apart.Health(), "/metrics", foreign, 200, "figures"},
		{"then the dashboard's address has no metrics", apart.Handler(), "/metrics", withLogin("viewer", "view-password"), 404, ""},
		{"and no health checks", apart.Handler(), "/healthz", withLogin("viewer", "view-password"), 404, ""},
		{"the health address has no pages", apart.Health(), "/", withLogin("viewer", "view-password"), 404, ""},
		{"and no asynqmon", apart.Health(), "/asynqmon/", withLogin("viewer", "view-password"), 404, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			checkAnswer(t, sendRequest(test.h, "GET", test.path, test.change), test.status, test.body)
		})
	}
}

func TestReadinessFollowsRedis(t *testing.T) {
	t.Parallel()
	site := newTestDashboard(t, nil)
	checkAnswer(t, sendRequest(site.Health(), "GET", "/readyz", nil), 200, "ready")
	_ = site.cfg.Redis.Close()
	rec := sendRequest(site.Health(), "GET", "/readyz", nil)
	if rec.Body.String() != "not ready: Redis doesn't answer\n" {
		t.Errorf("says %q", rec.Body)
	}
	checkAnswer(t, rec, 503, "")
	checkAnswer(t, sendRequest(site.Health(), "GET", "/healthz", nil), 200, "alive")
}

func TestALoopbackListenerAnswersLoopbackHostsOnly(t *testing.T) {
	t.Parallel()
	site := newTestDashboard(t, func(cfg *Config) {
		cfg.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { writeText(w, http.StatusOK, "figures 1\n") })
	})
	for _, test := range []struct{ listen, set, host, path, want string }{
		{"127.0.0.1:0", "127.0.0.1", "localhost:8081", "/metrics", "figures"},
		{"127.0.0.1:0", "127.0.0.1", "127.0.0.1:8081", "/metrics", "figures"},
		{"127.0.0.1:0", "127.0.0.1", "127.8.9.10", "/metrics", "figures"},
		{"127.0.0.1:0", "127.0.0.1", "[::1]:8081", "/metrics", "figures"},
		{"127.0.0.1:0", "127.0.0.1", "[::1]", "/healthz", "alive"},
		{"127.0.0.1:0", "host1", "HOST1:8081", "/metrics", "figures"},
		{"127.0.0.1:0", "127.0.0.1", "rebound.example.com:8081", "/metrics", "answers only under a name of the machine"},
		{"127.0.0.1:0", "127.0.0.1", "rebound.example.com", "/healthz", "answers only under a name of the machine"},
		{"127.0.0.1:0", "127.0.0.1", "localhost.example.com:8081", "/readyz", "answers only under a name of the machine"},
		{"127.0.0.1:0", "", "", "/metrics", "answers only under a name of the machine"},
		{"0.0.0.0:0", "0.0.0.0", "10.1.2.3:8081", "/metrics", "figures"}, // a probe of Kubernetes
		{":0", "", "worker.default.svc:8081", "/metrics", "figures"},
	} {
		l, err := net.Listen("tcp", test.listen)
		if err != nil {
			t.Fatal(err)
		}
		rec := sendRequest(LoopbackHosts(l, test.set, site.Health()), "GET", test.path, func(r *http.Request) { r.Host = test.host })
		l.Close()
		if !strings.Contains(rec.Body.String(), test.want) {
			t.Errorf("%s for %q of a listener at %s: %d %q, want %q", test.path, test.host, test.listen, rec.Code, rec.Body, test.want)
		}
		if rec.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s for %q has no security headers", test.path, test.host)
		}
	}
}

func TestWithoutALoginNothingAnswersAForeignName(t *testing.T) {
	t.Parallel()
	site := newTestDashboard(t, nil)
	foreign := func(r *http.Request) { r.Host = "rebound.example.com:8080" }
	for _, path := range []string{"/", "/metrics", "/healthz", "/readyz", "/live", "/static/app.js", "/asynqmon/api/queues"} {
		checkAnswer(t, sendRequest(site.Handler(), "GET", path, foreign), 403, "only under a name of the machine itself")
	}
}
