package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pilotsync/internal/simulator"
	"pilotsync/internal/terminal"
	"pilotsync/worker/listsync"
)

func without(name string) func([]string) []string {
	return func(list []string) []string {
		return slices.DeleteFunc(list, func(n string) bool { return n == name })
	}
}

// enqueueAndWork enqueues changes and processes them to their final states.
func enqueueAndWork(t *testing.T, env vars, args string) {
	t.Helper()
	if got := command(t, env, "", append([]string{"enqueue"}, strings.Fields(args+" --yes --wait --timeout=2m")...)...); got.code != exitDone {
		t.Fatalf("enqueue %s: %+v", args, got)
	}
}

func TestReconcileShowsTheDifferenceAndThenPutsTheListRight(t *testing.T) {
	t.Parallel()
	env, sim := simulated(t)
	w := startWorker(t, env)
	enqueueAndWork(t, env, "add --www=never a.example.com gone.example.com")
	enqueueAndWork(t, env, "remove gone.example.com")
	dry := func(args ...string) output {
		return command(t, env.With(vars{"WU_SERVER_PILOT_APP_ID": ""}), "", append([]string{"reconcile", "--app=app1", "--dry-run"}, args...)...)
	}
	if got := dry(); got != (output{exitDone, "app app1 is in sync: a sync would change nothing on its list of 1 name\n", ""}) {
		t.Errorf("in step: %+v", got)
	}

	if got := command(t, env, "", "pause", "--app=app1", "--by=ada"); got.code != exitDone {
		t.Fatalf("pause: %+v", got)
	}
	byHand(t, sim, func([]string) []string { return []string{"hand.example.com", "gone.example.com", "leaves.example.com"} })
	if got := command(t, env, "", "enqueue", "add", "--app=app1", "--by=ada", "new.example.com"); got.code != exitDone {
		t.Fatalf("enqueue: %+v", got)
	}
	if got := command(t, env, "", "enqueue", "remove", "--app=app1", "--by=bob", "leaves.example.com", "--yes"); got.code != exitDone {
		t.Fatalf("enqueue: %+v", got)
	}
	l := ledgerOf(t, env)
	poll(t, "both are recorded", func() (bool, error) {
		app, err := l.App(t.Context(), "app1")
		return app.Pending == 2, err
	})
	writes := sim.Calls("app1", simulator.WriteList)
	want := `--- app app1's current list, 3 names
+++ as a sync would write it, 4 names
- gone.example.com     came back: it was taken off within the last day, and wasn't added since
- leaves.example.com   pending change: remove leaves.example.com, by bob
+ a.example.com        missing: a name of a.example.com
+ new.example.com      pending change: add new.example.com, by ada
+ www.new.example.com  pending change: add new.example.com, by ada
`
	if diff := cmp.Diff(want, dry().out); diff != "" {
		t.Errorf("the difference (-want +got):\n%s", diff)
	}
	var differences []difference
	if err := json.Unmarshal([]byte(dry("--json").out), &differences); err != nil || len(differences) != 5 ||
		differences[2] != (difference{"a.example.com", "add", "missing: a name of a.example.com"}) || differences[0].Change != "remove" {
		t.Errorf("%v: %+v", err, differences)
	}
	if got := command(t, env, "", "reconcile"); got.code != exitFailed || !strings.Contains(got.err, "app app1 was paused by ada, so it isn't synced") {
		t.Errorf("of a paused app: %+v", got)
	}
	if n := sim.Calls("app1", simulator.WriteList); n != writes {
		t.Errorf("%d writes were made", n-writes)
	}

	if got := command(t, env, "", "resume", "--app=app1"); got != (output{exitDone, "app1 is resumed; 2 of its domains have a change that waited\n", ""}) {
		t.Errorf("resume: %+v", got)
	}
	inStep := func() (bool, error) {
		list := sim.List("app1")
		slices.Sort(list)
		return slices.Equal(list, []string{"a.example.com", "hand.example.com", "new.example.com", "www.new.example.com"}), nil
	}
	poll(t, "the list is right", inStep)
	byHand(t, sim, without("a.example.com"))
	poll(t, "no sync is under way", func() (bool, error) {
		app, err := l.App(t.Context(), "app1")
		return !app.Awake && !app.Leased, err
	})
	if got := command(t, env, "", "reconcile"); got.code != exitDone || got.out != "a sync of app app1 was requested\n" {
		t.Errorf("reconcile: %+v", got)
	}
	poll(t, "the list is right again", inStep)
	if code := w.stop(); code != exitDone {
		t.Errorf("the worker's exit code is %d", code)
	}
}

func TestReconcileReportsAnUnknownApp(t *testing.T) {
	t.Parallel()
	env, _ := onRedis(t)
	if got := command(t, env, "", "reconcile", "--app=app9"); got.code != exitFailed || !strings.Contains(got.err, "app app9 isn't known") {
		t.Errorf("got %+v", got)
	}
	got := command(t, env.With(vars{"WU_SERVER_PILOT_CLIENT_ID": "sim", "WU_SERVER_PILOT_API_KEY": "k", "WU_SERVER_PILOT_APP_ID": "app1"}), "", "reconcile", "--app=app9", "--dry-run")
	if got.code != exitFailed || !strings.Contains(got.err, "no account is configured for app app9") {
		t.Errorf("dry: %+v", got)
	}
	if got := command(t, env, "", "reconcile", "--app=app9", "--dry-run"); got.code != exitUsage || !strings.Contains(got.err, "WU_SERVER_PILOT_API_KEY (--api-key) is not set") {
		t.Errorf("without a key: %+v", got)
	}
}

func TestTheDifferenceIsPrintedAsADiffWithItsReasons(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		is   drift
		want string
	}{
		{"refused", drift{plan: listsync.Result{List: []string{"a", "b"}}, refused: []string{"new.example.com would be rejected: no\x1broom"}},
			"app app1 is in sync: a sync would change nothing on its list of 2 names\nnew.example.com would be rejected: no room\n"},
		{"both signs", drift{plan: listsync.Result{List: []string{"a", "b"}, Added: []string{"b"}, Write: true}, differences: []difference{{"old.example.com", "remove", "left over"}, {"b", "add", "missing"}}},
			"--- app app1's current list, 1 name\n+++ as a sync would write it, 2 names\n- old.example.com  left over\n+ b                missing\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			if err := test.is.print(&terminal.Streams{Out: &out}, "app1"); err != nil || out.String() != test.want {
				t.Errorf("%v: got\n%swant\n%s", err, out.String(), test.want)
			}
		})
	}
	if why := removalReason("www.a.example.com", listsync.Result{Tombstones: []string{"www.a.example.com"}}, nil); !strings.HasPrefix(why, "left over") {
		t.Errorf("a form of no domain leaves since it is %q", why)
	}
}
