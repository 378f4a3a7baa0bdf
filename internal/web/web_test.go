package web

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pilotsync/tasks"
	"pilotsync/worker/applist"
	"pilotsync/worker/ledger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shelf is a ledger that is read from memory.
type shelf struct {
	apps    []string
	trouble *applist.Trouble
	views   map[string][]ledger.View
	err     error
}

func (s shelf) Apps(context.Context) ([]string, error) { return s.apps, s.err }

func (s shelf) App(_ context.Context, id string) (ledger.App, error) {
	return ledger.App{ID: id, Trouble: s.trouble}, nil
}

func (s shelf) Domains(_ context.Context, app string, _ ...string) ([]ledger.View, error) {
	return s.views[app], nil
}

func get(h http.Handler, method, path string) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(method, path, nil))
	return rec
}

func TestHandlerAnswers(t *testing.T) {
	t.Parallel()
	away := func(context.Context) error { return errors.New("connection refused") }
	there := func(context.Context) error { return nil }
	for _, test := range []struct {
		name, method, path string
		ledger             shelf
		ping               func(context.Context) error
		status             int
		body               string
	}{
		{"alive without Redis", "GET", "/healthz", shelf{}, away, 200, "alive"},
		{"ready", "GET", "/readyz", shelf{}, there, 200, "ready"},
		{"not ready without Redis, and says why", "GET", "/readyz", shelf{}, away, 503, "Redis doesn't answer: connection refused"},
		{"an empty page", "GET", "/", shelf{}, there, 200, "No domains yet."},
		{"the page says why it can't be shown", "GET", "/", shelf{err: errors.New("list the apps: EOF")}, there, 503, "list the apps: EOF"},
		{"nothing can be posted", "POST", "/", shelf{}, there, 405, ""},
		{"other paths are unknown", "GET", "/secret", shelf{}, there, 404, ""},
		{"the style sheet", "GET", "/style.css", shelf{}, there, 200, "prefers-color-scheme: dark"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			rec := get(Handler(test.ledger, test.ping), test.method, test.path)
			if rec.Code != test.status || !strings.Contains(rec.Body.String(), test.body) {
				t.Errorf("got %d %q, want %d with %q", rec.Code, rec.Body, test.status, test.body)
			}
			if csp := rec.Header().Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; style-src 'self';") {
				t.Errorf("Content-Security-Policy is %q", csp)
			}
		})
	}
}

func TestPageShowsEveryDomainAndEscapesIt(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	l := shelf{
		apps:    []string{"app1", "app2"},
		trouble: &applist.Trouble{Reason: "the key was refused <401>", Blocked: true, Since: at},
		views: map[string][]ledger.View{"app1": {{
			Domain: "example.com", State: tasks.Rejected, Names: []string{"example.com", "www.example.com"},
			Reason: `<script>alert("1")</script>`, UpdatedAt: at,
		}}},
	}
	page := get(Handler(l, nil), "GET", "/").Body.String()
	for _, want := range []string{
		"<h2>app1</h2>", "<h2>app2</h2>", "No domains.",
		`<td class="state rejected">rejected</td>`, "<td>example.com, www.example.com</td>",
		"&lt;script&gt;alert(", "2026-03-01 12:00:00 UTC",
		"Blocked until a person acts", "the key was refused &lt;401&gt;",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%s isn't on the page", want)
		}
	}
	if strings.Contains(page, "<script") {
		t.Error("the reason is on the page as it is")
	}
	if t.Failed() {
		t.Log(page)
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, listener, Handler(shelf{}, nil), log.New(io.Discard, "", 0)) }()

	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	resp, err := client.Get("http://" + listener.Addr().String() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("status %s", resp.Status)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestServeSaysThatItsListenerBroke(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	err = Serve(t.Context(), listener, Handler(shelf{}, nil), log.New(io.Discard, "", 0))
	if err == nil || !strings.Contains(err.Error(), listener.Addr().String()) {
		t.Errorf("error is %v; want one with the address", err)
	}
}
