package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pilotsync/worker/restore"
)

func TestRestoreReversesWritesAndItself(t *testing.T) {
	t.Parallel()
	env, sim := simulated(t)
	byHand(t, sim, func([]string) []string { return []string{"hand.example.com"} })
	w := startWorker(t, env)
	enqueueAndWork(t, env, "add --www=always a.example.com")
	enqueueAndWork(t, env, "add --www=never b.example.com")
	before := sim.List("app1")
	enqueueAndWork(t, env, "remove a.example.com")
	enqueueAndWork(t, env, "add --www=never c.example.com")
	byHand(t, sim, func(list []string) []string { return append(list, "later.example.com") })
	after := sim.List("app1")

	l := ledgerOf(t, env)
	got := command(t, env, "", "history", "--json")
	var writes []writeStatus
	if err := json.Unmarshal([]byte(got.out), &writes); err != nil || len(writes) != 4 || writes[0].Write != 4 || writes[1].Outcome != "written" ||
		!slices.Equal(writes[0].Added, []string{"c.example.com"}) || !slices.Equal(writes[1].Removed, []string{"a.example.com", "www.a.example.com"}) {
		t.Fatalf("history: %v: %+v", err, got)
	}
	got = command(t, env, "", "history", "-n", "2")
	if !strings.HasPrefix(got.out, "write 4  20") || !strings.Contains(got.out, "Z  written  a list of 3 names  (") || strings.Contains(got.out, "write 2") ||
		!strings.Contains(got.out, "\n  + c.example.com\nwrite 3  20") || !strings.HasSuffix(got.out, ")\n  - a.example.com\n  - www.a.example.com\n") {
		t.Errorf("history: %+v", got)
	}

	want := `2 writes of app app1 since then:
  - c.example.com
  + a.example.com
  + www.a.example.com
as changes:
  remove c.example.com
  add a.example.com, with its www form
`
	if got := command(t, env, "", "restore", "--at=2", "--dry-run"); got != (output{exitDone, want + "nothing was enqueued (--dry-run)\n", ""}) {
		t.Errorf("dry run: %+v", got)
	}
	if got := command(t, env, "", "restore", "--at=2"); got.code != exitUsage || got.out != want || !strings.Contains(got.err, `"Take 1 of the 3 names off the list of app app1, and put 2 on?" is yes, give --yes`) {
		t.Errorf("without --yes: %+v", got)
	}
	if n, err := l.App(t.Context(), "app1"); err != nil || n.Pending > 0 || !slices.Equal(sim.List("app1"), after) {
		t.Errorf("without --yes: %+v, %v, the list is %v", n, err, sim.List("app1"))
	}
	if got := command(t, env, "", "restore", "--at="+writes[2].At.Format(time.RFC3339Nano), "--by=ada", "--yes"); got != (output{exitDone, want + "2 changes enqueued for app app1\n", ""}) {
		t.Errorf("restore: %+v", got)
	}
	settled := func(want []string) {
		t.Helper()
		slices.Sort(want)
		poll(t, "the list is "+strings.Join(want, " "), func() (bool, error) {
			list := sim.List("app1")
			slices.Sort(list)
			return slices.Equal(list, want), nil
		})
	}
	settled(append(before, "later.example.com"))
	quiet := func() {
		t.Helper()
		poll(t, "no change waits", func() (bool, error) {
			app, err := l.App(t.Context(), "app1")
			return app.Pending == 0 && !app.Awake, err
		})
	}
	quiet()
	if v, _, err := l.Domain(t.Context(), "app1", "a.example.com"); err != nil || v.Seq <= writes[0].At.UnixMicro() {
		t.Errorf("the change is %+v, %v", v, err)
	}
	if got := command(t, env, "", "restore", "--at=2"); got.code != exitDone || !strings.HasPrefix(got.out, "nothing to do for app app1: ") {
		t.Errorf("once more: %+v", got)
	}
	if got := command(t, env, "", "restore", "--at=4", "--yes"); got.code != exitDone {
		t.Errorf("the undoing: %+v", got)
	}
	settled(after)
	quiet()
	for args, want := range map[string]string{
		"--at=99":                  "app app1 can't be restored: there is no write 99 yet\nKept are write 1, of 20",
		"--at=2001-01-01T00:00:00": "app app1 can't be restored: 2001-01-01T00:00:00.000Z is before the first write that is kept\nKept are write 1, of 20",
		"--at=2 --app=app9":        "app app9 can't be restored: no write of its list is kept",
		"--at=noon":                `--at is "noon"; it takes the number of a write, or a time`,
		"--at=2999-01-01T00:00:00": "--at is 2999-01-01T00:00:00Z, which is still to come",
	} {
		if got := command(t, env, "", append([]string{"restore"}, strings.Fields(args)...)...); got.code == exitDone || !strings.Contains(got.err, want) {
			t.Errorf("restore %s: %+v", args, got)
		}
	}
	if code := w.stop(); code != exitDone {
		t.Errorf("the worker's exit code is %d", code)
	}
}

func TestThePointOfARestoreIsAWriteOrATime(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)
	for in, want := range map[string]restore.Point{
		"0": {}, "41": {N: 41}, "2026-03-01T10:30:00+01:00": {Time: at}, "2026-03-01 09:30": {Time: at}, "2026-03-01T09:30:00.5Z": {Time: at.Add(time.Second / 2)},
	} {
		got, err := parsePoint(in, at.AddDate(1, 0, 0))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", in, err, diff)
		}
	}
}
