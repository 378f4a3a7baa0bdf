package worker

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"

	"pilotsync/worker/applist"
)

// dryAPI is ServerPilot's API without its writes, for PILOTSYNC_DRY_RUN: all that
// follows from a write goes on as if it had been made. What would be different on
// the list is kept in Redis, so that the workers agree on it, and so that a name
// that was put on once needn't be put back with each sync.
type dryAPI struct {
	applist.API
	rdb redis.UniversalClient
	log *logrus.Entry
}

// dryKey is a hash: name → "on" or "off".
func dryKey(app string) string { return "pilotsync:{" + app + "}:dry" }

// List implements [applist.API]: the real list, as it would be.
func (d dryAPI) List(ctx context.Context, app string) ([]string, error) {
	list, err := d.API.List(ctx, app)
	if err != nil {
		return nil, err
	}
	changed, err := d.rdb.HGetAll(ctx, dryKey(app)).Result()
	if err != nil {
		return nil, fmt.Errorf("read what a dry run has changed on app %s: %w", app, err)
	}
	list = slices.DeleteFunc(list, func(name string) bool { return changed[strings.ToLower(name)] == "off" })
	var put []string
	for name, is := range changed {
		if is == "on" && !holds(list, name) {
			put = append(put, name)
		}
	}
	slices.Sort(put)
	return append(list, put...), nil
}

// Replace implements [applist.API]: it says what it would write.
func (d dryAPI) Replace(ctx context.Context, app string, names []string, _ time.Time) ([]string, error) {
	real, err := d.API.List(ctx, app)
	if err != nil {
		return nil, err
	}
	changed := map[string]any{}
	var words []string
	for _, name := range names {
		if !holds(real, name) {
			changed[strings.ToLower(name)] = "on"
			words = append(words, "+"+name)
		}
	}
	for _, name := range real {
		if !holds(names, name) {
			changed[strings.ToLower(name)] = "off"
			words = append(words, "-"+name)
		}
	}
	if _, err := d.rdb.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.Del(ctx, dryKey(app))
		if len(changed) > 0 {
			p.HSet(ctx, dryKey(app), changed)
		}
		return nil
	}); err != nil {
		return nil, fmt.Errorf("note what a dry run changes on app %s: %w", app, err)
	}
	d.log.WithField("app", app).Infof("dry run: the list would have %d names; against ServerPilot's: %s", len(names), strings.Join(words, " "))
	return names, nil
}

func holds(names []string, name string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
}
