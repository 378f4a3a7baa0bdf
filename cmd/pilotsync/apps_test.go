package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"pilotsync/internal/serverpilot"
	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

// written records a write of the app's list, which then has size names.
func (s *ledgerFixture) written(app string, size int, added ...string) {
	s.t.Helper()
	s.record(app, "written.example.com")
	ctx, lease := context.Background(), s.acquire(app)
	if err := s.ledger.BeginWrite(ctx, lease, listsync.WriteIntent{Added: added, Size: size, WorkerID: "w/1"}); err != nil {
		s.t.Fatal(err)
	}
	record := listsync.Record{Domain: "written.example.com", State: tasks.CheckingSSL, Seq: s.seq, Wanted: true, RequestedAt: at, UpdatedAt: at}
	if _, err := s.ledger.Commit(ctx, lease, listsync.Commit{Listed: size, Own: added, Outcomes: []listsync.Outcome{{Record: record}}, WorkerID: "w/1"}); err != nil {
		s.t.Fatal(err)
	}
	if released, err := s.ledger.Release(ctx, lease); err != nil || !released {
		s.t.Fatalf("release: %v %v", released, err)
	}
}

// stockedApps is a ledger with an app on a disconnected server and a failing one.
func stockedApps(t *testing.T) vars {
	t.Helper()
	env, mini := onRedis(t)
	liveWorker(t, mini.Addr(), "app1", "app2")
	s := newLedgerFixture(t, mini.Addr())
	s.settle("app1", listsync.Record{Domain: "done.example.com", State: tasks.Done, Wanted: true})
	s.written("app1", 173, "written.example.com")
	if err := s.ledger.RecordAppDetails(t.Context(), "app1", "server1", &serverpilot.Coverage{Names: 173, Covered: 172, Missing: []string{"last.example.com"}}); err != nil {
		t.Fatal(err)
	}
	if err := s.ledger.SetConnection(t.Context(), "app1", at, at); err != nil {
		t.Fatal(err)
	}
	s.record("app2", "new.example.com")
	if err := s.ledger.Fail(t.Context(), s.acquire("app2"), &listsync.Failure{Reason: "no card\x1b[1m", Blocked: true, Since: at}); err != nil {
		t.Fatal(err)
	}
	if err := s.ledger.Pause(t.Context(), "app2", "ada"); err != nil {
		t.Fatal(err)
	}
	return env
}

func TestAppsShowsEachAppsState(t *testing.T) {
	t.Parallel()
	env := stockedApps(t)
	got := command(t, env, "", "apps")
	lines := strings.Split(strings.TrimSpace(got.out), "\n")
	if got.code != exitDone || len(lines) != 3 {
		t.Fatalf("got %+v", got)
	}
	for i, want := range [][]string{
		{"APP ", " DOMAINS ", " NAMES ", " WAITING ", " OLDEST ", " LAST WRITE ", " TROUBLE"},
		{"app1 ", " 1 Checking certificate, 1 Done ", " 173 of 300 ", " 0 ", ": +1 -0 ", " its server is not connected to ServerPilot since " + at.UTC().Format(time.RFC3339) + "; the certificate covers 172 of 173 names"},
		{"app2 ", " 1 Pending ", " no sync yet ", " 1 ", " paused by ada; blocked until a person acts: no card [1m"},
	} {
		for _, piece := range want {
			if !strings.Contains(lines[i]+" ", piece) {
				t.Errorf("no %q in\n%s", piece, lines[i])
			}
		}
	}
}

func TestAppsInJSONHasExactlyItsKeys(t *testing.T) {
	t.Parallel()
	began := time.Now()
	got := command(t, stockedApps(t), "", "apps", "--json")
	var raw []map[string]any
	if err := json.Unmarshal([]byte(got.out), &raw); err != nil || len(raw) != 2 {
		t.Fatalf("%v: %s", err, got.out)
	}
	for _, key := range []string{"listed_at", "last_write"} {
		if raw[0][key] == nil {
			t.Errorf("%s is null", key)
		}
		delete(raw[0], key)
	}
	since, err := time.Parse(time.RFC3339, raw[1]["oldest_waiting_since"].(string))
	if err != nil || since.Before(began.Add(-time.Second)) || since.After(time.Now().Add(time.Second)) { // it has no fractions
		t.Errorf("oldest_waiting_since is %v", raw[1]["oldest_waiting_since"])
	}
	trouble := raw[1]["trouble"].(map[string]any)
	delete(trouble, "since")
	delete(raw[1], "oldest_waiting_since")
	want := []map[string]any{
		{"app_id": "app1", "domains": map[string]any{"done": 1.0, "checking-ssl-cert": 1.0}, "listed": 173.0, "limit": 300.0, "waiting": 0.0,
			"oldest_waiting_since": nil, "first_certificate_ends_at": nil, "certificates_that_end_soon": 0.0, "needs_attention": map[string]any{}, "trouble": nil, "paused_by": "", "served_by": []any{"host/1"},
			"server_disconnected_since": at.UTC().Format(time.RFC3339), "certificate_coverage": map[string]any{"names": 173.0, "covered": 172.0, "missing": []any{"last.example.com"}}, "last_action": nil},
		{"app_id": "app2", "domains": map[string]any{"pending": 1.0}, "listed": 0.0, "limit": 300.0, "listed_at": nil, "waiting": 1.0,
			"first_certificate_ends_at": nil, "certificates_that_end_soon": 0.0, "needs_attention": map[string]any{}, "paused_by": "ada", "served_by": []any{"host/1"}, "trouble": map[string]any{"reason": "no card\x1b[1m", "blocked": true}, "last_write": nil,
			"server_disconnected_since": nil, "certificate_coverage": nil, "last_action": nil},
	}
	if diff := cmp.Diff(want, raw); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}

func TestAppsTakesAppsAsOtherCommandsDo(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"--app=app2", "--app app2 app2", "app2 --app=app2"} {
		got := command(t, stockedApps(t), "", append([]string{"apps", "--json"}, strings.Fields(args)...)...)
		if got.code != exitDone || strings.Contains(got.out, "app1") || strings.Count(got.out, `"app_id": "app2"`) != 1 {
			t.Errorf("%s: %+v", args, got)
		}
	}
}

func TestAppsReportsAnUnknownApp(t *testing.T) {
	t.Parallel()
	got := command(t, stockedApps(t), "", "apps", "app2", "app3", "--json")
	if got.code != exitFailed || !strings.Contains(got.err, "not known: app3 (") || strings.Contains(got.out, "app1") || !strings.Contains(got.out, "app2") || strings.Contains(got.out, "app3") {
		t.Errorf("got %+v", got)
	}
	env, _ := onRedis(t)
	if got := command(t, env, "", "apps", "--json"); got != (output{exitDone, "[]\n", ""}) {
		t.Errorf("without apps: %+v", got)
	}
}

// An app of a worker's settings has no ledger before its first change.
func TestAppsOfLiveWorkersAreShownBeforeTheirFirstChange(t *testing.T) {
	t.Parallel()
	env, mini := onRedis(t)
	newLedgerFixture(t, mini.Addr()).settle("app2", listsync.Record{Domain: "done.example.com", State: tasks.Done, Wanted: true})
	liveWorker(t, mini.Addr(), "app1", "app2", "app3")
	for args, want := range map[string]string{"apps": "app1 app2 app3", "apps app3 app2": "app2 app3"} {
		got := command(t, env, "", append(strings.Fields(args), "--json")...)
		var shown []appStatus
		if err := json.Unmarshal([]byte(got.out), &shown); err != nil || got.code != exitDone {
			t.Fatalf("%s: %+v, %v", args, got, err)
		}
		var ids []string
		for _, app := range shown {
			ids = append(ids, app.ID)
		}
		if strings.Join(ids, " ") != want {
			t.Errorf("%s shows %q, want %q", args, ids, want)
		}
	}
	got := command(t, env, "", "apps")
	for line := range strings.Lines(got.out) {
		if id, rest, _ := strings.Cut(line, " "); id == "app1" || id == "app3" {
			if fields := strings.Join(strings.Fields(rest), " "); fields != "- no sync yet 0 - - -" {
				t.Errorf("the row of %s, which was never synced, is %q", id, fields)
			}
		}
	}
	if got.code != exitDone || !strings.Contains(got.out, "\napp3 ") {
		t.Errorf("the table: %+v", got)
	}
}

// The table comes from summaries; only JSON has the names of the last writes.
func TestAppsReadsSummaries(t *testing.T) {
	t.Parallel()
	table, names := map[int]int{}, map[int]int{}
	const few, many = 10, 200
	for _, apps := range []int{few, many} {
		env, mini := onRedis(t)
		s := newLedgerFixture(t, mini.Addr())
		for i := range apps {
			s.written(fmt.Sprintf("app%03d", i), 3, "a.example.com")
		}
		rdb := redis.NewClient(&redis.Options{Addr: mini.Addr()})
		defer rdb.Close()
		const marks = "pilotsync:{agenda}:changed"
		for _, app := range rdb.ZRange(t.Context(), marks, 0, -1).Val() {
			rdb.ZIncrBy(t.Context(), marks, float64(-time.Hour.Milliseconds()), app)
		}
		for _, run := range []struct {
			args []string
			took map[int]int
		}{{[]string{"apps"}, nil}, {[]string{"apps"}, table}, {[]string{"apps", "--json"}, names}} {
			before := mini.CommandCount()
			if got := command(t, env, "", run.args...); got.code != 0 || strings.Count(got.out, "app") < apps {
				t.Fatalf("%v: %+v", run.args, got)
			}
			if run.took != nil {
				run.took[apps] = mini.CommandCount() - before
			}
		}
	}
	if table[few] != table[many] || table[few] > 20 {
		t.Errorf("the table takes %v commands by number of apps", table)
	}
	if names[many]-names[few] > 2*(many-few) {
		t.Errorf("JSON takes %v commands by number of apps", names)
	}
}

// Any producer can invent apps.
func TestInventedAppsHideNoOther(t *testing.T) {
	t.Parallel()
	env, mini := onRedis(t)
	s := newLedgerFixture(t, mini.Addr())
	s.settle("app1", listsync.Record{Domain: "done.example.com", State: tasks.Done, Wanted: true})
	for i := range 30 {
		s.record(fmt.Sprintf("invented%02d", i), "new.example.com")
	}
	for _, args := range [][]string{{"apps"}, {"status"}} {
		r := command(t, env, "", args...)
		if n := strings.Count(r.out, "invented"); r.code != 0 || n != 20 || !strings.Contains(r.out, "app1") ||
			!strings.Contains(r.err, "30 apps have changes, and no worker has ever served them; the 20 that changed last are shown") {
			t.Errorf("%s: code %d, %d invented apps:\n%s\n%s", args[0], r.code, n, r.out, r.err)
		}
		if r := command(t, env, "", append(args, "--json")...); strings.Count(r.out, `"app_id": "invented`) != 30 {
			t.Errorf("%s --json lacks some:\n%s", args[0], r.out)
		}
	}
	if r := command(t, env, "", "apps", "invented07"); r.code != 0 || !strings.Contains(r.out, "invented07") {
		t.Errorf("one of them: code %d:\n%s\n%s", r.code, r.out, r.err)
	}
}
