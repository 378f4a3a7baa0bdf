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
func (f *fixture) awaitStates(app string, want tasks.State, domains ...string) {
	f.t.Helper()
	harness.Await(f.t, fmt.Sprintf("%d domains are %s", len(domains), want), func() error {
		views, err := f.ledger.Domains(f.t.Context(), app)
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

// lose empties Redis under a running worker. The test fails if the list changes before the
// recoverer has run.
func (f *fixture) lose(app string, list []string) {
	f.t.Helper()
	if err := f.rdb.FlushAll(f.t.Context()).Err(); err != nil {
		f.t.Fatal(err)
	}
	writes := len(f.sim.History(app))
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); <-time.After(100 * time.Millisecond) {
		if diff := cmp.Diff(list, f.sim.List(app)); diff != "" || len(f.sim.History(app)) != writes {
			f.t.Fatalf("an empty Redis changed the list (-before +after):\n%s", diff)
		}
	}
}

func TestAnEmptyRedisRemovesNothingAndAResyncRestoresTheStates(t *testing.T) {
	t.Parallel()
	f := newFixture(t, simulator.Options{Apps: []simulator.App{appWithDomains("app1")}})
	worker := f.worker("PILOTSYNC_SSL_DELAYS=1s,1s")
	domains := mapped(20)
	f.add("app1", domains...)
	f.awaitStates("app1", tasks.Done, domains...)
	list := f.sim.List("app1")

	f.lose("app1", list)
	if !worker.Alive() {
		t.Fatalf("the worker ended:\n%s", worker.Written())
	}
	writes := len(f.sim.History("app1"))
	began := time.Now()
	f.add("app1", domains...) // what `wp pilotsync resync` sends
	f.awaitStates("app1", tasks.Done, domains...)
	t.Logf("%d domains are back in the ledger and done %s after they were enqueued again", len(domains), time.Since(began).Round(100*time.Millisecond))
	if diff := cmp.Diff(list, f.sim.List("app1")); diff != "" || len(f.sim.History("app1")) != writes {
		t.Errorf("they were on the list already, and it was written %d times (-before +after):\n%s", len(f.sim.History("app1"))-writes, diff)
	}
	f.check()
}

// A name that is enqueued again is on the list already, so its www form wouldn't count as owned:
// hence adopt first.
func TestAfterALossAdoptMakesNamesOwnedAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t, simulator.Options{Apps: []simulator.App{appWithDomains("app1")}})
	f.worker("PILOTSYNC_SSL_DELAYS=1s,1s")
	domains := mapped(5)
	f.add("app1", domains...)
	f.awaitStates("app1", tasks.Done, domains...)
	list := f.sim.List("app1")
	f.lose("app1", list)
	writes := len(f.sim.History("app1"))

	if said := f.run(harness.Program(t), nil, "adopt", "--app=app1", "--all", "--dry-run"); !strings.Contains(said, domains[0]) || !strings.Contains(said, "intranet.example.org") {
		t.Errorf("adopt --dry-run doesn't say what is on the list:\n%s", said)
	}
	var both []string // of each domain, as they are on the list
	for _, d := range domains {
		both = append(both, d, "www."+d)
	}
	f.run(harness.Program(t), nil, append([]string{"adopt", "--app=app1"}, both...)...)
	f.awaitStates("app1", tasks.Done, domains...)
	f.add("app1", domains...) // what `wp pilotsync resync` sends
	harness.Await(t, "the requests are dealt with", f.settled)
	if diff := cmp.Diff(list, f.sim.List("app1")); diff != "" || len(f.sim.History("app1")) != writes {
		t.Errorf("it was written %d times (-before +after):\n%s", len(f.sim.History("app1"))-writes, diff)
	}
	if err := f.enqueue(t.Context(), enqueue.Request{AppID: "app1", Domain: domains[0], Remove: true}); err != nil {
		t.Fatal(err)
	}
	f.awaitStates("app1", tasks.Removed, domains[0])
	f.check()
}

func TestABackupIsRestoredAndWorkGoesOn(t *testing.T) {
	t.Parallel()
	f := newFixture(t, simulator.Options{Apps: []simulator.App{appWithDomains("app1")}})
	worker := f.worker("PILOTSYNC_SSL_DELAYS=1s,1s")
	domains := mapped(5)
	f.add("app1", domains...)
	f.awaitStates("app1", tasks.Done, domains...)
	backup := f.backup()

	// Changes after the backup, which a restored copy lacks.
	f.add("app1", "later.example.com")
	f.awaitStates("app1", tasks.Done, "later.example.com")
	if err := f.enqueue(t.Context(), enqueue.Request{AppID: "app1", Domain: domains[0], Remove: true}); err != nil {
		t.Fatal(err)
	}
	f.awaitStates("app1", tasks.Removed, domains[0])
	worker.Terminate()
	f.redis.Kill()

	// Restored on another machine, without an append-only file, which would win over the copy.
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "dump.rdb"), backup, 0o600); err != nil {
		t.Fatal(err)
	}
	before := f.sim.List("app1")
	f.use(redistest.Shipped(t, "--dir", folder, "--appendonly", "no"))
	f.env = append(f.env, f.redisURL(f.redis.Addr))
	if err := f.rdb.ConfigSet(t.Context(), "appendonly", "yes").Err(); err != nil {
		t.Fatal(err)
	}
	harness.Await(t, "the append-only file is written", func() error {
		info, err := f.rdb.Info(t.Context(), "persistence").Result()
		if err == nil && (!strings.Contains(info, "aof_enabled:1") || !strings.Contains(info, "aof_rewrite_in_progress:0") || !strings.Contains(info, "aof_last_bgrewrite_status:ok")) {
			err = errors.New(info)
		}
		return err
	})

	// Before any worker runs, a dry run shows what the old ledger would do: put removed names back.
	said := f.run(harness.Program(t), nil, "reconcile", "--app=app1", "--dry-run")
	if !strings.Contains(said, domains[0]) || strings.Contains(said, "later.example.com") {
		t.Errorf("reconcile --dry-run should show %s and not later.example.com:\n%s", domains[0], said)
	}
	if diff := cmp.Diff(before, f.sim.List("app1")); diff != "" {
		t.Errorf("the list changed without a worker (-before +after):\n%s", diff)
	}
	// So WordPress enqueues its domains, and the names removed since are removed again.
	f.add("app1", append(slices.Clone(domains[1:]), "later.example.com")...)
	if err := f.enqueue(t.Context(), enqueue.Request{AppID: "app1", Domain: domains[0], Remove: true}); err != nil {
		t.Fatal(err)
	}
	f.worker("PILOTSYNC_SSL_DELAYS=1s,1s")
	f.awaitStates("app1", tasks.Done, append(slices.Clone(domains[1:]), "later.example.com")...)
	f.awaitStates("app1", tasks.Removed, domains[0])
	f.check()
}

// backup copies Redis's data as the runbook does.
func (f *fixture) backup() []byte {
	f.t.Helper()
	ctx := f.t.Context()
	dir, err := f.rdb.ConfigGet(ctx, "dir").Result()
	if err != nil {
		f.t.Fatal(err)
	}
	last, err := f.rdb.LastSave(ctx).Result()
	if err != nil {
		f.t.Fatal(err)
	}
	harness.Await(f.t, "the clock is a second later, for LASTSAVE to tell", func() error {
		now, err := f.rdb.Time(ctx).Result()
		if err == nil && now.Unix() <= last {
			err = errors.New("it isn't")
		}
		return err
	})
	if err := f.rdb.BgSave(ctx).Err(); err != nil {
		f.t.Fatal(err)
	}
	harness.Await(f.t, "the snapshot is written", func() error {
		now, err := f.rdb.LastSave(ctx).Result()
		if err == nil && now <= last {
			err = errors.New("it isn't")
		}
		return err
	})
	dump, err := os.ReadFile(filepath.Join(dir["dir"], "dump.rdb"))
	if err != nil {
		f.t.Fatal(err)
	}
	return dump
}
