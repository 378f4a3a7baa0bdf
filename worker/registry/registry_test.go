package registry

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"pilotsync/worker/ledger"
	"pilotsync/worker/taskerr"
	"pilotsync/worker/webhook"
)

func config(accounts ...Account) Config {
	return Config{APIURL: "http://127.0.0.1:1/v1", Accounts: accounts, Webhook: webhook.Target{URL: "http://127.0.0.1:2/"}}
}

func newRegistry(t *testing.T, cfg Config) (*Registry, redis.UniversalClient) {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	t.Cleanup(func() { rdb.Close() })
	r, err := New(rdb, cfg, func(string, int, time.Duration) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r, rdb
}

func TestAnUnchangedAccountKeepsItsClient(t *testing.T) {
	t.Parallel()
	one, two := Account{"one", "key1", []string{"app1"}}, Account{"two", "key2", []string{"app3", "app2"}}
	r, _ := newRegistry(t, config(one, two))
	client := func(app string) *Client {
		c, err := r.Client(app)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	first, second, hook := client("app1"), client("app2"), r.Load().Endpoints["app1"]
	if first == second || client("app3") != second {
		t.Error("each account must have one client")
	}
	two.APIKey = "renewed"
	one.Apps = append(one.Apps, "app4")
	now, before, err := r.Replace(config(one, two))
	if err != nil || strings.Join(now.Apps, " ") != "app1 app2 app3 app4" || strings.Join(before.Apps, " ") != "app1 app2 app3" {
		t.Fatalf("%v, then %v (%v)", before.Apps, now.Apps, err)
	}
	if client("app1") != first || client("app4") != first {
		t.Error("the account that didn't change has another client")
	}
	if client("app2") == second {
		t.Error("the account with another key has its old client")
	}
	if e := now.Endpoints["app4"]; e == nil || hook == nil || e.URL != hook.URL {
		t.Errorf("the webhook of the new app is %+v", e)
	}
}

func TestAConfigurationThatCannotBeServedChangesNothing(t *testing.T) {
	t.Parallel()
	r, _ := newRegistry(t, config(Account{"one", "key1", []string{"app1"}}))
	bad := config(Account{"one", "renewed", []string{"app2"}})
	bad.APIURL = "no URL"
	if _, _, err := r.Replace(bad); err == nil {
		t.Error("it is served")
	}
	if apps := r.Load().Apps; len(apps) != 1 || apps[0] != "app1" {
		t.Errorf("served are %v", apps)
	}
}

func TestAnAppThatIsNotServedIsLeftToItsWorker(t *testing.T) {
	t.Parallel()
	r, rdb := newRegistry(t, config(Account{"one", "key1", []string{"app1"}}))
	if _, err := r.Client("app2"); !errors.Is(err, ErrUnserved) || !strings.Contains(err.Error(), "app2; the apps served are app1") {
		t.Errorf("got %v", err)
	}
	if err := r.LeaveToAnother(t.Context(), "app2"); err != nil {
		t.Errorf("no worker serves it: %v", err)
	}
	if err := ledger.New(rdb).Announce(t.Context(), ledger.Worker{ID: "a", Name: "host/1", Apps: []string{"app2"}}); err != nil {
		t.Fatal(err)
	}
	var retry *taskerr.RetryAfterError
	if err := r.LeaveToAnother(t.Context(), "app2"); !errors.Is(err, ErrElsewhere) || !errors.As(err, &retry) || retry.After != taskerr.Soon {
		t.Errorf("another worker serves it: %v", err)
	}
}

func TestAnErrorNamesOnlySomeOfManyApps(t *testing.T) {
	t.Parallel()
	r, _ := newRegistry(t, config(Account{"one", "key1", []string{"a", "b", "c", "d", "e", "f", "g"}}))
	if _, err := r.Client("app2"); err == nil || !strings.HasSuffix(err.Error(), "the apps served are a, b, c, d, e and 2 more") {
		t.Errorf("got %v", err)
	}
}
