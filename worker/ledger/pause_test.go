package ledger

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"pilotsync/worker/listsync"
)

func TestAPausedAppWaitsUntilItIsResumed(t *testing.T) {
	t.Parallel()
	pause := func(ctx context.Context, l *Ledger) string { return outcome("paused", l.Pause(ctx, testApp, "bert")) }
	resume := func(ctx context.Context, l *Ledger) string {
		wake, paused, err := l.Resume(ctx, testApp)
		return outcome(fmt.Sprint(wake, " ", paused), err)
	}
	take := func(ctx context.Context, l *Ledger) string {
		_, err := l.Acquire(ctx, testApp)
		return outcome("taken", err)
	}
	apps := set{testApp}
	stopped := hash{"awake": "1", "wake": "3", "paused": "anna"}
	runScripts(t, []script{
		{name: "pausing", before: state{"sync": hash{"awake": "1", "wake": "3"}}, do: pause, want: "paused",
			after: state{"sync": hash{"awake": "1", "wake": "3", "paused": "bert"}, appsKey: apps}},
		{name: "pausing twice keeps the first name", before: state{"sync": stopped, appsKey: apps}, do: pause, want: "paused"},
		{name: "a paused app's lease can't be acquired", before: state{"sync": stopped}, do: take, want: "the app is paused"},
		{name: "the holder of its lease stops at the next step", before: state{"sync": leased(hash{"paused": "anna"})},
			do: func(ctx context.Context, l *Ledger) string { return outcome("renewed", l.Renew(ctx, mine)) }, want: "the app is paused"},
		{name: "but the holder commits its write", before: state{"sync": leased(hash{"paused": "anna", "landing": "+10s", "claim": `["x"]`})},
			do: func(ctx context.Context, l *Ledger) string {
				_, err := l.Commit(ctx, mine, listsync.Commit{})
				return outcome("committed", err)
			}, want: "committed", after: state{"sync": leased(hash{"paused": "anna"})}},
		{name: "resuming starts a sync", before: state{"sync": stopped, appsKey: apps}, do: resume, want: "4 true",
			after: state{"sync": hash{"awake": "1", "wake": "4"}, appsKey: apps}},
		{name: "resuming an app that isn't paused changes nothing", before: state{"sync": hash{"wake": "3"}}, do: resume, want: "0 false"},
	})
}

func TestAChangeOfAPausedAppSaysWhoPausedIt(t *testing.T) {
	t.Parallel()
	l, _ := frozen(t)
	ctx := t.Context()
	if _, err := l.Record(ctx, change("a.example.com", first), event("asked")); err != nil {
		t.Fatal(err)
	}
	if err := l.Pause(ctx, testApp, "anna"); err != nil {
		t.Fatal(err)
	}
	v, _, err := l.Domain(ctx, testApp, "a.example.com")
	if err != nil || !strings.Contains(v.Reason, "paused by anna") {
		t.Errorf("the reason is %q (%v)", v.Reason, err)
	}
	if app, err := l.App(ctx, testApp); err != nil || app.Paused != "anna" {
		t.Errorf("the app is paused by %q (%v)", app.Paused, err)
	}
}
