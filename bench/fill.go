package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

// listedApps are n apps of the simulator whose lists have the first domains of each, with
// certificates.
func listedApps(n, each int) []simulator.App {
	apps := emptyApps(n)
	for a := range apps {
		apps[a].AutoSSL = true
		for i := range each {
			apps[a].Domains = append(apps[a].Domains, domainOf(a, i))
		}
	}
	return apps
}

// fill records the first domains of the first apps as added and listed. edit makes each outcome what
// the measure needs.
func (f *fixture) fill(ctx context.Context, apps, each int, edit func(app string, o *listsync.Outcome)) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(clientGoroutines)
	for a := range apps {
		var domains []string
		for i := range each {
			domains = append(domains, domainOf(a, i))
		}
		group.Go(func() error { return f.record(ctx, appID(a), false, domains, time.Now(), edit) })
	}
	return group.Wait()
}

// record records changes of an app as a producer asked for them at a time, and commits them as a
// sync would. edit, if not nil, changes each outcome.
func (f *fixture) record(ctx context.Context, app string, remove bool, domains []string, at time.Time, edit func(app string, o *listsync.Outcome)) error {
	at = at.UTC()
	for i, domain := range domains {
		change := listsync.Pending{Change: tasks.Change{AppID: app, Domain: domain, Seq: at.UnixMicro() + int64(i), RequestedAt: at}, Remove: remove, RecordedAt: at}
		if _, err := f.ledger.Record(ctx, change, listsync.HistoryEntry{At: at, State: tasks.Pending, Reason: "asked by a producer", Actor: "request"}); err != nil {
			return err
		}
	}
	lease, err := f.ledger.Acquire(ctx, app)
	if err != nil {
		return err
	}
	list := f.sim.List(app)
	snapshot, err := f.ledger.Snapshot(ctx, app, list...)
	if err != nil {
		return fmt.Errorf("read the ledger of %s: %w", app, err)
	}
	plan := listsync.Plan(listsync.Input{Remote: list, Ledger: snapshot, Rules: listsync.Rules{WWW: tasks.WWWNever}, Now: at})
	for i := range plan.Outcomes {
		if edit != nil {
			edit(app, &plan.Outcomes[i])
		}
	}
	commit := listsync.Commit{Outcomes: plan.Outcomes, Listed: len(plan.List), Own: plan.Own, Disown: plan.Disown, WorkerID: "bench"}
	if _, err := f.ledger.Commit(ctx, lease, commit); err != nil {
		return fmt.Errorf("commit to the ledger of %s: %w", app, err)
	}
	if err := f.ledger.RecordAppDetails(ctx, app, "server1", nil); err != nil { // the simulator's default
		return err
	}
	if _, err := f.ledger.Release(ctx, lease); err != nil {
		return fmt.Errorf("release the lease of %s: %w", app, err)
	}
	return nil
}

const agendaVisits, agendaMarks = "pilotsync:{agenda}:visits", "pilotsync:{agenda}:marks"

// forgetAgenda makes the ledger one of an earlier release, which has no agenda. Otherwise the
// workers would visit each app half a minute after fill.
func (f *fixture) forgetAgenda(ctx context.Context) error {
	if err := f.rdb.Del(ctx, agendaVisits, agendaMarks).Err(); err != nil {
		return fmt.Errorf("remove the agenda: %w", err)
	}
	return nil
}

// firstMaintenance waits until a worker has read that many apps, and planned their visits.
func (f *fixture) firstMaintenance(ctx context.Context, apps int) error {
	return until(ctx, "all apps are on the agenda", 2*time.Minute, func() (bool, error) {
		n, err := f.rdb.ZCard(ctx, agendaVisits).Result()
		return n >= int64(apps), err
	})
}

// done makes an outcome that of a domain that works, whose next recheck is due at a time.
func done(recheck time.Time) func(app string, o *listsync.Outcome) {
	return func(_ string, o *listsync.Outcome) {
		o.Notify = false
		r := &o.Record
		ended := r.UpdatedAt
		r.State, r.Attempt, r.NextAttemptAt, r.SeenPointing = tasks.Done, 1, nil, true
		r.Certificate = &listsync.Cert{Issuer: "Let's Encrypt", NotBefore: ended, NotAfter: ended.Add(90 * 24 * time.Hour)}
		r.AttemptAt, r.EndedAt, r.RecheckAt = &ended, &ended, &recheck
		r.Explain(tasks.Cause{Code: tasks.CauseWorks})
	}
}

// idle makes an outcome that of a domain that needs no work before tomorrow.
func idle(app string, o *listsync.Outcome) { done(time.Now().UTC().Add(24*time.Hour))(app, o) }

// cyclePart is how many domains are added together, then removed; a list takes no more than 300.
const cyclePart = 200

// cycle adds and removes n domains of an app, as happened at a time.
func (f *fixture) cycle(ctx context.Context, app string, n int, at time.Time) error {
	for from := 0; from < n; from += cyclePart {
		var domains []string
		for i := from; i < min(n, from+cyclePart); i++ {
			domains = append(domains, fmt.Sprintf("gone%05d-%s.example.com", i, app))
		}
		for _, remove := range []bool{false, true} {
			at = at.Add(time.Second)
			if err := f.record(ctx, app, remove, domains, at, func(_ string, o *listsync.Outcome) { o.Notify = false }); err != nil {
				return err
			}
		}
	}
	return nil
}

// appMemory is the memory of all keys of an app, in bytes.
func (f *fixture) appMemory(ctx context.Context, app string) (int64, error) {
	keys, err := f.keysOf(ctx, app)
	if err != nil {
		return 0, err
	}
	return f.memoryOf(ctx, keys)
}

// memoryOf is the memory of some keys, in bytes. A key that is gone has none.
func (f *fixture) memoryOf(ctx context.Context, keys []string) (sum int64, err error) {
	for _, key := range keys {
		n, err := f.rdb.MemoryUsage(ctx, key, 0).Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			return 0, fmt.Errorf("ask for the memory of %s: %w", key, err)
		}
		sum += n
	}
	return sum, nil
}
