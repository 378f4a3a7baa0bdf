package main

import (
	"context"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"pilotsync/internal/terminal"
	"pilotsync/tasks"
	"pilotsync/test/harness"
	"pilotsync/test/redistest"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

// liveWorker announces a worker that serves the apps.
func liveWorker(t *testing.T, addr string, apps ...string) {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: addr})
	defer rdb.Close()
	if err := ledger.New(rdb).Announce(t.Context(), ledger.Worker{ID: "w1", Name: "host/1", Apps: apps}); err != nil {
		t.Fatal(err)
	}
}

func TestChangesForAMistypedAppAreRefusedUnlessForced(t *testing.T) {
	t.Parallel()
	env, mini := onRedis(t)
	liveWorker(t, mini.Addr(), "app1", "webshop")
	got := command(t, env, "", "enqueue", "add", "--app=webshpo", "shop.example.com")
	want := output{exitUsage, "", `pilotsync: nothing was enqueued: no running worker serves app webshpo; the nearest known app is webshop
If one is going to serve it, give --force
Try: pilotsync enqueue add --help
`}
	if got != want {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if keys := mini.Keys(); len(keys) != 1 { // the workers
		t.Errorf("Redis holds %q", keys)
	}
	got = command(t, env, "", "enqueue", "add", "--app=webshpo", "--force", "shop.example.com")
	if got != (output{exitDone, "enqueued 1 change for app webshpo\n", "note: no running worker serves app webshpo; the changes wait for one that does\n"}) {
		t.Errorf("forced: %+v", got)
	}
}

func TestWithoutWorkersChangesAreEnqueuedWithANotice(t *testing.T) {
	t.Parallel()
	env, _ := onRedis(t)
	got := command(t, env, "", "enqueue", "add", "--app=app1", "shop.example.com")
	if got != (output{exitDone, "enqueued 1 change for app app1\n", "note: no worker is running; the changes wait for one that serves app app1\n"}) {
		t.Errorf("got %+v", got)
	}
}

func TestAnAppIsForgottenAfterItsLossIsShownAndConfirmed(t *testing.T) {
	t.Parallel()
	env, mini := onRedis(t)
	newLedgerFixture(t, mini.Addr()).record("webshpo", "shop.example.com")
	if got := command(t, env, "", "pause", "--app=webshpo", "--by=ada"); got.code != exitDone {
		t.Fatalf("pause: %+v", got)
	}
	const loss = "Redis will lose what it has of app webshpo: 1 domain (1 Pending), 1 pending change, 0 kept writes, the pause by ada, 0 tasks on the queues.\n" +
		"Names on its list at ServerPilot stay there.\n"
	got := command(t, env, "", "apps", "forget", "webshpo")
	if got.code != exitUsage || got.out != "" || !strings.HasPrefix(got.err, loss) || !strings.Contains(got.err, "give --yes") || !mini.Exists("pilotsync:{webshpo}:sync") {
		t.Errorf("without --yes: %+v", got)
	}
	if got := command(t, env, "", "apps", "forget", "webshpo", "--yes"); got != (output{exitDone, "app webshpo is forgotten\n", loss}) {
		t.Errorf("got %+v", got)
	}
	if keys := mini.Keys(); strings.Contains(strings.Join(keys, " "), "webshpo") {
		t.Errorf("left are %q", keys)
	}
	got = command(t, env, "", "apps", "forget", "webshpo", "--yes")
	if got.code != exitUsage || !strings.Contains(got.err, "no record of app webshpo in Redis") {
		t.Errorf("a second time: %+v", got)
	}
}

func TestAnAppThatIsOnlyOnTheQueueIsForgotten(t *testing.T) {
	t.Parallel()
	env, _ := onRedis(t)
	if got := command(t, env, "", "enqueue", "add", "--app=webshpo", "a.example.com", "b.example.com"); got.code != exitDone {
		t.Fatalf("enqueue: %+v", got)
	}
	got := command(t, env, "", "apps", "forget", "webshpo", "--yes")
	if got.code != exitDone || !strings.Contains(got.err, "0 domains, 0 pending changes, 0 kept writes, 2 tasks on the queues") {
		t.Errorf("got %+v", got)
	}
}

func TestAnAppThatALiveWorkerServesIsNotForgotten(t *testing.T) {
	t.Parallel()
	env, mini := onRedis(t)
	newLedgerFixture(t, mini.Addr()).record("app1", "shop.example.com")
	liveWorker(t, mini.Addr(), "app1")
	got := command(t, env, "", "apps", "forget", "app1", "--yes")
	if got.code != exitUsage || !strings.Contains(got.err, "app app1 isn't forgotten: a live worker serves it: host/1;") || !mini.Exists("pilotsync:{app1}:pending") {
		t.Errorf("got %+v", got)
	}
}

func TestTheUserOfPHPCanEnqueueByCommand(t *testing.T) {
	t.Parallel()
	env := vars{"REDIS_URL": redistest.Shipped(t).As("php")}
	for args, code := range map[string]int{"add shop.example.com": exitDone, "remove shop.example.com": exitUsage, "remove shop.example.com --yes": exitDone} {
		got := command(t, env, "", strings.Fields("enqueue "+args+" --app=app1")...)
		if got.code != code || !strings.Contains(got.err, "note: this Redis user may not see which apps the workers serve; app app1 wasn't checked\n") {
			t.Errorf("%s: %+v", args, got)
		}
	}
}

func TestStatesSayThatNoWorkerRuns(t *testing.T) {
	t.Parallel()
	env, mini := onRedis(t)
	newLedgerFixture(t, mini.Addr()).settle("app1", listsync.Record{Domain: "done.example.com", State: tasks.Done, Wanted: true})
	for _, live := range []bool{false, true} {
		if live {
			liveWorker(t, mini.Addr(), "app1")
		}
		for _, args := range []string{"apps", "apps app1", "status", "status --state=failed", "status done.example.com"} {
			if got := command(t, env, "", strings.Fields(args)...); got.code != exitDone || strings.Contains(got.err, noWorker+"\n") == live {
				t.Errorf("%s while a worker is alive (%v): %+v", args, live, got)
			}
			args += " --json"
			got := command(t, env, "", strings.Fields(args)...)
			want := strings.HasPrefix(args, "status") || strings.Contains(got.out, `"served_by": []`) != live && strings.Contains(got.out, `"host/1"`) == live
			if got.code != exitDone || got.err != "" || !want {
				t.Errorf("%s while a worker is alive (%v): %+v", args, live, got)
			}
		}
	}
}

func TestWhatIsRequestedWithoutAWorkerIsNotedAsWaiting(t *testing.T) {
	t.Parallel()
	for _, live := range []bool{false, true} {
		env, mini := onRedis(t)
		s := newLedgerFixture(t, mini.Addr())
		s.settle("app1", listsync.Record{Domain: "bad.example.com", Names: []string{"bad.example.com"}, State: tasks.Rejected})
		s.written("app1", 2, "written.example.com")
		if live {
			liveWorker(t, mini.Addr(), "app1")
		}
		for _, args := range []string{"retry bad.example.com", "reconcile --app=app1", "restore --app=app1 --at=0 --yes"} {
			if got := command(t, env, "", strings.Fields(args)...); got.code != exitDone || strings.Contains(got.err, noWorker+"\n") == live {
				t.Errorf("%s while a worker is alive (%v): %+v", args, live, got)
			}
		}
	}
}

func TestTheWatchedStatusSaysThatTheLastWorkerEnded(t *testing.T) {
	t.Parallel()
	env, mini := onRedis(t)
	liveWorker(t, mini.Addr(), "app1")
	s := newLedgerFixture(t, mini.Addr())
	s.settle("app1", listsync.Record{Domain: "done.example.com", State: tasks.Done})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, errs, code := &harness.Log{}, &harness.Log{}, make(chan int, 1)
	go func() {
		code <- run(ctx, []string{"status", "--watch"}, &terminal.Streams{Out: out, Err: errs, LookupEnv: env.Lookup})
	}()
	poll(t, "the first state", says(out, "done.example.com"))
	if got := errs.String(); got != "" {
		t.Errorf("while a worker is alive: %q", got)
	}
	if err := s.ledger.Leave(t.Context(), "w1"); err != nil {
		t.Fatal(err)
	}
	poll(t, "the notice", says(errs, noWorker+"\n"))
	cancel()
	if got := <-code; got != exitDone {
		t.Errorf("exit code %d", got)
	}
}
