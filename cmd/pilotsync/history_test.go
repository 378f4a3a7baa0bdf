package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pilotsync/worker/listsync"
)

func TestHistoryInJSONHasExactlyItsKeys(t *testing.T) {
	t.Parallel()
	env, mini := onRedis(t)
	s := newLedgerFixture(t, mini.Addr())
	s.written("app1", 12, "a.example.com")
	if err := s.ledger.BeginWrite(t.Context(), s.lease("app1"), listsync.WriteIntent{Removed: []string{"b.example.com"}, Size: 11, WorkerID: "w/2"}); err != nil {
		t.Fatal(err)
	}
	got := command(t, env, "", "history", "--app=app1", "--json")
	var raw []map[string]any
	if err := json.Unmarshal([]byte(got.out), &raw); err != nil || len(raw) != 2 {
		t.Fatalf("%v: %+v", err, got)
	}
	for _, w := range raw {
		if w["at"] == nil {
			t.Errorf("%v has no time", w)
		}
		delete(w, "at")
	}
	want := []map[string]any{
		{"app_id": "app1", "write": 0.0, "outcome": "writing", "added": []any{}, "removed": []any{"b.example.com"}, "size": 11.0, "who": "w/2"},
		{"app_id": "app1", "write": 1.0, "outcome": "written", "added": []any{"a.example.com"}, "removed": []any{}, "size": 12.0, "who": "w/1"},
	}
	if diff := cmp.Diff(want, raw); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
	if got := command(t, env, "", "history", "--app=app1", "-n", "1"); got.code != exitDone || !strings.HasPrefix(got.out, "in flight  20") || strings.Contains(got.out, "a.example.com") {
		t.Errorf("got %+v", got)
	}
}

func TestHistoryOfNothingSaysSo(t *testing.T) {
	t.Parallel()
	env, mini := onRedis(t)
	newLedgerFixture(t, mini.Addr()).record("app1", "new.example.com")
	if got := command(t, env, "", "history", "--app=app1"); got != (output{exitDone, "", "No write of app1's list is known.\n"}) {
		t.Errorf("got %+v", got)
	}
	if got := command(t, env, "", "history", "--app=app9"); got.code != exitFailed || !strings.Contains(got.err, "not known: app9 (") {
		t.Errorf("got %+v", got)
	}
}

// lease acquires the lease of an app that has a pending change.
func (s *ledgerFixture) lease(app string) listsync.Lease {
	s.t.Helper()
	s.record(app, "more.example.com")
	return s.acquire(app)
}
