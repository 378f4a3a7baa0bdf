package dashboard

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

const (
	// pageSize is the number of apps on a page.
	pageSize = 50
	// domainsPerPage keeps a page below 50 commands, even if each of its domains is of another app.
	domainsPerPage = 20
	// maxAppFilters is how many apps the filter lists. If there are more, their ids are typed.
	maxAppFilters = 50
)

// errBadQuery is wrapped by errors about an invalid query in a page's URL.
var errBadQuery = errors.New("the address is invalid")

// search is a search for domains, as in the page's URL.
type search struct {
	Text    string // as typed
	Apps    []string
	States  []tasks.State
	Cause   string // a code, or noCause; empty for all
	Snoozed bool
	After   *ledger.Cursor
	Page    int // from 1; only shown, since After decides where the page starts
	Trail   []string
}

// parseSearch reads a search from the query of a URL. It refuses invalid app ids and states.
func parseSearch(q url.Values) (search, error) {
	s := search{Text: strings.TrimSpace(q.Get("q")), Page: 1}
	for _, app := range q["app"] {
		if app = strings.TrimSpace(app); app == "" {
			continue
		}
		if err := tasks.CheckAppID(app); err != nil {
			return s, fmt.Errorf("%w: %w", errBadQuery, err)
		}
		s.Apps = append(s.Apps, app)
	}
	for _, state := range q["state"] {
		if state == "" {
			continue
		}
		if !tasks.State(state).Valid() {
			return s, fmt.Errorf("%w: state is %q; it takes one of %v", errBadQuery, state, tasks.States())
		}
		s.States = append(s.States, tasks.State(state))
	}
	s.Snoozed = q.Get("snoozed") != ""
	if s.Cause = strings.TrimSpace(q.Get("cause")); s.Cause != "" && !isCause(s.Cause) {
		return s, fmt.Errorf("%w: cause is %q; it takes a code, such as %s", errBadQuery, s.Cause, tasks.CauseDNSElsewhere)
	}
	if after := strings.SplitN(q.Get("after"), "/", 3); len(after) == 3 {
		s.After = &ledger.Cursor{State: tasks.State(after[0]), Position: ledger.Position{App: after[1], Domain: after[2]}}
		if n, err := strconv.Atoi(q.Get("page")); err == nil && n > 1 {
			s.Page, s.Trail = n, parseTrail(q)
		}
	}
	slices.Sort(s.Apps)
	s.Apps, s.States = slices.Compact(s.Apps), dedupe(s.States)
	return s, nil
}

// isCause reports whether a text may be the code of a cause. Later releases may have others.
func isCause(text string) bool {
	return len(text) <= 60 && !strings.ContainsFunc(text, func(r rune) bool { return r >= 0x80 || !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

func dedupe(states []tasks.State) []tasks.State {
	slices.Sort(states)
	return slices.Compact(states)
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 })
}

// text returns what was typed without a cause, which it returns as code. A cause is typed as its
// code or as its label: cause:DNSElsewhere or cause:DNS elsewhere. The code is nil if none was typed
// or chosen.
func (s search) text() (text string, code *tasks.Code) {
	text, cause := s.Text, s.Cause
	if typed, ok := cutPrefixFold(text, "cause:"); ok {
		text, cause = "", strings.TrimSpace(typed)
	}
	if cause == "" {
		return text, nil
	}
	found := tasks.Code(cause)
	for _, e := range tasks.Causes() {
		if strings.EqualFold(string(e.Code), cause) || strings.EqualFold(e.Code.Label(), cause) {
			found = e.Code
		}
	}
	if cause == noCause {
		found = ""
	}
	return text, &found
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		return s[len(prefix):], true
	}
	return s, false
}

// url returns the URL of the page that follows this one and starts after a position, or of the first
// page for nil.
func (s search) url(after *ledger.Cursor) string {
	q := s.filters()
	if after != nil {
		setNext(q, s.Page, positionText(s.After), positionText(after), s.Trail)
	}
	return domainsURL(q)
}

// previous is the URL of the page before this one; empty if that isn't known.
func (s search) previous() string {
	q := s.filters()
	if !setPrevious(q, s.Page, s.Trail) {
		return ""
	}
	return domainsURL(q)
}

// positionText is a position in a URL; empty for nil.
func positionText(at *ledger.Cursor) string {
	if at == nil {
		return ""
	}
	return string(at.State) + "/" + at.App + "/" + at.Domain
}

func domainsURL(q url.Values) string { return strings.TrimSuffix("/domains?"+q.Encode(), "?") }

// filters is the query of the first page's URL.
func (s search) filters() url.Values {
	q := url.Values{}
	if s.Text != "" {
		q.Set("q", s.Text)
	}
	if len(s.Apps) > 0 {
		q["app"] = s.Apps
	}
	for _, state := range s.States {
		q.Add("state", string(state))
	}
	if s.Cause != "" {
		q.Set("cause", s.Cause)
	}
	if s.Snoozed {
		q.Set("snoozed", "1")
	}
	return q
}

// domainsPage is the body of the page /domains.
type domainsPage struct {
	search
	Filters    []filterOption // states
	AppFilters []filterOption // all apps, or only the selected ones
	MoreApps   bool           // there are more apps than AppFilters has
	Causes     []causeOption  // that domains have, and the selected one
	AllSnoozed int            // snoozed domains
	ledger.Page
}

// filterOption is a check box.
type filterOption struct {
	Value    string
	Selected bool
}

// causeOption is a cause to choose.
type causeOption struct {
	Value    string
	Label    string
	Count    int // of the domains that have it and aren't snoozed
	Selected bool
}

// causeOptions returns the causes of the apps' domains, that of the most first.
func (s search) causeOptions(apps []ledger.App) (options []causeOption) {
	causes := ledger.CauseCounts{}
	for _, a := range apps {
		causes.Add(a.Causes)
	}
	_, selected := s.text()
	if selected != nil && causes[*selected] == nil {
		causes[*selected] = nil
	}
	for _, code := range causes.Sorted() {
		options = append(options, causeOption{causeOf(code), code.Label(), causes.Of(code), selected != nil && *selected == code})
	}
	return options
}

// State is the option's value as a state.
func (f filterOption) State() tasks.State { return tasks.State(f.Value) }

// Query is the search as the query of a URL.
func (d domainsPage) Query() string {
	_, query, _ := strings.Cut(d.url(nil), "?")
	return query
}

// Export is the URL of all results as a file, in a format.
func (d domainsPage) Export(format string) string {
	return strings.TrimSuffix("/domains/export?format="+format+"&"+d.Query(), "&")
}

// First is the URL of the first page.
func (d domainsPage) First() string { return d.url(nil) }

// Previous is the URL of the page before this one; empty if there is none, or if it isn't known.
func (d domainsPage) Previous() string { return d.previous() }

// Following is the URL of the next page; empty on the last one.
func (d domainsPage) Following() string {
	if d.Next == nil {
		return ""
	}
	return d.url(d.Next)
}

// Filtered reports whether the search limits the result.
func (d domainsPage) Filtered() bool {
	return d.Text != "" || len(d.Apps) > 0 || len(d.States) > 0 || d.Cause != "" || d.Snoozed
}

// Counted reports whether the number of domains is known.
func (d domainsPage) Counted() bool { return d.Total >= 0 }

// Pages is the number of pages. If it isn't known, it is that of this page, or one more.
func (d domainsPage) Pages() int {
	if !d.Counted() && d.Next != nil {
		return d.search.Page + 1
	}
	return max(1, (d.Total+domainsPerPage-1)/domainsPerPage, d.search.Page)
}

// Number is the number of this page.
func (d domainsPage) Number() int { return d.search.Page }

// query returns a search as a query of the ledger. It reads the index of names if a text was typed.
func (p *pageServer) query(ctx context.Context, apps []ledger.App, s search) (ledger.Query, error) {
	text, cause := s.text()
	among, err := p.names.among(ctx, apps, text)
	return ledger.Query{Apps: s.Apps, States: s.States, Cause: cause, Snoozed: s.Snoozed, Among: among, After: s.After, Limit: domainsPerPage}, err
}

func (p *pageServer) domains(w http.ResponseWriter, r *http.Request) error {
	s, err := parseSearch(r.URL.Query())
	if err != nil {
		return err
	}
	body := domainsPage{search: s}
	apps, err := p.reader.AppStates(r.Context()) // sorted
	if err != nil {
		return err
	}
	q, err := p.query(r.Context(), apps, s)
	if err != nil {
		return err
	}
	if body.Page, err = p.reader.Find(r.Context(), apps, q); err != nil {
		return err
	}
	body.Causes = s.causeOptions(apps)
	for _, a := range apps {
		body.AllSnoozed += a.Snoozed()
	}
	for _, state := range tasks.StatesByUrgency() {
		body.Filters = append(body.Filters, filterOption{string(state), slices.Contains(s.States, state)})
	}
	live, err := p.reader.Workers(r.Context())
	if err != nil {
		return err
	}
	served, unserved := ledger.SplitUnserved(apps, live)
	body.MoreApps = len(served) > maxAppFilters || len(unserved) > 0
	for _, app := range apps {
		offered := len(served) <= maxAppFilters && slices.ContainsFunc(served, func(a ledger.App) bool { return a.ID == app.ID })
		if selected := slices.Contains(s.Apps, app.ID); selected || offered {
			body.AppFilters = append(body.AppFilters, filterOption{app.ID, selected})
		}
	}
	watch := ""
	if len(s.Apps) == 1 {
		watch = s.Apps[0]
	}
	return p.render(w, r, http.StatusOK, "domains", layoutData{Title: "Domains", Section: "/domains", Watch: watch, Reload: 60, Body: body})
}
