package serverpilot

import (
	"context"
	"errors"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
	"testing"
)

func TestListsReadsEachAppWithItsAccount(t *testing.T) {
	t.Parallel()
	a := startAPI(t, func(w http.ResponseWriter, r *http.Request) {
		if id, key, _ := r.BasicAuth(); id != testClient || key != testKey {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, strings.ReplaceAll(goodApp, "app1", path.Base(r.URL.Path)))
	})
	_, connect := startRedis(t)
	newLists := func(accounts ...Account) *Lists {
		l, err := NewLists(connect(), a.URL, 100, accounts)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	l := newLists(Account{ClientID: testClient, APIKey: testKey, Apps: []string{"app1"}}, Account{ClientID: "other", APIKey: "revoked", Apps: []string{"app2"}})
	t.Cleanup(l.Close)
	if names, err := l.List(t.Context(), "app1"); err != nil || !slices.Equal(names, []string{"a.example.com", "b.example.com"}) {
		t.Errorf("the list is %v, %v", names, err)
	}
	if _, err := l.List(t.Context(), "app2"); AsError(err) == nil || AsError(err).Status != http.StatusUnauthorized {
		t.Errorf("with a revoked key: %v", err)
	}
	if _, err := l.List(t.Context(), "app3"); err == nil || !strings.Contains(err.Error(), "no key for app app3") {
		t.Errorf("without an account: %v", err)
	}
	before := a.seen.Load()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.List(ended, "app1"); !errors.Is(err, context.Canceled) || a.seen.Load() != before {
		t.Errorf("after the end of its context: %v, and %d requests", err, a.seen.Load()-before)
	}

	l.Replace(newLists(Account{ClientID: testClient, APIKey: testKey, Apps: []string{"app3"}}))
	if _, err := l.List(t.Context(), "app3"); err != nil {
		t.Errorf("with the new account: %v", err)
	}
	if _, err := l.List(t.Context(), "app1"); err == nil {
		t.Error("an app that has no account any more is read")
	}
	l.Replace(nil)
	if _, err := l.List(t.Context(), "app3"); err == nil {
		t.Error("without accounts an app is read")
	}
}

func TestNewListsRefusesAWrongAccount(t *testing.T) {
	t.Parallel()
	_, connect := startRedis(t)
	good := Account{ClientID: testClient, APIKey: testKey, Apps: []string{"app1"}}
	if l, err := NewLists(connect(), "https://api.example.com", 1, []Account{good, {ClientID: "other"}}); err == nil || l != nil {
		t.Errorf("an account without a key: %v, %v", l, err)
	}
	if l, err := NewLists(connect(), "https://api.example.com", 1, nil); l != nil || err != nil {
		t.Errorf("no accounts: %v, %v", l, err)
	}
}
