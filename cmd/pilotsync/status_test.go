package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

// ledgerFixture fills a ledger through its own methods.
type ledgerFixture struct {
	t      *testing.T
	ledger *ledger.Ledger
	seq    int64
}

func newLedgerFixture(t *testing.T, addr string) *ledgerFixture {
	rdb := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { rdb.Close() })
	return &ledgerFixture{t: t, ledger: ledger.New(rdb), seq: 1000}
}

var at = time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("CET", 3600))

// record leaves an addition of the domain pending.
func (s *ledgerFixture) record(app, domain string) {
	s.t.Helper()
	s.seq++
	change := listsync.Pending{Change: tasks.Change{AppID: app, Domain: domain, Seq: s.seq, RequestedAt: at}, RecordedAt: at}
	if _, err := s.ledger.Record(context.Background(), change, listsync.HistoryEntry{At: at, State: tasks.Pending}); err != nil {
		s.t.Fatal(err)
	}
}

// recordRemoval leaves a removal of the domain pending.
func (s *ledgerFixture) recordRemoval(app, domain string) {
	s.t.Helper()
	s.seq++
	change := listsync.Pending{Change: tasks.Change{AppID: app, Domain: domain, Seq: s.seq, RequestedAt: at}, RecordedAt: at, Remove: true}
	if _, err := s.ledger.Record(context.Background(), change, listsync.HistoryEntry{At: at, State: tasks.Pending, Cause: tasks.Cause{Code: tasks.CauseRemovalRequested}}); err != nil {
		s.t.Fatal(err)
	}
}

// refusedRemoval leaves a domain rejected whose removal was refused.
func (s *ledgerFixture) refusedRemoval(app, domain string) {
	s.t.Helper()
	s.recordRemoval(app, domain)
	lease := s.acquire(app)
	r := listsync.Record{Domain: domain, State: tasks.Rejected, Names: []string{domain}, Seq: s.seq, RequestedAt: at, UpdatedAt: at}
	if _, err := s.ledger.Commit(context.Background(), lease, listsync.Commit{Outcomes: []listsync.Outcome{{Record: r}}}); err != nil {
		s.t.Fatal(err)
	}
	if released, err := s.ledger.Release(context.Background(), lease); err != nil || !released {
		s.t.Fatalf("release: %v %v", released, err)
	}
}

// settle records a domain and its outcome.
func (s *ledgerFixture) settle(app string, r listsync.Record) {
	s.t.Helper()
	s.record(app, r.Domain)
	r.Seq, r.RequestedAt, r.UpdatedAt = s.seq, at, at
	lease := s.acquire(app)
	stale, err := s.ledger.Commit(context.Background(), lease, listsync.Commit{Outcomes: []listsync.Outcome{{Record: r}}})
	if err != nil || len(stale) > 0 {
		s.t.Fatalf("commit: %v %v", stale, err)
	}
	if released, err := s.ledger.Release(context.Background(), lease); err != nil || !released {
		s.t.Fatalf("release: %v %v", released, err)
	}
}

func (s *ledgerFixture) acquire(app string) listsync.Lease {
	s.t.Helper()
	lease, err := s.ledger.Acquire(context.Background(), app)
	if err != nil {
		s.t.Fatal(err)
	}
	return lease
}

// withDomains returns the environment of a ledger with a domain in each kind of state.
func withDomains(t *testing.T) vars {
	env, mini := onRedis(t)
	s := newLedgerFixture(t, mini.Addr())
	next := time.Now().Add(3*time.Minute + time.Second)
	last := time.Now().Add(-2 * time.Minute)
	s.settle("app1", listsync.Record{Domain: "done.example.com", State: tasks.Done, Names: []string{"done.example.com", "www.done.example.com"},
		OldReason: "certificate <valid>", Attempt: 2, AttemptAt: &last})
	s.settle("app1", listsync.Record{Domain: "wait.example.com", State: tasks.CheckingDNS, Names: []string{"wait.example.com"},
		OldReason: "points nowhere", Attempt: 1, Attempts: 7, Limit: 7, AttemptAt: &last, NextAttemptAt: &next})
	s.settle("app2", listsync.Record{Domain: "bad.example.com", State: tasks.Rejected, OldReason: "taken\x1b[1m elsewhere"})
	s.record("app2", "new.example.com")
	liveWorker(t, mini.Addr(), "app1", "app2")
	return env
}

func TestStatusShowsEachDomainsState(t *testing.T) {
	t.Parallel()
	got := command(t, withDomains(t), "", "status")
	want := `APP   DOMAIN            STATE         NAMES                                   ATTEMPT  LAST ATTEMPT  NEXT CHECK  REASON
app1  done.example.com  Done          done.example.com, www.done.example.com  2        2m ago        -           certificate <valid>
app1  wait.example.com  Checking DNS  wait.example.com                        1 of 7   2m ago        in 3m       points nowhere
app2  bad.example.com   Rejected      -                                       0        -             -           taken [1m elsewhere
app2  new.example.com   Pending       new.example.com                         0        -             -           waits to be put on the list
`
	if diff := cmp.Diff(output{exitDone, want, ""}, got, cmp.AllowUnexported(output{})); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}

func TestStatusShowsOnlyTheSelectedDomains(t *testing.T) {
	t.Parallel()
	env := withDomains(t)
	for _, test := range []struct {
		args    string
		code    int
		domains string
		err     string
	}{
		{"--app=app1", exitDone, "done.example.com wait.example.com", ""},
		{"--app=app1 --app=app2 --state=pending --state=done", exitDone, "done.example.com new.example.com", ""},
		{"--app=nowhere", exitDone, "", ""},
		{"NEW.example.com. bad.example.com bad.example.com", exitDone, "bad.example.com new.example.com", ""},
		{"done.example.com --state=failed", exitDone, "", ""},
		{"done.example.com other.example.com", exitFailed, "done.example.com", "not known: other.example.com ("},
		{"done.example.com --app=app2", exitFailed, "", "not known: done.example.com ("},
	} {
		t.Run(test.args, func(t *testing.T) {
			t.Parallel()
			got := command(t, env, "", append([]string{"status", "--json"}, strings.Fields(test.args)...)...)
			var states []domainStatus
			if err := json.Unmarshal([]byte(got.out), &states); err != nil {
				t.Fatalf("%v: %s", err, got.out)
			}
			var domains []string
			for _, d := range states {
				domains = append(domains, d.Domain)
			}
			if got.code != test.code || strings.Join(domains, " ") != test.domains || !strings.Contains(got.err, test.err) || test.err == "" && got.err != "" {
				t.Errorf("exit code %d, domains %v, standard error %q", got.code, domains, got.err)
			}
		})
	}
}

func TestStatusInJSONHasExactlyItsKeys(t *testing.T) {
	t.Parallel()
	got := command(t, withDomains(t), "", "status", "--json", "--app=app1", "--app=app2")
	var raw []map[string]any
	if err := json.Unmarshal([]byte(got.out), &raw); err != nil {
		t.Fatalf("%v: %s", err, got.out)
	}
	if len(raw) != 4 || raw[0]["next_attempt_at"] != nil {
		t.Fatalf("got %s", got.out)
	}
	next, err := time.Parse(time.RFC3339, raw[1]["next_attempt_at"].(string))
	if err != nil || !strings.HasSuffix(raw[1]["next_attempt_at"].(string), "Z") || time.Until(next) <= 0 {
		t.Errorf("next_attempt_at is %v", raw[1]["next_attempt_at"])
	}
	want := []map[string]any{
		{"app_id": "app1", "domain": "done.example.com", "state": "done", "state_name": "Done", "names": []any{"done.example.com", "www.done.example.com"},
			"reason": "certificate <valid>", "seq": 1001.0, "attempt": 2.0, "attempts": nil, "next_attempt_at": nil, "updated_at": "2026-03-01T11:00:00Z",
			"remedy": "", "next_check_at": nil, "problems": []any{}, "records": []any{}},
		{"app_id": "app2", "domain": "bad.example.com", "state": "rejected", "state_name": "Rejected", "names": []any{},
			"reason": "taken\x1b[1m elsewhere", "seq": 1003.0, "attempt": 0.0, "attempts": nil, "next_attempt_at": nil, "updated_at": "2026-03-01T11:00:00Z",
			"remedy": "", "next_check_at": nil, "problems": []any{}, "records": []any{}},
	}
	if diff := cmp.Diff(want, []map[string]any{raw[0], raw[2]}); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
	if raw[1]["attempt"] != 1.0 || raw[1]["attempts"] != 7.0 {
		t.Errorf("attempt %v of %v, want 1 of 7", raw[1]["attempt"], raw[1]["attempts"])
	}
	if !strings.Contains(got.out, "<valid>") {
		t.Error("< is escaped, which is hard to read")
	}
}

func TestStatusShowsASupersededChange(t *testing.T) {
	t.Parallel()
	env, mini := onRedis(t)
	s := newLedgerFixture(t, mini.Addr())
	for app, later := range map[string]time.Duration{"app1": -time.Minute, "app2": time.Minute} {
		s.record(app, "example.com")
		change := listsync.Pending{Change: tasks.Change{AppID: app, Domain: "example.com", Seq: 7, RequestedAt: at.Add(later)}, Remove: true, RecordedAt: at}
		if err := s.ledger.NoteSuperseded(t.Context(), change, listsync.HistoryEntry{At: at, State: tasks.Pending, Action: listsync.ActionRemove, Cause: tasks.Cause{Code: tasks.CauseSuperseded}}); err != nil {
			t.Fatal(err)
		}
	}
	var states []domainStatus
	if err := json.Unmarshal([]byte(command(t, env, "", "status", "--json").out), &states); err != nil || len(states) != 2 {
		t.Fatalf("%+v, %v", states, err)
	}
	want := &supersededChange{Seq: 7, Change: "remove", RequestedAt: at.Add(-time.Minute).UTC()}
	if diff := cmp.Diff(want, states[0].Superseded); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
	const said = "A later request (remove, at 2026-03-01 11:01:00) had no effect"
	lines := strings.SplitAfter(command(t, env, "", "status").out, "\n")
	if strings.Contains(lines[1], "had no effect") || !strings.Contains(lines[2], said) {
		t.Errorf("the table doesn't say it of app2 alone:\n%s", lines)
	}
	if logs := command(t, env, "", "logs", "--app=app1", "example.com"); !strings.Contains(logs.out, "no effect: a later change of the domain was recorded before it") {
		t.Errorf("the history is\n%s", logs.out)
	}
}

func TestStatusOfNothingIsAnEmptyArray(t *testing.T) {
	t.Parallel()
	env, _ := onRedis(t)
	if got := command(t, env, "", "status", "--json"); got != (output{exitDone, "[]\n", ""}) {
		t.Errorf("got %+v", got)
	}
}

func TestStatusShowsAnAppsTrouble(t *testing.T) {
	t.Parallel()
	env, mini := onRedis(t)
	liveWorker(t, mini.Addr(), "app1", "app2")
	s := newLedgerFixture(t, mini.Addr())
	for app, trouble := range map[string]listsync.Failure{
		"app1": {Reason: "the API key was refused", Blocked: true, Since: time.Now().Add(-5 * time.Minute)},
		"app2": {Reason: "ServerPilot answered 500", Since: time.Now().Add(-3 * time.Hour)},
	} {
		s.record(app, "example.com")
		if err := s.ledger.Fail(t.Context(), s.acquire(app), &trouble); err != nil {
			t.Fatal(err)
		}
	}
	got := command(t, env, "", "status")
	lines := strings.Split(got.err, "\n")
	want := []string{
		"App app1 is blocked until a person acts (it began 5m ago): the API key was refused",
		"App app2 is in trouble and tried again (it began 3h ago): ServerPilot answered 500",
	}
	if diff := cmp.Diff(want, lines[:2]); diff != "" || !strings.HasPrefix(got.out, "APP ") {
		t.Errorf("got\n%s%s\n%s", got.err, got.out, diff)
	}
}

func TestCommandsSayWhichRedisDoesNotAnswer(t *testing.T) {
	t.Parallel()
	env, mini := onRedis(t)
	mini.RequireUserAuth("u", "other")
	addr := mini.Addr()
	url := "redis://u:" + secretWord + "@" + addr
	got := command(t, env, "", "status", "--redis-url="+url)
	if got.code != exitUsage || !strings.Contains(got.err, `REDIS_URL (--redis-url) is "redis://u:[redacted]@`+addr+`"; it takes the user and password that this Redis knows: Redis refuses the login of user "u": WRONGPASS`) {
		t.Errorf("with a wrong password: %+v", got)
	}
	mini.Close()
	got = command(t, env, "", "enqueue", "add", "example.com", "--app=app1", "--redis-url="+url)
	if got.code != exitFailed || !strings.Contains(got.err, "no answer from Redis at redis://u:[redacted]@"+addr+", which REDIS_URL (--redis-url) names: ") {
		t.Errorf("with a Redis that is unavailable: %+v", got)
	}
}
