//go:build faults

package faults

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/harness"
	"pilotsync/test/redistest"
)

// The tests in this file follow docs/operations/recovery.md step by step.

// mapped are the domains of a network, as WordPress would hand them over.
func mapped(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("shop%02d.example.com", i)
	}
	return all
}

// awaitStates waits until each of the domains is in a state.
func (w *world) awaitStates(app string, want tasks.State, domains ...string) {
	w.t.Helper()
	harness.Await(w.t, fmt.Sprintf("%d domains are %s", len(domains), want), func() error {
		views, err := w.ledger.Domains(w.t.Context(), app)
		if err != nil {
			return err
		}
		in := map[string]tasks.State{}
		for _, v := range views {
			in[v.Domain] = v.State
		}
		for _, d := range domains {
			if in[d] != want {
				return fmt.Errorf("%s is %q", d, in[d])
			}
		}
		return nil
	})
}

// lose empties Redis under a running worker, and fails if anything is taken off
// the list, or put there, for longer than the sweep takes.
func (w *world) lose(app string, list []string) {
	w.t.Helper()
	if err := w.rdb.FlushAll(w.t.Context()).Err(); err != nil {
		w.t.Fatal(err)
	}
	writes := len(w.sim.History(app))
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); <-time.After(100 * time.Millisecond) {
		if diff := cmp.Diff(list, w.sim.List(app)); diff != "" || len(w.sim.History(app)) != writes {
			w.t.Fatalf("an empty Redis changed the list (-before +after):\n%s", diff)
		}
	}
}

func TestAnEmptyRedisTakesNothingOffAListAndEnqueueingAllAgainBringsTheStatesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{Apps: []simulator.App{site("app1")}})
	worker := w.worker("PILOTSYNC_SSL_DELAYS=1s,1s")
	domains := mapped(20)
	w.add("app1", domains...)
	w.awaitStates("app1", tasks.Done, domains...)
	list := w.sim.List("app1")

	w.lose("app1", list)
	if !worker.Alive() {
		t.Fatalf("the worker ended:\n%s", worker.Written())
	}
	writes := len(w.sim.History("app1"))
	began := time.Now()
	w.add("app1", domains...) // what `wp pilotsync resync` sends
	w.awaitStates("app1", tasks.Done, domains...)
	t.Logf("%d domains are back in the ledger and done %s after they were enqueued again", len(domains), time.Since(began).Round(100*time.Millisecond))
	if diff := cmp.Diff(list, w.sim.List("app1")); diff != "" || len(w.sim.History("app1")) != writes {
		t.Errorf("they were on the list already, and it was written %d times (-before +after):\n%s", len(w.sim.History("app1"))-writes, diff)
	}
	w.check()
}

// What is only enqueued again was there already, by whomever, and a www form of
// it isn't ours then: hence adopt, before it.
func TestAfterALossAdoptMakesNamesOursAgainSoThatARemovalTakesBothFormsOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{Apps: []simulator.App{site("app1")}})
	w.worker("PILOTSYNC_SSL_DELAYS=1s,1s")
	domains := mapped(5)
	w.add("app1", domains...)
	w.awaitStates("app1", tasks.Done, domains...)
	list := w.sim.List("app1")
	w.lose("app1", list)
	writes := len(w.sim.History("app1"))

	if said := w.run(harness.Program(t), nil, "adopt", "--app=app1", "--all", "--dry-run"); !strings.Contains(said, domains[0]) || !strings.Contains(said, "intranet.example.org") {
		t.Errorf("adopt --dry-run doesn't say what is on the list:\n%s", said)
	}
	var both []string // of each domain, as they are on the list
	for _, d := range domains {
		both = append(both, d, "www."+d)
	}
	w.run(harness.Program(t), nil, append([]string{"adopt", "--app=app1"}, both...)...)
	w.awaitStates("app1", tasks.Done, domains...)
	w.add("app1", domains...) // what `wp pilotsync resync` sends
	harness.Await(t, "the requests are dealt with", w.settled)
	if diff := cmp.Diff(list, w.sim.List("app1")); diff != "" || len(w.sim.History("app1")) != writes {
		t.Errorf("it was written %d times (-before +after):\n%s", len(w.sim.History("app1"))-writes, diff)
	}
	if err := w.enqueue(t.Context(), enqueue.Request{AppID: "app1", Domain: domains[0], Remove: true}); err != nil {
		t.Fatal(err)
	}
	w.awaitStates("app1", tasks.Removed, domains[0])
	w.check()
}

func TestABackupIsRestoredAndWorkGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{Apps: []simulator.App{site("app1")}})
	worker := w.worker("PILOTSYNC_SSL_DELAYS=1s,1s")
	domains := mapped(5)
	w.add("app1", domains...)
	w.awaitStates("app1", tasks.Done, domains...)
	backup := w.backup()

	// What happened after the backup, and is lost with it.
	w.add("app1", "later.example.com")
	w.awaitStates("app1", tasks.Done, "later.example.com")
	if err := w.enqueue(t.Context(), enqueue.Request{AppID: "app1", Domain: domains[0], Remove: true}); err != nil {
		t.Fatal(err)
	}
	w.awaitStates("app1", tasks.Removed, domains[0])
	worker.Terminate()
	w.redis.Kill()

	// Restored, on another machine, without an append-only file: it would win over the copy.
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "dump.rdb"), backup, 0o600); err != nil {
		t.Fatal(err)
	}
	before := w.sim.List("app1")
	w.use(redistest.Shipped(t, "--dir", folder, "--appendonly", "no"))
	w.env = append(w.env, w.redisURL(w.redis.Addr))
	if err := w.rdb.ConfigSet(t.Context(), "appendonly", "yes").Err(); err != nil {
		t.Fatal(err)
	}
	harness.Await(t, "the append-only file is written", func() error {
		info, err := w.rdb.Info(t.Context(), "persistence").Result()
		if err == nil && (!strings.Contains(info, "aof_enabled:1") || !strings.Contains(info, "aof_rewrite_in_progress:0") || !strings.Contains(info, "aof_last_bgrewrite_status:ok")) {
			err = errors.New(info)
		}
		return err
	})

	// Before any worker runs, the old ledger is asked what it would do: put back what left since.
	said := w.run(harness.Program(t), nil, "reconcile", "--app=app1", "--dry-run")
	if !strings.Contains(said, domains[0]) || strings.Contains(said, "later.example.com") {
		t.Errorf("reconcile --dry-run should show %s and not later.example.com:\n%s", domains[0], said)
	}
	if diff := cmp.Diff(before, w.sim.List("app1")); diff != "" {
		t.Errorf("the list changed without a worker (-before +after):\n%s", diff)
	}
	// So WordPress hands over what it has, and what left since is removed once more.
	w.add("app1", append(slices.Clone(domains[1:]), "later.example.com")...)
	if err := w.enqueue(t.Context(), enqueue.Request{AppID: "app1", Domain: domains[0], Remove: true}); err != nil {
		t.Fatal(err)
	}
	w.worker("PILOTSYNC_SSL_DELAYS=1s,1s")
	w.awaitStates("app1", tasks.Done, append(slices.Clone(domains[1:]), "later.example.com")...)
	w.awaitStates("app1", tasks.Removed, domains[0])
	w.check()
}

// backup makes a copy of all that Redis has, as the runbook does.
func (w *world) backup() []byte {
	w.t.Helper()
	ctx := w.t.Context()
	dir, err := w.rdb.ConfigGet(ctx, "dir").Result()
	if err != nil {
		w.t.Fatal(err)
	}
	last, err := w.rdb.LastSave(ctx).Result()
	if err != nil {
		w.t.Fatal(err)
	}
	harness.Await(w.t, "the clock is a second later, for LASTSAVE to tell", func() error {
		now, err := w.rdb.Time(ctx).Result()
		if err == nil && now.Unix() <= last {
			err = errors.New("it isn't")
		}
		return err
	})
	if err := w.rdb.BgSave(ctx).Err(); err != nil {
		w.t.Fatal(err)
	}
	harness.Await(w.t, "the snapshot is written", func() error {
		now, err := w.rdb.LastSave(ctx).Result()
		if err == nil && now <= last {
			err = errors.New("it isn't")
		}
		return err
	})
	dump, err := os.ReadFile(filepath.Join(dir["dir"], "dump.rdb"))
	if err != nil {
		w.t.Fatal(err)
	}
	return dump
}
