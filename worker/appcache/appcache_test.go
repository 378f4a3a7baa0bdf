package appcache

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"pilotsync/worker/registry"
)

// newCache is a cache whose entries are good for an hour, and counts ServerPilot's answers.
func newCache(t *testing.T) (c *Cache, answers *atomic.Int32) {
	t.Helper()
	answers = &atomic.Int32{}
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answers.Add(1)
		switch r.URL.Path {
		case "/apps/app1":
			_, _ = w.Write([]byte(`{"data":{"id":"app1","name":"shop","serverid":"srv1","domains":["a.example.com"]}}`))
		case "/servers/srv1":
			_, _ = w.Write([]byte(`{"data":{"id":"srv1","name":"one","lastaddress":"192.0.2.7"}}`))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(api.Close)
	rdb := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	t.Cleanup(func() { rdb.Close() })
	r, err := registry.New(rdb, registry.Config{APIURL: api.URL, APIRate: 100,
		Accounts: []registry.Account{{ClientID: "one", APIKey: "key", Apps: []string{"app1"}}}}, func(string, int, time.Duration) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	c = New(t.Context(), r, time.Hour)
	c.apps.MaxAge, c.servers.MaxAge = time.Hour, time.Hour // so that a busy machine doesn't fetch again
	return c, answers
}

func TestVerificationsShareWhatServerPilotSaid(t *testing.T) {
	t.Parallel()
	c, answers := newCache(t)
	for range 3 {
		app, err := c.App(t.Context(), "app1", true)
		if err != nil || len(app.Domains) != 1 {
			t.Fatalf("%+v, %v", app, err)
		}
		if server, err := c.Server(t.Context(), app.ID, app.ServerID, true); err != nil || server.LastAddress.String() != "192.0.2.7" {
			t.Errorf("the server is %+v, %v", server, err)
		}
	}
	if n := answers.Load(); n != 2 {
		t.Errorf("ServerPilot was asked %d times, want once for the app and once for its server", n)
	}
	if _, err := c.FreshApp(t.Context(), "app1", true); err != nil || answers.Load() != 3 {
		t.Errorf("a fresh app isn't fetched (%v)", err)
	}
}

func TestAnAppThatIsNotServedIsNotFetched(t *testing.T) {
	t.Parallel()
	c, answers := newCache(t)
	if _, err := c.App(t.Context(), "app2", true); !errors.Is(err, registry.ErrUnserved) {
		t.Errorf("the app: %v", err)
	}
	if _, err := c.Server(t.Context(), "app2", "srv1", true); !errors.Is(err, registry.ErrUnserved) {
		t.Errorf("its server: %v", err)
	}
	if n := answers.Load(); n != 0 {
		t.Errorf("ServerPilot was asked %d times", n)
	}
}
