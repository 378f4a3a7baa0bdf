package ledger

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

// The audit has the last requests for domains and apps. A worker adds a request when it records it,
// so all producers are in it. Actions that need no worker are added by the program that does them.
// Its key is in the slot of the agenda. A request's order number is its score, so that a task that
// runs again adds nothing.
const auditKey = "pilotsync:{agenda}:audit"

// snoozesKey has again what snoozed domains, for the pages of these. The audit is too large to be
// read for a page, and in a large network a day's requests fill it.
const snoozesKey = "pilotsync:{agenda}:snoozes"

// AuditKept is how many requests the audit has.
const AuditKept = 10_000

// SnoozesKept is how many snoozes, and ends of them, are kept of all domains.
const SnoozesKept = 1000

// auditChunk is how many requests one command reads.
const auditChunk = 1000

// AuditEntry is a request for a domain, or for a whole app.
type AuditEntry struct {
	Seq    int64  `json:"n"` // order number within the app: microseconds since 1970
	App    string `json:"app"`
	Domain string `json:"domain"` // empty for a whole app
	Action string `json:"action"` // "add", "remove", "import", "verify", or one of the Audit constants
	// Detail is until when a domain is snoozed, or why it won't be fixed; empty for none.
	Detail string `json:"detail,omitempty"`
	By     string `json:"by,omitempty"`   // the user's name; empty for none
	SiteID int64  `json:"site,omitempty"` // WordPress's id of the site; 0 for none
}

// Actions that need no worker.
const (
	AuditPause     = "pause"
	AuditResume    = "resume"
	AuditSnooze    = "snooze"
	AuditWontFix   = "wont-fix"
	AuditEndSnooze = "end-snooze"
)

// At is when it was requested, by Redis's clock.
func (e AuditEntry) At() time.Time { return time.UnixMicro(e.Seq).UTC() }

// Label says for people what was requested.
func (e AuditEntry) Label() string {
	switch e.Action {
	case "add":
		return "Add"
	case "remove":
		return "Remove"
	case "import":
		return "Import"
	case "verify":
		return "Verify"
	case AuditPause:
		return "Pause"
	case AuditResume:
		return "Resume"
	case AuditSnooze:
		return "Snooze"
	case AuditWontFix:
		return "Won't fix"
	case AuditEndSnooze:
		return "End the snooze"
	}
	return e.Action // of a later release
}

// Actor is who requested it: a user, "site 7", or "request" if the producer didn't say.
func (e AuditEntry) Actor() string {
	switch {
	case e.By != "":
		return e.By
	case e.SiteID != 0:
		return fmt.Sprintf("site %d", e.SiteID)
	}
	return "request"
}

func auditOf(change listsync.Pending) AuditEntry {
	e := AuditEntry{Seq: change.Seq, App: change.AppID, Domain: change.Domain, Action: "add", By: change.By, SiteID: change.SiteID}
	switch {
	case change.Remove:
		e.Action = "remove"
	case change.Import:
		e.Action = "import"
	}
	return e
}

// AuditVerification adds a user's request for a verification to the audit.
func (l *Ledger) AuditVerification(ctx context.Context, v tasks.Verify) error {
	return l.addToAudit(ctx, AuditEntry{Seq: v.Seq, App: v.AppID, Domain: v.Domain, Action: "verify", By: v.By})
}

// AuditAction adds what a user did without a worker to the audit, at Redis's time.
func (l *Ledger) AuditAction(ctx context.Context, e AuditEntry) error {
	now, err := l.Now(ctx)
	if err != nil {
		return err
	}
	e.Seq = now.UnixMicro()
	return l.addToAudit(ctx, e)
}

func (l *Ledger) addToAudit(ctx context.Context, e AuditEntry) error {
	if _, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.ZAdd(ctx, auditKey, redis.Z{Score: float64(e.Seq), Member: encode(e)})
		p.ZRemRangeByRank(ctx, auditKey, 0, -AuditKept-1)
		if e.snoozes() {
			p.ZAdd(ctx, snoozesKey, redis.Z{Score: float64(e.Seq), Member: encode(e)})
			p.ZRemRangeByRank(ctx, snoozesKey, 0, -SnoozesKept-1)
		}
		return nil
	}); err != nil {
		return fmt.Errorf("add %s of %s on app %s to the audit: %w", e.Action, cmp.Or(e.Domain, "the app"), e.App, err)
	}
	return nil
}

// snoozes reports whether a user snoozed a domain, or ended that.
func (e AuditEntry) snoozes() bool {
	return e.Action == AuditSnooze || e.Action == AuditWontFix || e.Action == AuditEndSnooze
}

// Snoozes returns who snoozed a domain or ended that, the latest first, at most [HistoryKept].
func (l *Ledger) Snoozes(ctx context.Context, app, domain string) ([]AuditEntry, error) {
	entries, err := l.rdb.ZRevRange(ctx, snoozesKey, 0, SnoozesKept-1).Result()
	if err != nil {
		return nil, fmt.Errorf("read the snoozes of %s on app %s: %w", domain, app, err)
	}
	var found []AuditEntry
	for _, entry := range entries {
		if !strings.Contains(entry, encode(domain)) {
			continue // decoding takes longer
		}
		e, err := decodeJSON[AuditEntry](entry) // what isn't an entry hides no other
		if err == nil && e.App == app && e.Domain == domain && len(found) < HistoryKept {
			found = append(found, e)
		}
	}
	return found, nil
}

// forgetSnoozes removes who snoozed domains of an app. The audit keeps it.
func (l *Ledger) forgetSnoozes(ctx context.Context, app string) error {
	entries, err := l.rdb.ZRange(ctx, snoozesKey, 0, -1).Result()
	if err != nil {
		return fmt.Errorf("read the snoozes of app %s: %w", app, err)
	}
	var own []any
	for _, entry := range entries {
		if e, err := decodeJSON[AuditEntry](entry); err == nil && e.App == app {
			own = append(own, entry)
		}
	}
	if len(own) == 0 {
		return nil
	}
	if err := l.rdb.ZRem(ctx, snoozesKey, own...).Err(); err != nil {
		return fmt.Errorf("remove the snoozes of app %s: %w", app, err)
	}
	return nil
}

// AuditQuery says which requests to find; an empty field is no limit.
type AuditQuery struct {
	Actor    string    // as [AuditEntry.Actor] has it; upper and lower case are the same
	App      string    // an app's id
	From, To time.Time // when it was requested: from From, and before To
	After    *AuditPosition
	Limit    int // requests on a page, at least 1
}

// AuditPosition is a place in the audit: no app has two requests with one order number.
type AuditPosition struct {
	Seq int64
	App string
}

// precedes reports whether a request is shown before the position, or is at it. The audit sorts
// requests with one order number by app, since their texts begin with both.
func (e AuditEntry) precedes(at AuditPosition) bool {
	return cmp.Or(cmp.Compare(e.Seq, at.Seq), strings.Compare(e.App, at.App)) >= 0
}

// Audit returns the requests that match, the latest first, and the position of the next page; nil
// if there is none. It reads at most [AuditKept] requests.
func (l *Ledger) Audit(ctx context.Context, q AuditQuery) (found []AuditEntry, next *AuditPosition, err error) {
	within := redis.ZRangeBy{Min: "-inf", Max: "+inf", Count: auditChunk}
	if !q.From.IsZero() {
		within.Min = strconv.FormatInt(q.From.UnixMicro(), 10)
	}
	if !q.To.IsZero() {
		within.Max = "(" + strconv.FormatInt(q.To.UnixMicro(), 10)
	}
	last := q.After
	if last != nil && (q.To.IsZero() || last.Seq < q.To.UnixMicro()) {
		within.Max = strconv.FormatInt(last.Seq, 10)
	}
	for ; within.Offset < AuditKept; within.Offset += auditChunk {
		requests, err := l.rdb.ZRevRangeByScore(ctx, auditKey, &within).Result()
		if err != nil {
			return nil, nil, fmt.Errorf("read the audit: %w", err)
		}
		for _, request := range requests {
			var e AuditEntry
			if err := json.Unmarshal([]byte(request), &e); err != nil {
				return nil, nil, fmt.Errorf("%q in the audit: %w", request, err)
			}
			if last != nil && e.precedes(*last) {
				continue // of the page before, or moved by a request that came meanwhile
			}
			if last = (&AuditPosition{e.Seq, e.App}); q.App != "" && e.App != q.App || q.Actor != "" && !strings.EqualFold(e.Actor(), q.Actor) {
				continue
			}
			if len(found) == q.Limit {
				end := found[q.Limit-1]
				return found, &AuditPosition{end.Seq, end.App}, nil
			}
			found = append(found, e)
		}
		if len(requests) < auditChunk {
			break
		}
	}
	return found, nil, nil
}
