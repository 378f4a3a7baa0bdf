package ledger

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// ledgerKey has the ledger's identity.
const ledgerKey = "pilotsync:ledger"

const (
	// LossKept is how long a loss is reported.
	LossKept = 7 * 24 * time.Hour
	// setbackAllowed is how much older a ledger may become without being lost. A crash of
	// Redis or a failover loses a second or two; a restored copy is older than a minute.
	setbackAllowed = time.Minute
)

// Identity distinguishes ledgers. It is made once and kept with the ledger: a Redis that lost
// its data has none, and another Redis has another one. All times are Redis's.
type Identity struct {
	ID      string    // empty until a worker gives the ledger one
	Created time.Time // when it got its ID
	// Lost is when a worker that knew another ledger found this one instead; zero for
	// never.
	Lost time.Time
	// Seen is when a worker last identified the ledger. It never runs backwards, so a
	// ledger with an earlier Seen is an older copy.
	Seen time.Time
}

// Identify returns the ledger's identity without Created, and makes one if there is none.
// known is the result of the caller's last call, or the zero Identity. If the ledger is a
// different one, or an older copy, it gets a new identity and the time of the loss in one
// step. Of several callers that knew the same ledger, the first does that.
func (l *Ledger) Identify(ctx context.Context, known Identity) (Identity, error) {
	reply, err := l.identify.Run(ctx, l.rdb, []string{ledgerKey}, known.ID, known.Seen.UnixMilli(), setbackAllowed.Milliseconds(), rand.Text()).StringSlice()
	if err != nil {
		return Identity{}, fmt.Errorf("identify the ledger: %w", err)
	}
	current := Identity{ID: reply[0]}
	if current.Lost, err = parseMillis(reply[1]); err == nil {
		current.Seen, err = parseMillis(reply[2])
	}
	if err != nil {
		return Identity{}, fmt.Errorf("identify the ledger: %w", err)
	}
	if known.ID != "" && current.ID != known.ID {
		l.agenda.forget()
		// Changes that this process recorded meanwhile may lack a mark for readers.
		if err := l.rdb.Del(ctx, summariesKey).Err(); err != nil {
			return Identity{}, fmt.Errorf("have readers read all apps of another ledger again: %w", err)
		}
	}
	return current, nil
}

// Identity returns the ledger's identity and changes nothing.
func (l *Ledger) Identity(ctx context.Context) (Identity, error) {
	fields, err := l.rdb.HMGet(ctx, ledgerKey, "id", "created", "lost", "seen").Result()
	if err != nil {
		return Identity{}, fmt.Errorf("read the ledger's identity: %w", err)
	}
	var text [4]string
	for i, field := range fields {
		text[i], _ = field.(string)
	}
	i := Identity{ID: text[0]}
	for n, at := range []*time.Time{&i.Created, &i.Lost, &i.Seen} {
		if *at, err = parseMillis(text[n+1]); err != nil {
			return Identity{}, fmt.Errorf("read the ledger's identity: %w", err)
		}
	}
	return i, nil
}

// parseMillis reads a time in ms since 1970; "" is the zero time.
func parseMillis(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	ms, err := strconv.ParseInt(text, 10, 64)
	return time.UnixMilli(ms).UTC(), err
}

// NotifyLoss puts the event ledger.lost into an app's outbox, once for each identity.
func (l *Ledger) NotifyLoss(ctx context.Context, app string, current Identity) error {
	event := encode(lossEvent(app, current))
	if err := l.agenda.mark(ctx, app, time.Time{}); err != nil {
		return fmt.Errorf("notify app %s of the lost ledger: %w", app, err)
	}
	if err := l.lost.Run(ctx, l.rdb, []string{key(app, "sync"), key(app, "told"), key(app, "outbox")}, current.ID, event).Err(); err != nil {
		return fmt.Errorf("notify app %s of the lost ledger: %w", app, err)
	}
	return nil
}

// RecordHandover records that a producer handed over all domains of an app to the ledger of
// this identity. The WordPress plugin does the same; see docs/wire-format.md.
func (l *Ledger) RecordHandover(ctx context.Context, app, id string) error {
	if err := l.rdb.Set(ctx, key(app, "handover"), id, 0).Err(); err != nil {
		return fmt.Errorf("record that app %s was handed over: %w", app, err)
	}
	return nil
}

// Loss is the last loss of the ledger.
type Loss struct {
	Detected time.Time // by Redis's clock, however long ago; zero if there was none
	At       time.Time // the same if it was within [LossKept]
	// Waiting are the apps whose domains weren't handed over since At, sorted: of those that live
	// workers serve or the ledger knows.
	Waiting []string
}

// Loss returns the last loss of the ledger. A process that calls it again and again reads only some
// of the apps that wait, in turn: see [handoversRead].
func (l *Ledger) Loss(ctx context.Context) (Loss, error) {
	return l.loss(ctx, func() ([]string, []Worker, error) {
		apps, err := l.Apps(ctx)
		if err != nil {
			return nil, nil, err
		}
		workers, err := l.Workers(ctx)
		return apps, workers, err
	})
}

// LossAmong is [Ledger.Loss] for a caller that has read the ledger's apps and the live workers.
func (l *Ledger) LossAmong(ctx context.Context, apps []App, workers []Worker) (Loss, error) {
	return l.loss(ctx, func() ([]string, []Worker, error) {
		ids := make([]string, len(apps))
		for i, app := range apps {
			ids[i] = app.ID
		}
		return ids, workers, nil
	})
}

func (l *Ledger) loss(ctx context.Context, read func() (apps []string, workers []Worker, err error)) (Loss, error) {
	current, err := l.Identity(ctx)
	if err != nil || current.Lost.IsZero() {
		return Loss{}, err
	}
	now, err := l.Now(ctx)
	if err != nil || now.Sub(current.Lost) > LossKept {
		return Loss{Detected: current.Lost}, err
	}
	apps, workers, err := read()
	if err != nil {
		return Loss{}, err
	}
	for _, w := range workers {
		apps = append(apps, w.Apps...)
	}
	slices.Sort(apps)
	apps = slices.Compact(apps)
	waiting, err := l.handovers.waiting(ctx, l, current.ID, apps)
	return Loss{Detected: current.Lost, At: current.Lost, Waiting: waiting}, err
}
