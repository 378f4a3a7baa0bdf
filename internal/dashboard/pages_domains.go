package dashboard

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/idna"

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
	Text   string // as typed
	Apps   []string
	States []tasks.State
	After  *ledger.Position
	Page   int // from 1; only shown, since After decides where the page starts
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
	if app, domain, ok := strings.Cut(q.Get("after"), "/"); ok {
		s.After = &ledger.Position{App: app, Domain: domain}
		if n, err := strconv.Atoi(q.Get("page")); err == nil && n > 1 {
			s.Page = n
		}
	}
	slices.Sort(s.Apps)
	s.Apps, s.States = slices.Compact(s.Apps), dedupe(s.States)
	return s, nil
}

func dedupe(states []tasks.State) []tasks.State {
	slices.Sort(states)
	return slices.Compact(states)
}

// namePrefix turns what was typed into the beginning of a canonical name. It extracts the
// host from a URL. It converts international letters to punycode, as far as the beginning of
// a name allows.
func namePrefix(text string) string {
	if _, rest, ok := strings.Cut(text, "://"); ok {
		text = rest
	}
	text, _, _ = strings.Cut(text, "/")
	text = strings.ToLower(strings.TrimSpace(text))
	if isASCII(text) {
		return text
	}
	// The punycode of an incomplete last label differs from that of the whole label. The
	// labels before it are still found.
	name, err := idna.Lookup.ToASCII(strings.TrimSuffix(text, "."))
	if err != nil {
		return text
	}
	return name
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 })
}

// query returns the search as a query of the ledger.
func (s search) query() ledger.Query {
	return ledger.Query{Apps: s.Apps, States: s.States, Prefix: namePrefix(s.Text), After: s.After, Limit: domainsPerPage}
}

// url returns the URL of the page that starts after a position, or of the first page for nil.
func (s search) url(after *ledger.Position) string {
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
	if after != nil {
		q.Set("after", after.App+"/"+after.Domain)
		q.Set("page", strconv.Itoa(s.Page+1))
	}
	if len(q) == 0 {
		return "/domains"
	}
	return "/domains?" + q.Encode()
}

// domainsPage is the body of the page /domains.
type domainsPage struct {
	search
	Filters    []filterOption // states
	AppFilters []filterOption // all apps, or only the selected ones
	MoreApps   bool           // there are more apps than AppFilters has
	ledger.Page
}

// filterOption is a check box.
type filterOption struct {
	Value    string
	Selected bool
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

// Following is the URL of the next page; empty on the last one.
func (d domainsPage) Following() string {
	if d.Next == nil {
		return ""
	}
	return d.url(d.Next)
}

// Filtered reports whether the search limits the result.
func (d domainsPage) Filtered() bool { return d.Text != "" || len(d.Apps) > 0 || len(d.States) > 0 }

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

func (p *pageServer) domains(w http.ResponseWriter, r *http.Request) error {
	s, err := parseSearch(r.URL.Query())
	if err != nil {
		return err
	}
	body := domainsPage{search: s}
	if body.Page, err = p.reader.Find(r.Context(), s.query()); err != nil {
		return err
	}
	for _, state := range statesByUrgency() {
		body.Filters = append(body.Filters, filterOption{string(state), slices.Contains(s.States, state)})
	}
	apps, err := p.reader.AppStates(r.Context()) // sorted
	if err != nil {
		return err
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
