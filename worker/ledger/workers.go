package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const workersKey = "pilotsync:workers"

// How often a worker announces itself, and how long after its last announcement it counts
// as dead. So a killed worker is listed for up to a minute.
const (
	AnnounceEvery   = 15 * time.Second
	workerDeadAfter = time.Minute
)

// Worker is a live worker, as it announced itself.
type Worker struct {
	ID     string    `json:"-"`    // unique to the process
	Name   string    `json:"name"` // HOST/PID, as in logs and histories; two containers may share one
	Apps   []string  `json:"apps"` // the apps it serves, sorted
	DryRun bool      `json:"dry_run,omitempty"`
	SeenAt time.Time `json:"-"` // of its last announcement, by Redis's clock; set by [Ledger.Workers]
}

// Announce records that a worker is alive and what it serves. A worker calls it every
// [AnnounceEvery], and immediately when its apps have changed.
func (l *Ledger) Announce(ctx context.Context, w Worker) error {
	err := l.announce.Run(ctx, l.rdb, []string{workersKey}, w.ID, encode(w), workerDeadAfter.Milliseconds()).Err()
	if err != nil {
		return fmt.Errorf("announce worker %s: %w", w.Name, err)
	}
	return nil
}

// Leave withdraws a worker's announcement. A worker that stops calls it.
func (l *Ledger) Leave(ctx context.Context, id string) error {
	if err := l.rdb.HDel(ctx, workersKey, id).Err(); err != nil {
		return fmt.Errorf("withdraw the announcement of a worker: %w", err)
	}
	return nil
}

// Workers returns the live workers, sorted by name. Workers of 0.1.0 don't announce
// themselves, so they are missing.
func (l *Ledger) Workers(ctx context.Context) ([]Worker, error) {
	var all *redis.MapStringStringCmd
	var clock *redis.TimeCmd
	_, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		all, clock = p.HGetAll(ctx, workersKey), p.Time(ctx)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the workers: %w", err)
	}
	var workers []Worker
	for id, raw := range all.Val() {
		seen, serving, _ := strings.Cut(raw, " ")
		ms, err := strconv.ParseInt(seen, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("the announcement of worker %s in %s: %w", id, workersKey, err)
		}
		w, err := decodeJSON[Worker](serving)
		if err != nil {
			return nil, fmt.Errorf("the announcement of worker %s in %s: %w", id, workersKey, err)
		}
		w.ID, w.SeenAt = id, time.UnixMilli(ms).UTC()
		if clock.Val().Sub(w.SeenAt).Abs() <= workerDeadAfter { // Redis's clock may have been set back
			workers = append(workers, w)
		}
	}
	slices.SortFunc(workers, func(a, b Worker) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return workers, nil
}

// ServedBy returns the names of those workers that serve an app.
func ServedBy(workers []Worker, app string) []string {
	var names []string
	for _, w := range workers {
		if slices.Contains(w.Apps, app) {
			names = append(names, w.Name)
		}
	}
	return names
}
