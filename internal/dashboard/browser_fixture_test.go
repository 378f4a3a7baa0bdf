package dashboard

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/redis/go-redis/v9"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/harness"
	"pilotsync/test/redistest"
	"pilotsync/worker"
	"pilotsync/worker/certcheck"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
	"pilotsync/worker/registry"
)

// testTimeout is how long tests wait for what takes a second or two on an idle machine.
const testTimeout = 2 * time.Minute

// fixture has a real Redis, a simulator, the dashboard on its own port, and on demand a
// worker.
type fixture struct {
	t         *testing.T
	redis     *redistest.Server
	rdb       *redis.Client
	sim       *simulator.Simulator
	ledger    *ledger.Ledger
	client    *enqueue.Client
	dashboard *Dashboard
	url       string // of the dashboard, without a slash at the end
}

func newFixture(t *testing.T, opt simulator.Options, change func(*Config)) *fixture {
	t.Helper()
	server := redistest.New(t)
	sim, err := simulator.Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	options, err := redis.ParseURL(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	// While Redis is down, go-redis retries a dial for half a second after its caller is gone. After
	// as many failures as the pool has places it dials each second. Both would outlive the test.
	options.DialerRetries, options.PoolSize, options.PipelinePoolSize = 1, 10_000, 10_000
	rdb := redis.NewClient(options)
	t.Cleanup(func() { _ = rdb.Close() })
	w := &fixture{t: t, redis: server, rdb: rdb, sim: sim, ledger: ledger.New(rdb), client: enqueue.New(rdb)}
	w.url, w.dashboard = w.serve(change)
	return w
}

// serve serves another dashboard over the same Redis.
func (w *fixture) serve(change func(*Config)) (page string, site *Dashboard) {
	w.t.Helper()
	cfg := Config{Redis: w.rdb, Version: "test", Log: testLog(w.t.Output()).WithField("test", w.t.Name()), Open: Act, Remote: simLists{w.sim}}
	if change != nil {
		change(&cfg)
	}
	site, err := New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, listener, site.Handler(), log.New(io.Discard, "", 0)) }()
	w.t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
		_ = site.Close()
	})
	return "http://" + listener.Addr().String(), site
}

// simLists reads the simulator's lists without its API.
type simLists struct{ sim *simulator.Simulator }

func (l simLists) List(_ context.Context, app string) ([]string, error) {
	if list := l.sim.List(app); list != nil {
		return list, nil
	}
	return nil, fmt.Errorf("read the list of app %s: ServerPilot answered 404", app)
}

// startWorker runs a worker for the apps until the test ends.
func (w *fixture) startWorker(apps ...string) {
	w.t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(w.sim.CAPEM())
	wk, err := worker.New(worker.Config{
		Redis: w.rdb, APIURL: w.sim.APIURL(),
		Accounts:    []registry.Account{{ClientID: "sim", APIKey: "sim-key", Apps: apps}},
		Rules:       listsync.Rules{WWW: tasks.WWWAlways},
		SSLDelays:   []time.Duration{time.Second, time.Second, time.Second},
		Check:       certcheck.Config{DNS: w.sim.DNSAddr(), Port: w.sim.TLSPort(), Roots: roots, AllowPrivate: true},
		Concurrency: 16, Log: testLog(w.t.Output()),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	harness.Run(w.t, wk.Run)
}

func (w *fixture) enqueue(app string, remove bool, domains ...string) {
	w.t.Helper()
	reqs := make([]enqueue.Request, len(domains))
	for i, d := range domains {
		reqs[i] = enqueue.Request{AppID: app, Domain: d, Remove: remove}
	}
	if _, err := w.client.Enqueue(w.t.Context(), reqs...); err != nil {
		w.t.Fatal(err)
	}
}

// await polls until ok is true.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(testTimeout)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, testTimeout)
		}
		select {
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (w *fixture) awaitState(app, domain string, want tasks.State) {
	w.t.Helper()
	await(w.t, domain+" is "+string(want), func() bool {
		v, _, err := w.ledger.Domain(w.t.Context(), app, domain)
		return err == nil && v.State == want
	})
}

// tab is a browser's tab. Its methods fail the test on errors.
type tab struct {
	t   *testing.T
	ctx context.Context
}

func (b tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

func (b tab) open(url string) {
	b.t.Helper()
	b.do(chromedp.Navigate(url))
}

// holds evaluates a condition once.
func (b tab) holds(condition string) bool {
	b.t.Helper()
	ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("Boolean("+condition+")"))
	if err != nil {
		b.t.Fatalf("%s: %v", condition, err)
	}
	return ok
}

// writeText evaluates an expression that is a string.
func (b tab) text(expression string) string {
	b.t.Helper()
	s, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("String("+expression+")"))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return s
}

// awaitTrue waits for a condition. chromedp's own polling evaluates strings as code, which
// the dashboard's policy forbids.
func (b tab) awaitTrue(condition string) {
	b.t.Helper()
	deadline := time.Now().Add(testTimeout)
	for {
		ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("Boolean("+condition+")"))
		switch {
		case ok:
			return
		case time.Now().After(deadline):
			b.t.Fatalf("%s: not within %s (%v); the page is at %s and says:\n%s", condition, testTimeout, err,
				b.text("location.href"), b.text("document.body.innerText.slice(0, 2000)"))
		}
		select { // err may come from a page that is being left
		case <-b.ctx.Done():
			b.t.Fatal(b.ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// setWindow sets the size of the window and its color scheme.
func (b tab) setWindow(width, height int64, scheme string) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, height), chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
		})
		return err
	}))
}

// mouse clicks on an element as a mouse does. A live update may replace the element between its
// being found and the click.
func (b tab) mouse(selector string) {
	b.t.Helper()
	for {
		err := chromedp.Do(b.ctx, chromedp.Click(selector))
		if err == nil {
			return
		}
		if !strings.Contains(err.Error(), "Could not find node") {
			b.t.Fatalf("click on %s: %v", selector, err)
		}
	}
}

// click clicks on an element by script. A mouse would miss an element that the live page
// moves.
func click(selector string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`document.querySelector(%q).click(); undefined`, selector))
}

// press presses a key as a keyboard does: a page can keep the key from being typed.
// chromedp's KeyEvent types it in any case.
func press(key string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		for _, kind := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeKeyDown, input.DispatchKeyEventTypeKeyUp} {
			params := input.DispatchKeyEventParams{Type: kind, Key: key}
			if kind == input.DispatchKeyEventTypeKeyDown {
				params.Text = key
			}
			if _, err := cdp.Call(ctx, t, input.DispatchKeyEvent, params); err != nil {
				return err
			}
		}
		return nil
	})
}

// noIntervals stops later pages from reloading themselves, so that only the stream updates
// them.
func noIntervals() chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, page.AddScriptToEvaluateOnNewDocument,
			page.AddScriptToEvaluateOnNewDocumentParams{Source: "window.setInterval = () => 0"})
		return err
	})
}
