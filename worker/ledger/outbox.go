package ledger

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
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
		e, err := decodeLine(line)
		if err != nil {
			return nil, fmt.Errorf("an event in the outbox of app %s: %w", app, err)
		}
		events = append(events, e)
	}
	return events, nil
}

// decodeLine decodes a line of the outbox: "µs EVENT".
func decodeLine(line string) (OutboxEvent, error) {
	at, event, _ := strings.Cut(line, " ")
	us, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return OutboxEvent{}, err
	}
	e := OutboxEvent{line: line}
	e.Event, err = decodeJSON[tasks.Event](event)
	e.At = time.UnixMicro(us).UTC()
	return e, err
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
