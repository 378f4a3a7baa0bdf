package dashboard

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/browsertest"
)

func TestPathsUnderABasePath(t *testing.T) {
	t.Parallel()
	site := newTestDashboard(t, func(cfg *Config) { cfg.BasePath = "/ops/pilotsync" })
	for _, test := range []struct {
		path     string
		status   int
		location string
	}{
		{"/ops/pilotsync/", http.StatusOK, ""},
		{"/ops/pilotsync?x=1", http.StatusPermanentRedirect, "/ops/pilotsync/?x=1"},
		{"/ops/pilotsync/asynqmon", http.StatusTemporaryRedirect, "/ops/pilotsync/asynqmon/"},
		{"/ops/pilotsync/asynqmon/", http.StatusOK, ""},
		{"/ops/pilotsync/asynqmon/api/queues", http.StatusOK, ""},
		{"/ops/pilotsync/healthz", http.StatusOK, ""},
		{"/healthz", http.StatusOK, ""},
		{"/readyz", http.StatusOK, ""},
		{"/", http.StatusNotFound, ""},
		{"/domains", http.StatusNotFound, ""},
		{"/ops/pilotsyncer/", http.StatusNotFound, ""},
	} {
		rec := sendRequest(site.Handler(), http.MethodGet, test.path, nil)
		if rec.Code != test.status || rec.Header().Get("Location") != test.location {
			t.Errorf("%s: %d to %q, want %d to %q", test.path, rec.Code, rec.Header().Get("Location"), test.status, test.location)
		}
	}
}

// A page shows text as it is, also what looks like a link in a template.
func TestABasePathChangesNoText(t *testing.T) {
	t.Parallel()
	site := newTestDashboard(t, func(cfg *Config) { cfg.BasePath = "/base" })
	rec := sendRequest(site.Handler(), http.MethodGet, "/base/apps?q="+url.QueryEscape(`/x href="/y" `), nil)
	if body := rec.Body.String(); !strings.Contains(body, `value="/x href=&#34;/y&#34;`) {
		t.Error("the search was changed:\n" + body)
	}
}

// The proxy passes on nothing but what is under the path, so each link that leaves it is an error
// in the browser's console, which fails the test.
func TestTheDashboardWorksBehindAProxyUnderAPath(t *testing.T) {
	t.Parallel()
	const base = "/ops/pilotsync"
	w := newFixture(t, simulator.Options{CertDelay: time.Millisecond}, func(cfg *Config) { cfg.Users, cfg.BasePath = testUsers(t), base })
	backend, err := url.Parse(w.url)
	if err != nil {
		t.Fatal(err)
	}
	front := http.NewServeMux()
	front.Handle(base+"/", &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(backend)
		r.SetXForwarded()
		r.Out.Host = r.In.Host
	}})
	proxy := httptest.NewServer(front)
	t.Cleanup(proxy.Close)
	w.startWorker("app1")
	w.enqueue("app1", false, "shop.example.com", "nodns-hotel.example.com")
	w.awaitState("app1", "shop.example.com", tasks.Done)
	w.awaitState("app1", "nodns-hotel.example.com", tasks.Failed)

	b := tab{t, browsertest.New(t)}
	b.do(browsertest.Login("actor", "act-password"), noIntervals())
	for _, path := range []string{"/", "/domains", "/domains?state=failed", "/domains/app1/shop.example.com", "/apps", "/apps/app1"} {
		b.open(proxy.URL + base + path)
		b.awaitTrue(`document.getElementById("live").textContent === "Live"`)
		stray := b.text(`[...document.querySelectorAll("[href], [src], [action]")].map(el => el.getAttribute("href") || el.getAttribute("src") || el.getAttribute("action")).filter(link => link.startsWith("/") && !link.startsWith("` + base + `/")).join(" ")`)
		if stray != "" {
			t.Errorf("%s has links out of the path: %s", path, stray)
		}
	}
	b.do(press("/")) // this page has no search
	b.awaitTrue(`location.pathname === "` + base + `/domains" && document.getElementById("q")`)
	b.do(chromedp.Focus(chromedp.CSS("#q")), chromedp.KeyEvent("shop"))
	b.awaitTrue(`document.getElementById("total").textContent === "1 domain found" && location.pathname + location.search === "` + base + `/domains?q=shop"`)

	b.do(click(`#results tbody a`)) // an action, and the live update after it
	b.awaitTrue(`document.querySelector("#verify button") && document.getElementById("live").textContent === "Live"`)
	b.do(click("#verify button"))
	b.awaitTrue(`location.pathname + location.search === "` + base + `/domains/app1/shop.example.com?asked=verify" && document.querySelector(".notice.good")`)
	b.awaitTrue(`document.querySelector("#history").innerText.includes("by actor")`)

	b.do(click(`#tasks a`))
	b.awaitTrue(`location.pathname.startsWith("` + base + `/asynqmon/queues/") && document.getElementById("root").innerText.includes("shop.example.com")`)
	b.awaitTrue(`document.querySelector('#pilotsync a[href="` + base + `/domains/app1/shop.example.com"]')`)
	b.open(proxy.URL + base + "/asynqmon/")
	b.awaitTrue(`document.getElementById("root").innerText.includes("domains")`)
	b.do(click(`#pilotsync a`))
	b.awaitTrue(`location.pathname === "` + base + `/" && document.querySelector("h1")?.textContent === "Overview"`)
}
