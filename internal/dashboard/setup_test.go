package dashboard

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testSite is a site over a Redis of its own, changed by change. What it logs is
// part of the test's output.
func testSite(t *testing.T, change func(*Config)) *Site {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr(), MaxRetries: -1})
	t.Cleanup(func() { _ = rdb.Close() })
	cfg := Config{Redis: rdb, Version: "test", Log: logrus.NewEntry(testLog(t.Output()))}
	if change != nil {
		change(&cfg)
	}
	site, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = site.Close() })
	return site
}

func testLog(w io.Writer) *logrus.Logger {
	log := logrus.New()
	log.SetOutput(w)
	return log
}

// enqueuer sends a request for a loopback host, changed by change, to a handler.
func ask(h http.Handler, method, path string, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	r.Host = "127.0.0.1:8080"
	if change != nil {
		change(r)
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

// as is a change for ask: the request carries a name and a password.
func as(name, password string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(name, password) }
}

// answers reports an answer that hasn't the status, or hasn't body in it.
func answers(t *testing.T, rec *httptest.ResponseRecorder, status int, body string) {
	t.Helper()
	if rec.Code != status || !strings.Contains(rec.Body.String(), body) {
		t.Errorf("got %d %q, want %d with %q", rec.Code, rec.Body, status, body)
	}
}
