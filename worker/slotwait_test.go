package worker

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
	"pilotsync/test/harness"
	"pilotsync/worker/appcache"
	"pilotsync/worker/registry"
	"pilotsync/worker/share"
	"pilotsync/worker/taskerr"
)

// limitedRegistry serves two accounts: "limited" with apps limited0 and so on, and "free" with
// free1. Each may make rate calls a second.
func limitedRegistry(t *testing.T, rate, apps int) (*registry.Registry, *miniredis.Miniredis) {
	t.Helper()
	mini := miniredis.RunT(t)
	rdb := redis.NewClient(&redis.Options{Addr: mini.Addr()})
	t.Cleanup(func() { _ = rdb.Close() })
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"data":{"id":"limited0","name":"shop","serverid":"srv1","domains":[]}}`))
	}))
	t.Cleanup(api.Close)
	limited := registry.Account{ClientID: "limited", APIKey: "key"}
	for i := range apps {
		limited.Apps = append(limited.Apps, fmt.Sprint("limited", i))
	}
	r, err := registry.New(rdb, registry.Config{APIURL: api.URL, APIRate: rate, Accounts: []registry.Account{
		limited, {ClientID: "free", APIKey: "key", Apps: []string{"free1"}},
	}}, func(string, int, time.Duration) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r, mini
}

func client(t *testing.T, r *registry.Registry, app string) *registry.Client {
	t.Helper()
	c, err := r.Client(app)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// More workers don't help a verification whose account is at its rate limit.
func TestWaitingForTheRateLimitIsNoWaitForASlot(t *testing.T) {
	t.Parallel()
	r, mini := limitedRegistry(t, 1, 2)
	mini.SetTime(time.Now()) // so that the rate limit allows no further call
	var waits share.Waits
	h := &verifyHandler{registry: r, cache: appcache.New(t.Context(), r, time.Hour), apps: share.Group{Kind: "app", Size: 1, Postponed: waits.Add}}
	if _, err := h.cache.App(t.Context(), "limited0", true); err != nil { // so that its verifications needn't ask
		t.Fatal(err)
	}
	limited := client(t, r, "limited1")
	for i := range 30 { // each turn is two seconds later
		_ = limited.VerifyReady(t.Context(), fmt.Sprint("limited", i+1), true)
	}
	for _, app := range []string{"limited0", "free1"} {
		if _, err := h.apps.Enter(t.Context(), app, "", false, limited.Limiter.VerificationsLimited); err != nil {
			t.Fatal(err)
		}
		task := asynq.NewTask(tasks.TypeSSLVerify, tasks.Encode(tasks.Verify{AppID: app, Domain: "a.example.com", Seq: 1, Attempt: 1, DueAt: time.Now()}))
		var notReady *taskerr.NotReadyError
		if err := h.handle(t.Context(), task); !errors.As(err, &notReady) {
			t.Fatalf("a task of %s beyond its share: %v", app, err)
		}
		if got := waits.Longest(); (got > 0) != (app == "free1") {
			t.Errorf("%s: the longest wait for a slot is %s", app, got)
		}
	}
}

// Nor do they help the sync of an app whose account is at its rate limit.
func TestASyncsWaitForTheRateLimitIsNoWaitForASlot(t *testing.T) {
	t.Parallel()
	r, _ := limitedRegistry(t, 20, 1000)
	var waits share.Waits
	h := &syncHandler{registry: r, shares: share.Group{Kind: "account", Size: 1, Postponed: waits.Add}}
	limited := client(t, r, "limited0")
	for limited.SyncReady(t.Context(), "limited0", true) == nil { // until it has a later turn
	}
	for i := range 900 { // the last turn is 45 seconds later
		_ = limited.SyncReady(t.Context(), fmt.Sprint("limited", i+1), true)
	}
	for _, app := range []string{"limited0", "free1"} {
		if _, err := h.shares.Enter(t.Context(), client(t, r, app).ID, "", false, limited.Limiter.SyncsLimited); err != nil {
			t.Fatal(err)
		}
		task := asynq.NewTask(tasks.TypeAppSync, tasks.Encode(tasks.Sync{AppID: app, Wake: 1}))
		harness.AwaitTrue(t, "the share has no slot for "+app, func() bool {
			err := h.handle(t.Context(), task)
			var notReady *taskerr.NotReadyError
			return errors.As(err, &notReady) && strings.Contains(err.Error(), "share of the slots")
		})
		if got := waits.Longest(); (got > 0) != (app == "free1") {
			t.Errorf("%s: the longest wait for a slot is %s", app, got)
		}
	}
}
