package ledger

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/internal/serverpilot"
	"pilotsync/tasks"
)

// What ServerPilot said of an app besides its list, for readers without a key.

// RecordAppDetails records the id of an app's server, and the coverage of a long list. It does
// nothing for an app that the ledger doesn't have.
func (l *Ledger) RecordAppDetails(ctx context.Context, app, server string, c *serverpilot.Coverage) error {
	var before *redis.SliceCmd
	var wake *redis.StringCmd
	if err := l.pipelined(ctx, func(p redis.Pipeliner) {
		before, wake = p.HMGet(ctx, key(app, "shown"), "server", "coverage"), p.HGet(ctx, key(app, "sync"), "wake")
	}); err != nil {
		return fmt.Errorf("note what ServerPilot has of app %s: %w", app, err)
	}
	coverage := ""
	if c != nil {
		coverage = encode(c)
	}
	known := foundFields([]string{"server", "coverage"}, before.Val())
	if wake.Val() == "" || known["server"] == server && known["coverage"] == coverage {
		return nil
	}
	if err := l.agenda.touch(ctx, app); err != nil {
		return err
	}
	if err := l.rdb.HSet(ctx, key(app, "shown"), "server", server, "coverage", coverage).Err(); err != nil {
		return fmt.Errorf("note what ServerPilot has of app %s: %w", app, err)
	}
	return l.revised(ctx, app)
}

// Connection is whether an app's server is connected to ServerPilot, as a worker last read it.
type Connection struct {
	App, Server string // ids; no Server if no sync has read the app yet
	// AskedAt is when a worker last asked ServerPilot, by Redis's clock; zero for never.
	AskedAt time.Time
	// DisconnectedSince is when it was last connected; zero if it is connected, or if that
	// isn't known.
	DisconnectedSince time.Time
}

// Connections returns those of the named apps, in their order.
func (l *Ledger) Connections(ctx context.Context, apps ...string) ([]Connection, error) {
	fields := make([]*redis.SliceCmd, len(apps))
	if _, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, app := range apps {
			fields[i] = p.HMGet(ctx, key(app, "shown"), connectionFields()...)
		}
		return nil
	}); err != nil {
		return nil, fmt.Errorf("read whether the servers of %d apps are connected: %w", len(apps), err)
	}
	all := make([]Connection, len(apps))
	for i, app := range apps {
		all[i] = decodeConnection(app, foundFields(connectionFields(), fields[i].Val()))
	}
	return all, nil
}

func connectionFields() []string { return []string{"server", "server_asked", "disconnected"} }

func decodeConnection(app string, f map[string]string) Connection {
	c := Connection{App: app, Server: f["server"], AskedAt: parseTime(f["server_asked"])}
	if s, _ := strconv.ParseInt(f["disconnected"], 10, 64); s > 0 {
		c.DisconnectedSince = time.Unix(s, 0).UTC()
	}
	return c
}

// RecordConnectionAsked records that a worker is about to ask ServerPilot whether an app's
// server is connected.
func (l *Ledger) RecordConnectionAsked(ctx context.Context, app string, at time.Time) error {
	if err := l.rdb.HSet(ctx, key(app, "shown"), "server_asked", at.UnixMilli()).Err(); err != nil {
		return fmt.Errorf("record a question for the server of app %s: %w", app, err)
	}
	return nil
}

// SetConnection records whether an app's server is connected, and when ServerPilot was asked.
// Dashboards load the app's page again only if disconnectedSince has changed.
func (l *Ledger) SetConnection(ctx context.Context, app string, askedAt, disconnectedSince time.Time) error {
	since := ""
	if !disconnectedSince.IsZero() {
		since = strconv.FormatInt(disconnectedSince.Unix(), 10)
	}
	before, err := l.rdb.HGet(ctx, key(app, "shown"), "disconnected").Result()
	if (err == nil || missing(err)) && before != since {
		err = l.agenda.touch(ctx, app)
	}
	if err == nil || missing(err) {
		err = l.rdb.HSet(ctx, key(app, "shown"), "server_asked", askedAt.UnixMilli(), "disconnected", since).Err()
	}
	if err != nil {
		return fmt.Errorf("record whether the server of app %s is connected: %w", app, err)
	}
	if before == since {
		return nil
	}
	return l.revised(ctx, app)
}

// Disconnected reports whether the app's server isn't connected to ServerPilot.
func (a App) Disconnected() bool { return !a.DisconnectedSince.IsZero() }

// ServerCause is the cause of a disconnected server.
func (a App) ServerCause() tasks.Cause {
	return tasks.Cause{Code: tasks.CauseServerDisconnected, Params: tasks.Params{Since: a.DisconnectedSince}}
}
