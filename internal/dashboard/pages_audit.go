package dashboard

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

// auditPerPage is the number of requests on a page.
const auditPerPage = 50

// auditReader reads the audit; [*ledger.Ledger] in production.
type auditReader interface {
	Audit(ctx context.Context, q ledger.AuditQuery) ([]ledger.AuditEntry, *ledger.AuditPosition, error)
	Snoozes(ctx context.Context, app, domain string) ([]ledger.AuditEntry, error)
}

// auditPage is the body of the page /audit. Its fields are as in the page's URL.
type auditPage struct {
	User, App, Day string
	After          *ledger.AuditPosition
	Number         int // of this page, from 1; only shown, since After decides where the page starts
	Trail          []string
	Entries        []ledger.AuditEntry
	Next           *ledger.AuditPosition
}

// parseAudit reads the filters from the query of a URL, and returns the query of the ledger.
func parseAudit(values url.Values) (auditPage, ledger.AuditQuery, error) {
	field := func(name string) string { return strings.TrimSpace(values.Get(name)) }
	a := auditPage{User: field("user"), App: field("app"), Day: field("day"), Number: 1}
	q := ledger.AuditQuery{Actor: a.User, App: a.App, Limit: auditPerPage}
	if a.App != "" {
		if err := tasks.CheckAppID(a.App); err != nil {
			return a, q, fmt.Errorf("%w: %w", errBadQuery, err)
		}
	}
	if a.Day != "" {
		day, err := time.Parse(time.DateOnly, a.Day)
		if err != nil {
			return a, q, fmt.Errorf("%w: day is %.80q; it takes a date such as 2026-03-01", errBadQuery, a.Day)
		}
		q.From, q.To = day, day.AddDate(0, 0, 1)
	}
	if number, app, ok := strings.Cut(values.Get("after"), "/"); ok {
		seq, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return a, q, fmt.Errorf("%w: after is %.80q; it takes an order number, a slash and an app's id", errBadQuery, values.Get("after"))
		}
		a.After = &ledger.AuditPosition{Seq: seq, App: app}
		if n, err := strconv.Atoi(values.Get("page")); err == nil && n > 1 {
			a.Number, a.Trail = n, parseTrail(values)
		}
	}
	q.After = a.After
	return a, q, nil
}

// filters is the query of the first page's URL.
func (a auditPage) filters() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"user": a.User, "app": a.App, "day": a.Day} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

func auditURL(q url.Values) string { return strings.TrimSuffix("/audit?"+q.Encode(), "?") }

// auditPositionText is a position in a URL; empty for nil.
func auditPositionText(at *ledger.AuditPosition) string {
	if at == nil {
		return ""
	}
	return fmt.Sprintf("%d/%s", at.Seq, at.App)
}

// First, Previous, Following, Counted and Pages are for the template "pager".
func (a auditPage) First() string { return auditURL(a.filters()) }

// Previous is the URL of the page before this one; empty if there is none, or if it isn't known.
func (a auditPage) Previous() string {
	q := a.filters()
	if !setPrevious(q, a.Number, a.Trail) {
		return ""
	}
	return auditURL(q)
}

// Following is the URL of the next page; empty on the last one.
func (a auditPage) Following() string {
	if a.Next == nil {
		return ""
	}
	q := a.filters()
	setNext(q, a.Number, auditPositionText(a.After), auditPositionText(a.Next), a.Trail)
	return auditURL(q)
}

// Counted is false: the matches aren't counted.
func (a auditPage) Counted() bool { return false }

// Pages is the number of this page, or one more.
func (a auditPage) Pages() int {
	if a.Next != nil {
		return a.Number + 1
	}
	return a.Number
}

// Filtered reports whether the filters limit the result.
func (a auditPage) Filtered() bool { return a.User != "" || a.App != "" || a.Day != "" }

// Kept is how many requests the audit has at most.
func (a auditPage) Kept() int { return ledger.AuditKept }

func (p *pageServer) audit(w http.ResponseWriter, r *http.Request) error {
	body, q, err := parseAudit(r.URL.Query())
	if err != nil {
		return err
	}
	if body.Entries, body.Next, err = p.audits.Audit(r.Context(), q); err != nil {
		return err
	}
	return p.render(w, r, http.StatusOK, "audit", layoutData{Title: "Audit", Section: "/audit", Watch: body.App, Reload: 60, Body: body})
}
