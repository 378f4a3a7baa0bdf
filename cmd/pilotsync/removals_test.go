package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pilotsync/internal/terminal"
	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

// threeShops is a ledger with shop1 to shop3.example.com and their www forms on app1's
// list, which has so many names.
func threeShops(t *testing.T, listed int) (env vars, redis string) {
	t.Helper()
	env, mini := onRedis(t)
	s := newLedgerFixture(t, mini.Addr())
	var names []string
	for i := range 3 {
		both := tasks.Names(fmt.Sprintf("shop%d.example.com", i+1), tasks.WWWAlways)
		s.settle("app1", listsync.Record{Domain: both[0], State: tasks.Done, Wanted: true, Since: 1, WWW: tasks.WWWAlways, Names: both})
		names = append(names, both...)
	}
	s.written("app1", listed, names...)
	return env, mini.Addr()
}

func TestNamesThatLeaveAreShownFirstAndMuchOfAListIsConfirmed(t *testing.T) {
	t.Parallel()
	elevenNames := make([]string, 11)
	for i := range elevenNames {
		elevenNames[i] = fmt.Sprintf("hand%d.example.com", i)
	}
	const shown = "leaving the list of app app1, which has %d names:\n  - shop1.example.com\n  - www.shop1.example.com\n"
	for _, test := range []struct {
		name, args, stdin string
		listed            int
		interactive       bool
		code, enqueued    int
		err               string // a part of standard error, with %d for the size of the list
	}{
		{"little of a list", "enqueue remove shop1.example.com", "", 20, false, exitDone, 1, shown},
		{"more than a tenth", "enqueue remove shop1.example.com", "", 19, false, exitUsage, 0, shown + "pilotsync: nothing was changed: this has to be confirmed"},
		{"more than a tenth, confirmed in advance", "enqueue remove shop1.example.com --yes", "", 19, false, exitDone, 1, shown},
		{"more than a tenth, yes", "enqueue remove shop1.example.com", "y\n", 19, true, exitDone, 1, shown + "Take 2 of the 19 names off the list of app app1? [y/N] "},
		{"more than a tenth, no", "enqueue remove shop1.example.com", "\n", 19, true, exitFailed, 0, "pilotsync: not confirmed; nothing was changed\n"},
		{"more than ten names", "enqueue remove " + strings.Join(elevenNames, " "), "", 300, false, exitUsage, 0, `"Take 11 of the 300 names off the list of app app1?" is yes, give --yes`},
		{"ten names", "enqueue remove " + strings.Join(elevenNames[1:], " "), "", 300, false, exitDone, 10, "  - hand10.example.com\n"},
		{"names from standard input, of which none is an answer", "enqueue remove --file=-", "shop1.example.com\ny\n", 19, true, exitUsage, 0, ""},
		{"names from standard input, with nothing left to answer", "enqueue remove --file=-", "shop1.example.com\n", 19, true, exitUsage, 0, shown},
		{"of a list that no sync has seen", "enqueue remove --app=app2 a.example.com", "", 19, false, exitUsage, 0, "leaving the list of app app2, whose size isn't known:\n  - a.example.com\n"},
		{"a JSON result stays JSON", "enqueue remove shop1.example.com --json", "", 20, false, exitDone, 1, shown},
		{"an addition that takes a www form off", "enqueue add --www=never shop1.example.com shop2.example.com", "", 19, false, exitUsage, 0, "  - www.shop1.example.com\n  - www.shop2.example.com\n"},
		{"an addition that takes nothing off", "enqueue add shop1.example.com new.example.com", "", 19, false, exitDone, 2, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			env, redis := threeShops(t, test.listed)
			args := strings.Fields(test.args)
			if !strings.Contains(test.args, "--app") {
				args = append(args, "--app=app1")
			}
			var out, errs bytes.Buffer
			code := run(t.Context(), args, &terminal.Streams{In: strings.NewReader(test.stdin), Out: &out, Err: &errs, LookupEnv: env.Lookup, Interactive: test.interactive})
			want := strings.ReplaceAll(test.err, "%d", fmt.Sprint(test.listed))
			if code != test.code || !strings.Contains(errs.String(), want) || strings.Contains(out.String(), "  - ") {
				t.Errorf("code %d, out %q, err:\n%s\nwant code %d and\n%s", code, out.String(), errs.String(), test.code, want)
			}
			if n := len(pendingChanges(t, redis)); n != test.enqueued {
				t.Errorf("%d changes were enqueued, want %d", n, test.enqueued)
			}
		})
	}
}

func TestRefusedRemovalsAreConfirmedBeforeTheyAreSentAgain(t *testing.T) {
	t.Parallel()
	env, mini := onRedis(t)
	s := newLedgerFixture(t, mini.Addr())
	s.refusedRemoval("app1", "stuck.example.com")
	s.written("app1", 9)
	got := command(t, env, "", "retry", "stuck.example.com")
	if got.code != exitUsage || !strings.Contains(got.err, "  - stuck.example.com\n") || len(pendingChanges(t, mini.Addr())) != 0 {
		t.Errorf("got %+v", got)
	}
	if got := command(t, env, "", "retry", "stuck.example.com", "--yes"); got.code != exitDone || len(pendingChanges(t, mini.Addr())) != 1 {
		t.Errorf("with --yes: %+v", got)
	}
}

func TestReconcileConfirmsWhatWaitingChangesTakeOff(t *testing.T) {
	t.Parallel()
	env, redis := threeShops(t, 19)
	s := newLedgerFixture(t, redis)
	s.seq = 2000
	s.recordRemoval("app1", "shop1.example.com")
	got := command(t, env, "", "reconcile", "--app=app1")
	if got.code != exitUsage || !strings.Contains(got.err, "  - shop1.example.com\n  - www.shop1.example.com\n") || got.out != "" {
		t.Errorf("got %+v", got)
	}
	if got := command(t, env, "", "reconcile", "--app=app1", "--yes"); got.code != exitDone || !strings.Contains(got.out, "a sync of app app1 was requested") {
		t.Errorf("with --yes: %+v", got)
	}
}
