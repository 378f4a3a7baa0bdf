package appcache

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"pilotsync/internal/serverpilot"
	"pilotsync/worker/registry"
	"pilotsync/worker/taskerr"
)

// newCache is a cache whose entries are good for an hour, and counts ServerPilot's answers. The
// account has the apps app1 and late; its rate is so many calls a second by the returned Redis's
// clock.
func newCache(t *testing.T, rate int) (c *Cache, answers *atomic.Int32, mini *miniredis.Miniredis) {
	t.Helper()
	answers = &atomic.Int32{}
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answers.Add(1)
		switch r.URL.Path {
		case "/apps/app1", "/apps/late":
			_, _ = w.Write([]byte(`{"data":{"id":"` + path.Base(r.URL.Path) + `","name":"shop","serverid":"srv1","domains":["a.example.com"]}}`))
		case "/servers/srv1":
			_, _ = w.Write([]byte(`{"data":{"id":"srv1","name":"one","lastaddress":"192.0.2.7"}}`))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(api.Close)
	mini = miniredis.RunT(t)
	rdb := redis.NewClient(&redis.Options{Addr: mini.Addr()})
	t.Cleanup(func() { rdb.Close() })
	r, err := registry.New(rdb, registry.Config{APIURL: api.URL, APIRate: rate,
		Accounts: []registry.Account{{ClientID: "one", APIKey: "key", Apps: []string{"app1", "late"}}}}, func(string, int, time.Duration) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	c = New(t.Context(), r, time.Hour)
	c.apps.MaxAge, c.servers.MaxAge = time.Hour, time.Hour // so that a busy machine doesn't fetch again
	return c, answers, mini
}

func TestVerificationsShareWhatServerPilotSaid(t *testing.T) {
	t.Parallel()
	c, answers, _ := newCache(t, 100)
	for range 3 {
		app, err := c.App(t.Context(), "app1", true)
		if err != nil || len(app.Domains) != 1 {
			t.Fatalf("%+v, %v", app, err)
		}
		if server, err := c.Server(t.Context(), app.ID, app.ServerID); err != nil || server.LastAddress.String() != "192.0.2.7" {
			t.Errorf("the server is %+v, %v", server, err)
		}
	}
	if n := answers.Load(); n != 2 {
		t.Errorf("ServerPilot was asked %d times, want once for the app and once for its server", n)
	}
	if _, err := c.FreshApp(t.Context(), "app1"); err != nil || answers.Load() != 3 {
		t.Errorf("a fresh app isn't fetched (%v)", err)
	}
}

func TestAnAppThatIsNotServedIsNotFetched(t *testing.T) {
	t.Parallel()
	c, answers, _ := newCache(t, 100)
	if _, err := c.App(t.Context(), "app2", true); !errors.Is(err, registry.ErrUnserved) {
		t.Errorf("the app: %v", err)
	}
	if _, err := c.Server(t.Context(), "app2", "srv1"); !errors.Is(err, registry.ErrUnserved) {
		t.Errorf("its server: %v", err)
	}
	if n := answers.Load(); n != 0 {
		t.Errorf("ServerPilot was asked %d times", n)
	}
}

func TestOnlyAVerificationsFirstCallIsRefused(t *testing.T) {
	t.Parallel()
	c, answers, mini := newCache(t, 2) // of which verifications get one call a second
	now := time.Now()
	mini.SetTime(now)
	if _, err := c.App(t.Context(), "app1", true); err != nil {
		t.Fatal(err)
	}
	refused := map[string]error{}
	_, refused["another verification's first"] = c.App(t.Context(), "late", true)
	refused["the question whether it may"] = c.MayGetApp("late", true)
	_, refused["a call that a verification can do without"] = c.TryKnownApp(t.Context(), "late")
	_, refused["another caller's"] = c.TryServer(t.Context(), "app1", "srv1")
	var notReady *taskerr.NotReadyError
	for call, err := range refused {
		if !errors.As(err, &notReady) {
			t.Errorf("%s: %v, want it to come back at its turn", call, err)
		}
	}
	if err := c.MayGetApp("app1", true); err != nil {
		t.Errorf("an app that was just read: %v", err)
	}
	further := map[string]func() error{
		"its server": func() error { _, err := c.Server(t.Context(), "app1", "srv1"); return err },
		"its app":    func() error { _, err := c.FreshApp(t.Context(), "app1"); return err },
		"AutoSSL":    func() error { _, err := c.AwaitSharedCall(t.Context(), "app1"); return err },
	}
	ended := make(chan error)
	for name, call := range further {
		go func() {
			err := call()
			if err != nil {
				err = fmt.Errorf("%s: %w", name, err)
			}
			ended <- err
		}()
	}
	for range further {
		now = now.Add(time.Second) // for one call
		mini.SetTime(now)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if n := answers.Load(); n != 3 {
		t.Errorf("ServerPilot was asked %d times, want 3", n)
	}
}

func TestAnAppIsKnownForAnHour(t *testing.T) {
	t.Parallel()
	c, answers, _ := newCache(t, 100)
	c.apps.MaxAge = 0
	for range 2 {
		if app, err := c.TryKnownApp(t.Context(), "late"); err != nil || app.Name != "shop" {
			t.Errorf("%+v, %v", app, err)
		}
	}
	if n := answers.Load(); n != 1 {
		t.Errorf("ServerPilot was asked %d times, want once", n)
	}
}

// A further call may share the call of another caller, which the rate limit refuses.
func TestAWaitingCallerAsksAgainAfterAnothersRefusal(t *testing.T) {
	t.Parallel()
	calls := 0
	got, err := unrefused(func() (serverpilot.App, error) {
		if calls++; calls == 1 {
			return serverpilot.App{}, taskerr.NotReady(time.Hour, errors.New("the rate limit"))
		}
		return serverpilot.App{ID: "app1"}, nil
	})
	if err != nil || got.ID != "app1" {
		t.Errorf("got %q, %v", got.ID, err)
	}
}
