package ledger

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

// ErrNoEvent: the ledger has nothing that such an event could report.
var ErrNoEvent = errors.New("the ledger has no such event")

// Event returns what an event says by the ledger: more users of Redis may write to the queue than
// to the ledger. Of the given event only the type, the app, the domain and the time count. It is
// the app's event of that time, until [Ledger.RemoveEvent]. If there is none, it says what the
// ledger says now; workers of 0.1.0 kept no events, and a delivered one may be replayed.
//
// The error is an [ErrNoEvent] if the time is later than the app's last event and Redis's clock, or
// if there is nothing to report. It is a [tasks.ErrNewer] for a type that only later releases know.
func (l *Ledger) Event(ctx context.Context, e tasks.Event) (tasks.Event, error) {
	s, err := l.readSubject(ctx, e)
	if err != nil {
		return tasks.Event{}, fmt.Errorf("read what %s reports: %w", e.ID(), err)
	}
	if s.line != "" {
		kept, err := decodeLine(s.line)
		if err != nil {
			return tasks.Event{}, fmt.Errorf("an event of app %s: %w", e.AppID, err)
		}
		return kept.Event, nil
	}
	if latest := max(s.last, s.now); e.At.UnixMicro() > latest {
		return tasks.Event{}, fmt.Errorf("%w: it is of %s, and the last one of app %s of %s", ErrNoEvent,
			e.At.Format(time.RFC3339), e.AppID, time.UnixMicro(latest).UTC().Format(time.RFC3339))
	}
	var rendered tasks.Event
	switch e.Type {
	case tasks.DomainState, tasks.CertificateExpiring:
		rendered, err = s.domainEvent(e)
	case tasks.AppBlocked, tasks.AppRecovered:
		rendered = s.appEvent(e.AppID)
	case tasks.LedgerLost:
		rendered, err = l.lossEvent(ctx, e.AppID, s.notifiedLoss)
	default:
		err = fmt.Errorf("%w: an event of the type %.40q", tasks.ErrNewer, e.Type)
	}
	rendered.At = e.At
	return rendered, err
}

// RemoveEvent removes a delivered event.
func (l *Ledger) RemoveEvent(ctx context.Context, e tasks.Event) error {
	at := strconv.FormatInt(e.At.UnixMicro(), 10)
	if err := l.rdb.ZRemRangeByScore(ctx, key(e.AppID, "events"), at, at).Err(); err != nil {
		return fmt.Errorf("remove %s, which is delivered: %w", e.ID(), err)
	}
	return nil
}

// subject is what an event may be about.
type subject struct {
	line         string // the kept event; empty for none
	record       string // of the domain; empty for none
	pending      bool   // the domain has a pending change
	last, now    int64  // time of the app's last event, and by Redis's clock, in µs
	blocked      bool   // the app's failure has an event
	failure      string
	dryRun       bool
	notifiedLoss string // identity of the ledger that has an event of its predecessor's loss
}

func (l *Ledger) readSubject(ctx context.Context, e tasks.Event) (s subject, err error) {
	keys := []string{key(e.AppID, "events"), key(e.AppID, "domains"), key(e.AppID, "pending"), key(e.AppID, "sync"), key(e.AppID, "told")}
	reply, err := l.event.Run(ctx, l.rdb, keys, e.At.UnixMicro(), e.Domain).Slice()
	if err != nil {
		return subject{}, err
	}
	text := func(i int) string { t, _ := reply[i].(string); return t }
	s = subject{line: text(0), record: text(1), pending: reply[2] == int64(1), blocked: text(5) != "", failure: text(6), dryRun: text(7) != "", notifiedLoss: text(8)}
	if s.last, err = strconv.ParseInt(text(3), 10, 64); err != nil {
		return subject{}, err
	}
	s.now, err = strconv.ParseInt(text(4), 10, 64)
	return s, err
}

// domainEvent reports the domain's state. It warns of a certificate only if that is still the one
// that was warned of.
func (s subject) domainEvent(e tasks.Event) (tasks.Event, error) {
	if s.record == "" {
		// An event may wait for longer than the record of a removed domain is kept.
		if !s.pending && (e.State == tasks.Removed || e.State == tasks.Rejected) {
			cause := tasks.Cause{Code: tasks.CauseRemoved}
			return domainEvent(tasks.DomainState, e.AppID, listsync.Record{Domain: e.Domain, Seq: e.Seq, State: tasks.Removed, Names: []string{}, Cause: cause}), nil
		}
		return tasks.Event{}, fmt.Errorf("%w: %.253q isn't a domain of app %s", ErrNoEvent, e.Domain, e.AppID)
	}
	r, err := decodeRecord(s.record)
	if err != nil {
		return tasks.Event{}, fmt.Errorf("the record of %s on app %s in the ledger: %w", e.Domain, e.AppID, err)
	}
	kind := tasks.DomainState
	if e.Type == tasks.CertificateExpiring && r.Certificate != nil && r.ExpiryNotified != nil && r.ExpiryNotified.Equal(r.Certificate.NotAfter) {
		kind = tasks.CertificateExpiring
	}
	return domainEvent(kind, e.AppID, r), nil
}

func (s subject) appEvent(app string) tasks.Event {
	switch {
	case s.blocked:
		return blockedEvent(app, s.failure)
	case s.dryRun:
		return readableEvent(app)
	}
	return recoveredEvent(app)
}

// lossEvent reports a loss only with the ledger's present identity.
func (l *Ledger) lossEvent(ctx context.Context, app, notified string) (tasks.Event, error) {
	current, err := l.Identity(ctx)
	if err != nil {
		return tasks.Event{}, err
	}
	if current.ID == "" || current.ID != notified {
		return tasks.Event{}, fmt.Errorf("%w: app %s has no event of a lost ledger", ErrNoEvent, app)
	}
	return lossEvent(app, current), nil
}

// The events below get their time from Redis, in the outbox.

func stateEvent(app string, r listsync.Record) tasks.Event {
	return domainEvent(tasks.DomainState, app, r)
}

func expiringEvent(app string, r listsync.Record) tasks.Event {
	return domainEvent(tasks.CertificateExpiring, app, r)
}

func domainEvent(kind tasks.EventType, app string, r listsync.Record) tasks.Event {
	e := tasks.Event{Type: kind, AppID: app, Domain: r.Domain, Seq: r.Seq, State: r.State,
		Names: r.Names, Reason: r.Reason(), Cause: r.Cause, Remedy: r.Remedy(), Warnings: r.Warnings, SiteID: r.SiteID}
	if r.Certificate != nil {
		e.CertificateUntil = r.Certificate.NotAfter
	}
	return e
}

func blockedEvent(app, reason string) tasks.Event {
	cause := tasks.Cause{Code: tasks.CauseAppBlocked, Params: tasks.Params{App: app, Message: reason}}
	return tasks.Event{Type: tasks.AppBlocked, AppID: app, Reason: reason, Cause: cause, Remedy: cause.Remedy()}
}

func recoveredEvent(app string) tasks.Event {
	return tasks.Event{Type: tasks.AppRecovered, AppID: app, Reason: "its domain list can be read and written again"}
}

// readableEvent reports that a dry run could read the app's list after a failure.
func readableEvent(app string) tasks.Event {
	return tasks.Event{Type: tasks.AppRecovered, AppID: app, Reason: "its domain list can be read again; the worker is in a dry run and doesn't write it"}
}

func lossEvent(app string, current Identity) tasks.Event {
	return tasks.Event{Type: tasks.LedgerLost, AppID: app, Ledger: current.ID,
		Reason: "Redis lost the ledger, has an older copy of it, or another Redis took its place; all domains have to be handed over again"}
}
