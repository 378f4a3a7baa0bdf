package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
)

const (
	// MaxNote is how many characters the note of a [Snooze] may have.
	MaxNote = 500
	// maxSnoozes is how many domains of one app may be snoozed. A list has 300 names.
	maxSnoozes = 1000
)

var (
	// ErrInvalidSnooze is wrapped by errors about a snooze that breaks a rule.
	ErrInvalidSnooze = errors.New("it can't be snoozed")
	// ErrChangedMeanwhile: the domain has another state or cause than its caller saw.
	ErrChangedMeanwhile = errors.New("its state or cause has changed meanwhile; look at it again")
)

// Snooze says that a domain's trouble is known, and needs no attention now. It ends when the
// domain settles with another state or causes, and at its time. One that won't be fixed ends when
// the domain is done. Scripts remove what a change of state ends; see end_snooze in prelude.lua.
type Snooze struct {
	State tasks.State `json:"state"` // of the domain when it was snoozed
	Codes string      `json:"codes"` // its causes then, sorted, with spaces between them
	// Until is when it ends, in ms; 0 if only a change ends it.
	Until   int64     `json:"until,omitempty"`
	WontFix bool      `json:"wont_fix,omitempty"`
	Note    string    `json:"note,omitempty"` // at most [MaxNote] characters
	By      string    `json:"by"`
	At      time.Time `json:"at"`
}

// Ends returns when it ends; zero if only a change ends it.
func (s Snooze) Ends() time.Time {
	if s.Until == 0 {
		return time.Time{}
	}
	return time.UnixMilli(s.Until).UTC()
}

// Day is the last day that it covers, in UTC; empty if only a change ends it.
func (s Snooze) Day() string {
	if s.Until == 0 {
		return ""
	}
	return s.Ends().Add(-time.Millisecond).Format(time.DateOnly)
}

// Covers reports whether the snooze still holds for a domain. It holds for none with a pending change,
// which waits for its app. app.lua has the same rule.
func (s Snooze) Covers(v View, now time.Time) bool {
	switch {
	case v.Pending != nil, v.State == tasks.Removed:
		return false
	case s.WontFix:
		return v.State != tasks.Done || s.State == tasks.Done && len(v.Codes()) > 0 // otherwise it works
	}
	return (s.State == v.State || v.State.Checking()) && s.Codes == v.codesText() && (s.Until == 0 || now.UnixMilli() < s.Until)
}

// Codes returns the causes of a domain that isn't known to work, and those of its warnings. An
// empty one is that of a record of an earlier release. A domain with
// a pending change, which waits for its app, has none, and a removed one has none.
func (v View) Codes() (codes []tasks.Code) {
	if v.Pending != nil || v.State == tasks.Removed {
		return nil
	}
	for _, c := range append([]tasks.Cause{v.Record.Cause}, v.Record.Warnings...) {
		if c.Code != "" && (v.State != tasks.Done || c.Code != tasks.CauseWorks) {
			codes = append(codes, c.Code)
		}
	}
	if codes == nil && v.State != tasks.Done {
		return []tasks.Code{""}
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

// NeedsPerson reports whether the domain waits for a person.
func (v View) NeedsPerson() bool { return slices.ContainsFunc(v.Codes(), v.State.NeedsPerson) }

func (v View) codesText() string {
	codes := v.Codes()
	texts := make([]string, len(codes))
	for i, code := range codes {
		texts[i] = string(code)
	}
	return strings.Join(texts, " ")
}

// Snooze sets the snooze of a domain, which the caller has read as v. The error wraps
// [ErrInvalidSnooze], or [ErrChangedMeanwhile] if the ledger has another record of it by now.
func (l *Ledger) Snooze(ctx context.Context, v View, s Snooze) error {
	s.State, s.Codes, s.Note = v.State, v.codesText(), strings.TrimSpace(s.Note)
	switch n := utf8.RuneCountInString(s.Note); {
	case !v.NeedsPerson():
		return fmt.Errorf("%w: %s is %s, and waits for no person", ErrInvalidSnooze, v.Domain, v.State)
	case n > MaxNote:
		return fmt.Errorf("%w: the note has %d characters; it takes at most %d", ErrInvalidSnooze, n, MaxNote)
	case s.WontFix && s.Note == "":
		return fmt.Errorf("%w: a domain that won't be fixed needs a note that says why", ErrInvalidSnooze)
	case s.WontFix && s.Until != 0:
		return fmt.Errorf("%w: a domain that won't be fixed has no date", ErrInvalidSnooze)
	case s.Until != 0 && s.Ends().Before(s.At):
		return fmt.Errorf("%w: the date %s has passed", ErrInvalidSnooze, s.Ends().Format(time.DateOnly))
	}
	if err := l.setSnooze(ctx, v.AppID, v.Domain, v.Record.Version, encode(s)); err != nil {
		return err
	}
	e := AuditEntry{App: v.AppID, Domain: v.Domain, Action: AuditSnooze, By: s.By, Detail: s.Note}
	switch {
	case s.WontFix:
		e.Action = AuditWontFix
	case s.Until != 0:
		e.Detail = strings.TrimSuffix("until "+s.Day()+": "+s.Note, ": ")
	}
	return l.AuditAction(ctx, e)
}

// EndSnooze ends the snooze of a domain for the user by. A domain without one stays as it is.
func (l *Ledger) EndSnooze(ctx context.Context, app, domain, by string) error {
	if err := l.setSnooze(ctx, app, domain, "", ""); err != nil {
		return err
	}
	return l.AuditAction(ctx, AuditEntry{App: app, Domain: domain, Action: AuditEndSnooze, By: by})
}

func (l *Ledger) setSnooze(ctx context.Context, app, domain, version, snooze string) error {
	if err := l.agenda.touch(ctx, app); err != nil {
		return fmt.Errorf("snooze %s on app %s: %w", domain, app, err)
	}
	result, err := l.scripts.snooze.Run(ctx, l.rdb, []string{key(app, "snoozed"), key(app, "shown")}, domain, version, snooze, maxSnoozes).Text()
	switch {
	case redis.HasErrorPrefix(err, "NOPERM"):
		return fmt.Errorf("snooze %s on app %s: Redis's user may not write pilotsync:{%s}:snoozed; give it the rights of this release's users.acl: %w", domain, app, app, err)
	case err != nil:
		return fmt.Errorf("snooze %s on app %s: %w", domain, app, err)
	case result == "changed":
		return fmt.Errorf("snooze %s on app %s: %w", domain, app, ErrChangedMeanwhile)
	case result == "full":
		return fmt.Errorf("%w: %d domains of app %s are snoozed already", ErrInvalidSnooze, maxSnoozes, app)
	}
	return nil
}

// SnoozeOf returns the snooze that holds for a domain; nil for none.
func (l *Ledger) SnoozeOf(ctx context.Context, v View) (*Snooze, error) {
	at := Position{Domain: v.Domain, App: v.AppID}
	snoozes, err := l.readSnoozes(ctx, map[string][]string{v.AppID: {v.Domain}})
	if s, ok := snoozes[at]; ok && s.Covers(v, time.Now()) {
		return &s, err
	}
	return nil, err
}

// readSnoozes reads the snoozes of domains by app, whether they hold or not.
func (l *Ledger) readSnoozes(ctx context.Context, names map[string][]string) (map[Position]Snooze, error) {
	if len(names) == 0 {
		return nil, nil
	}
	cmds := map[string]*redis.SliceCmd{}
	if _, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for app, domains := range names {
			cmds[app] = p.HMGet(ctx, key(app, "snoozed"), domains...)
		}
		return nil
	}); err != nil {
		return nil, fmt.Errorf("read the snoozed domains of %d apps: %w", len(names), err)
	}
	at := map[Position]Snooze{}
	for app, cmd := range cmds {
		snoozes, err := decodeAll(app, "the snooze", foundFields(names[app], cmd.Val()), decodeJSON[Snooze])
		if err != nil {
			return nil, err
		}
		for domain, s := range snoozes {
			at[Position{Domain: domain, App: app}] = s
		}
	}
	return at, nil
}
