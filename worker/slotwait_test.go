package worker

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
	"pilotsync/worker/appcache"
	"pilotsync/worker/registry"
	"pilotsync/worker/share"
	"pilotsync/worker/taskerr"
)

// More workers don't help a verification whose account is at its rate limit.
func TestWaitingForTheRateLimitIsNoWaitForASlot(t *testing.T) {
	t.Parallel()
	mini := miniredis.RunT(t)
	mini.SetTime(time.Now()) // so that the rate limit allows no further call
	rdb := redis.NewClient(&redis.Options{Addr: mini.Addr()})
	t.Cleanup(func() { _ = rdb.Close() })
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"data":{"id":"limited0","name":"shop","serverid":"srv1","domains":[]}}`))
	}))
	t.Cleanup(api.Close)
	r, err := registry.New(rdb, registry.Config{APIURL: api.URL, APIRate: 1, Accounts: []registry.Account{
		{ClientID: "limited", APIKey: "key", Apps: []string{"limited0", "limited1"}}, {ClientID: "free", APIKey: "key", Apps: []string{"free1"}},
	}}, func(string, int, time.Duration) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	var waits share.Waits
	h := &verifyHandler{registry: r, cache: appcache.New(t.Context(), r, time.Hour), apps: share.Group{Kind: "app", Size: 1, Postponed: waits.Add}}
	if _, err := h.cache.App(t.Context(), "limited0", true); err != nil { // so that its verifications needn't ask
		t.Fatal(err)
	}
	limited, err := r.Client("limited1")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 30 { // each turn is two seconds later
		_ = limited.VerifyReady(t.Context(), fmt.Sprint("limited", i+1), true)
	}
	for _, app := range []string{"limited0", "free1"} {
		if _, err := h.apps.Enter(t.Context(), app, false, limited.Limiter.VerificationsLimited); err != nil {
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
