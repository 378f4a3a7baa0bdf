package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os/user"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pilotsync/internal/simulator"
	"pilotsync/internal/terminal"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

func TestADomainIsVerifiedAndItsHistorySaysByWhomAndWhatWasSeen(t *testing.T) {
	t.Parallel()
	env, sim := simulated(t)
	w := startWorker(t, env)
	if got := command(t, env, "", "enqueue", "add", "--wait", "--timeout=2m", "--www=never", "shop.example.com"); got.code != exitDone {
		t.Fatalf("enqueue: %+v\n%s", got, w.log)
	}

	got := command(t, env, "", "verify", "SHOP.example.com", "--by=ada", "--wait", "--timeout=2m")
	if got.code != exitDone || !strings.Contains(got.out, "app1  shop.example.com  Done ") || !strings.Contains(got.out, "shop.example.com: certificate valid until ") {
		t.Errorf("verify: %+v\n%s", got, w.log)
	}
	sim.SetBehaviour("shop.example.com", simulator.Behaviour{NoDNS: true})
	got = command(t, env, "", "verify", "shop.example.com", "--app=app1", "--by=ada", "--wait", "--timeout=2m", "--json")
	var states []domainStatus
	if err := json.Unmarshal([]byte(got.out), &states); err != nil || len(states) != 1 || states[0].State != tasks.Failed || states[0].Attempt != 3 ||
		got.code != exitFailed || !strings.HasSuffix(got.err, "1 of 1 is not done\n") {
		t.Errorf("verify without DNS: %v: %+v", err, got)
	}

	got = command(t, env, "", "logs", "shop.example.com", "--json")
	var logs []domainLog
	if err := json.Unmarshal([]byte(got.out), &logs); err != nil || len(logs) != 1 || got.code != exitDone {
		t.Fatalf("logs: %v: %+v", err, got)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	history := logs[0].History
	if history[0].Actor != me.Username || history[0].State != tasks.Pending {
		t.Errorf("the first event is %+v; want the request by %s", history[0], me.Username)
	}
	var adas []tasks.State
	for i, e := range history {
		if i > 0 && e.At.Before(history[i-1].At) {
			t.Errorf("event %d is older than the one before", i)
		}
		if e.Actor == "ada" && e.Attempt > 0 {
			adas = append(adas, e.State)
			if len(e.Checks) != 1 || e.Checks[0].Name != "shop.example.com" || e.Checks[0].Code == "" {
				t.Errorf("what ada's verification saw: %+v", e)
			}
		}
	}
	if len(adas) < 2 || adas[0] != tasks.Done || adas[1] != tasks.CheckingDNS {
		t.Errorf("ada's verifications ended %v", adas)
	}

	got = command(t, env, "", "logs", "shop.example.com")
	for _, piece := range []string{
		"\nlast change: task change:app1:shop.example.com:",
		"Z  Pending               ", "  (" + me.Username + ")\n", "Z  Done                  attempt 1: ", "  (ada)\n    shop.example.com: certificate valid until ",
	} {
		if !strings.Contains(got.out, piece) {
			t.Errorf("no %q in\n%s", piece, got.out)
		}
	}
	if code := w.stop(); code != exitDone {
		t.Errorf("the worker's exit code is %d", code)
	}
}

func TestOnlyListedDomainsAreVerified(t *testing.T) {
	t.Parallel()
	env, mini := onRedis(t)
	s := newLedgerFixture(t, mini.Addr())
	for app, domain := range map[string]string{"app1": "done.example.com", "app2": "done.example.com", "app3": "other.example.com"} {
		s.settle(app, listsync.Record{Domain: domain, State: tasks.Done, Wanted: true})
	}
	s.settle("app1", listsync.Record{Domain: "bad.example.com", State: tasks.Rejected, OldReason: "taken elsewhere"})
	s.settle("app1", listsync.Record{Domain: "*.wild.example.com", State: tasks.DoneWithoutSSL, Wanted: true})
	s.settle("app4", listsync.Record{Domain: "moved.example.com", State: tasks.Removed})
	s.settle("app5", listsync.Record{Domain: "moved.example.com", State: tasks.Failed, Wanted: true})
	s.record("app1", "new.example.com")
	for _, test := range []struct {
		args string
		code int
		want []string // as app/domain
		err  string
	}{
		{"done.example.com", exitDone, []string{"app1/done.example.com", "app2/done.example.com"}, ""},
		{"Done.example.com. done.example.com --app=app2", exitDone, []string{"app2/done.example.com"}, ""},
		{"moved.example.com other.example.com", exitDone, []string{"app5/moved.example.com", "app3/other.example.com"}, ""},
		{"done.example.com nowhere.example.com", exitFailed, nil, "nothing is verified: not known: nowhere.example.com ("},
		{"other.example.com --app=app1", exitFailed, nil, "nothing is verified: not known on app app1: other.example.com ("},
		{"done.example.com bad.example.com", exitFailed, nil, "nothing is verified:\nbad.example.com: on app app1 it is Rejected, so not on the list (taken elsewhere)"},
		{"new.example.com", exitFailed, nil, "new.example.com: on app app1 it is Pending, so not on the list"},
		{"moved.example.com --app=app4", exitFailed, nil, "moved.example.com: on app app4 it is Removed"},
		{"*.wild.example.com", exitFailed, nil, "*.wild.example.com: a wildcard gets no certificate"},
	} {
		t.Run(test.args, func(t *testing.T) {
			t.Parallel()
			got := command(t, env, "", append([]string{"verify", "--json"}, strings.Fields(test.args)...)...)
			var receipts []receipt
			if got.out != "" {
				if err := json.Unmarshal([]byte(got.out), &receipts); err != nil {
					t.Fatal(err)
				}
			}
			var targets []string
			for _, r := range receipts {
				targets = append(targets, r.AppID+"/"+r.Domain)
				if r.Seq == 0 || !strings.HasPrefix(r.TaskID, "verify:"+r.AppID+":"+r.Domain+":") {
					t.Errorf("receipt %+v", r)
				}
			}
			if diff := cmp.Diff(test.want, targets); diff != "" || got.code != test.code || !strings.Contains(got.err, test.err) {
				t.Errorf("code %d, standard error %q, verified (-want +got):\n%s", got.code, got.err, diff)
			}
		})
	}
}

func TestWaitingForAVerificationWithoutAWorkerEnds(t *testing.T) {
	t.Parallel()
	env, mini := onRedis(t)
	newLedgerFixture(t, mini.Addr()).settle("app1", listsync.Record{Domain: "done.example.com", State: tasks.Done, Wanted: true})
	got := command(t, env, "", "verify", "done.example.com", "--wait", "--timeout=10ms")
	if got.code != exitFailed || !strings.Contains(got.err, "the time is up (--timeout 10ms); 0 of 1 ended\n  for a worker to verify: done.example.com\n") ||
		!strings.HasSuffix(got.err, "To check again:\n  pilotsync logs done.example.com\nWhether a worker is alive:\n  pilotsync doctor\n") {
		t.Errorf("got %+v", got)
	}
	got = command(t, env, "", "verify", "done.example.com")
	const want, next = "the verification of done.example.com on app app1 is requested\n", "'pilotsync logs done.example.com' shows the result.\n"
	if got != (output{exitDone, want, noWorker + "\n" + next}) {
		t.Errorf("got %+v", got)
	}
	liveWorker(t, mini.Addr(), "app1")
	if got = command(t, env, "", "verify", "done.example.com"); got != (output{exitDone, want, next}) {
		t.Errorf("got %+v", got)
	}
}

// onWrite calls a function before each write.
type onWrite struct {
	bytes.Buffer
	call func()
}

func (w *onWrite) Write(p []byte) (int, error) {
	w.call()
	return w.Buffer.Write(p)
}

func TestAnInterruptedWaitShowsTheLastAttempt(t *testing.T) {
	t.Parallel()
	env, mini := onRedis(t)
	liveWorker(t, mini.Addr(), "app1")
	next := time.Now().Add(time.Hour)
	newLedgerFixture(t, mini.Addr()).settle("app1", listsync.Record{Domain: "slow.example.com", Names: []string{"slow.example.com"}, State: tasks.CheckingDNS, Wanted: true,
		CheckSeq: time.Now().AddDate(1, 0, 0).UnixMicro(), Attempt: 1, Limit: 5, NextAttemptAt: &next, Cause: tasks.Cause{Code: tasks.CauseDNSMissing, Params: tasks.Params{Name: "slow.example.com"}}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out bytes.Buffer
	errs := onWrite{call: cancel}
	code := run(ctx, []string{"verify", "slow.example.com", "--wait"}, &terminal.Streams{Out: &out, Err: &errs, LookupEnv: env.Lookup, Environ: env.Environ})
	if rows := strings.Split(out.String(), "\n"); code != exitFailed || len(rows) < 2 || !strings.HasPrefix(rows[1], "app1  slow.example.com  Checking DNS  slow.example.com has no A or AAAA record in DNS") {
		t.Errorf("exit code %d:\n%s", code, &out)
	}
	if got := errs.String(); !strings.HasPrefix(got, "slow.example.com: attempt 1 of 5, the next in ") ||
		!strings.Contains(got, "m: Checking DNS, slow.example.com has no A or AAAA record in DNS") ||
		!strings.HasSuffix(got, "pilotsync: interrupted; 0 of 1 ended\n  the workers continue with: slow.example.com\nTo check again:\n  pilotsync logs slow.example.com\n") {
		t.Errorf("standard error:\n%s", got)
	}
}

func TestADomainThatIsForgottenDuringAWaitIsNamed(t *testing.T) {
	t.Parallel()
	env, mini := onRedis(t)
	newLedgerFixture(t, mini.Addr()).settle("app1", listsync.Record{Domain: "gone.example.com", State: tasks.Done, Wanted: true})
	var out bytes.Buffer
	errs := onWrite{call: mini.FlushAll} // when it says that no worker is alive
	code := run(t.Context(), []string{"verify", "gone.example.com", "--wait"}, &terminal.Streams{Out: &out, Err: &errs, LookupEnv: env.Lookup, Environ: env.Environ})
	if rows := strings.Split(out.String(), "\n"); code != exitFailed || len(rows) < 2 || rows[1] != "app1  gone.example.com  Removed  the ledger doesn't have it any more" {
		t.Errorf("exit code %d, %s:\n%s", code, &errs.Buffer, &out)
	}
}

func TestLogsNamesTheTasksOfADomain(t *testing.T) {
	t.Parallel()
	got := command(t, withDomains(t), "", "logs", "wait.example.com")
	lines := strings.SplitN(got.out, "\n", 4)
	if got.code != exitDone || lines[0] != "wait.example.com on app app1: Checking DNS" || lines[1] != "last change: task change:app1:wait.example.com:1002" ||
		lines[2] != "next verification: in 3m, task verify:app1:wait.example.com:0:2" {
		t.Errorf("got %+v", got)
	}
}

func TestLogsShowsWhoSnoozedADomain(t *testing.T) {
	t.Parallel()
	env, mini := onRedis(t)
	s := newLedgerFixture(t, mini.Addr())
	s.settle("app1", listsync.Record{Domain: "bad.example.com", Names: []string{"bad.example.com"}, State: tasks.Failed, Wanted: true, Cause: tasks.Cause{Code: tasks.CauseDNSMissing}})
	view, _, err := s.ledger.Domain(t.Context(), "app1", "bad.example.com")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ledger.Snooze(t.Context(), view, ledger.Snooze{WontFix: true, Note: "the customer\x1b[1m left", By: "ada", At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	got := command(t, env, "", "logs", "bad.example.com")
	if !strings.HasSuffix(got.out, "Z  Won't fix             the customer [1m left  (ada)\n") {
		t.Errorf("got %+v", got)
	}
	var logs []domainLog
	got = command(t, env, "", "logs", "bad.example.com", "--json")
	if err := json.Unmarshal([]byte(got.out), &logs); err != nil || len(logs) != 1 || len(logs[0].Snoozes) != 1 {
		t.Fatalf("%v: %+v", err, got)
	}
	entry := logs[0].Snoozes[0]
	if want := (snoozeEntry{At: entry.At, Action: ledger.AuditWontFix, Actor: "ada", Detail: "the customer\x1b[1m left"}); entry != want {
		t.Errorf("got %+v", entry)
	}
}

func TestLogsReportsAnUnknownDomain(t *testing.T) {
	t.Parallel()
	got := command(t, withDomains(t), "", "logs", "nowhere.example.com")
	if got.code != exitFailed || got.out != "" || !strings.Contains(got.err, "not known: nowhere.example.com (") {
		t.Errorf("got %+v", got)
	}
}

func TestLogsShowsNoControlCharacters(t *testing.T) {
	t.Parallel()
	got := command(t, withDomains(t), "", "logs", "bad.example.com")
	if got.code != exitDone || !strings.Contains(got.out, "bad.example.com on app app2: Rejected\n") || strings.Contains(got.out, "\x1b") {
		t.Errorf("got %+v", got)
	}
}
