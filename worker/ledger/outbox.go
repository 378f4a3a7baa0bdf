package ledger

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

// OutboxEvent is an event in the outbox.
type OutboxEvent struct {
	tasks.Event
	line string
}

// Outbox returns the oldest events of an app, at most n. Each was put there in the same step
// as the change that it reports, and stays until [Ledger.RemoveFromOutbox]. So none is lost, and
// each has the same time for every reader.
func (l *Ledger) Outbox(ctx context.Context, app string, n int) ([]OutboxEvent, error) {
	lines, err := l.rdb.LRange(ctx, key(app, "outbox"), 0, int64(n)-1).Result()
	if err != nil {
		return nil, fmt.Errorf("read the outbox of app %s: %w", app, err)
	}
	events := make([]OutboxEvent, 0, len(lines))
	for _, line := range lines {
		at, event, _ := strings.Cut(line, " ")
		us, err := strconv.ParseInt(at, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("an event in the outbox of app %s: %w", app, err)
		}
		e := OutboxEvent{line: line}
		if e.Event, err = decodeJSON[tasks.Event](event); err != nil {
			return nil, fmt.Errorf("an event in the outbox of app %s: %w", app, err)
		}
		e.At = time.UnixMicro(us).UTC()
		events = append(events, e)
	}
	return events, nil
}

// RemoveFromOutbox removes events of one app, in one round trip. Repeating that is harmless:
// no two lines of an outbox are the same.
func (l *Ledger) RemoveFromOutbox(ctx context.Context, app string, events ...OutboxEvent) error {
	if len(events) == 0 {
		return nil
	}
	_, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, e := range events {
			p.LRem(ctx, key(app, "outbox"), 1, e.line)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("remove %d events from the outbox of app %s: %w", len(events), app, err)
	}
	return nil
}

// The events below get their time from Redis, in the outbox.

func stateEvent(app string, r listsync.Record) string {
	return domainEvent(tasks.DomainState, app, r)
}

func expiringEvent(app string, r listsync.Record) string {
	return domainEvent(tasks.CertificateExpiring, app, r)
}

func domainEvent(kind tasks.EventType, app string, r listsync.Record) string {
	e := tasks.Event{Type: kind, AppID: app, Domain: r.Domain, Seq: r.Seq, State: r.State,
		Names: r.Names, Reason: r.Reason(), Cause: r.Cause, Remedy: r.Remedy(), Warnings: r.Warnings, SiteID: r.SiteID}
	if r.Certificate != nil {
		e.CertificateUntil = r.Certificate.NotAfter
	}
	return encode(e)
}

func blockedEvent(app string, f listsync.Failure) string {
	cause := tasks.Cause{Code: tasks.CauseAppBlocked, Params: tasks.Params{App: app, Message: f.Reason}}
	return encode(tasks.Event{Type: tasks.AppBlocked, AppID: app, Reason: f.Reason, Cause: cause, Remedy: cause.Remedy()})
}

func recoveredEvent(app string) string {
	return encode(tasks.Event{Type: tasks.AppRecovered, AppID: app, Reason: "its domain list can be read and written again"})
}

// readableEvent reports that a dry run could read the app's list after a failure.
func readableEvent(app string) string {
	return encode(tasks.Event{Type: tasks.AppRecovered, AppID: app, Reason: "its domain list can be read again; the worker is in a dry run and doesn't write it"})
}
