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

// domainsShown is the number of domains on a page.
const domainsShown = 50

// errBadQuery is wrapped by errors about an address that no link of ours has.
var errBadQuery = errors.New("the address isn't understood")

// search is what is looked for, as it stands in the page's address.
type search struct {
	Text   string // as it was typed
	Apps   []string
	States []tasks.State
	After  *ledger.Position
	Page   int // from 1; what the reader counts, not what is read by
}

// parseSearch reads the address of a page of domains. App ids and states that
// can't be are refused.
func parseSearch(q url.Values) (search, error) {
	s := search{Text: strings.TrimSpace(q.Get("q")), Page: 1}
	for _, app := range q["app"] {
		if app == "" {
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

// prefix is what was typed as the beginning of a canonical name: what is copied
// out of a browser is cut down to the host, and international letters become
// what stands in the ledger, as far as the beginning of a name allows.
func prefix(text string) string {
	if _, rest, ok := strings.Cut(text, "://"); ok {
		text = rest
	}
	text, _, _ = strings.Cut(text, "/")
	text = strings.ToLower(strings.TrimSpace(text))
	if ascii(text) {
		return text
	}
	// A label that is not typed to its end has another punycode than the whole
	// one; what stands before is found all the same.
	name, err := idna.Lookup.ToASCII(strings.TrimSuffix(text, "."))
	if err != nil {
		return text
	}
	return name
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 })
}

// query is the search as the ledger takes it.
func (s search) query() ledger.Query {
	return ledger.Query{Apps: s.Apps, States: s.States, Prefix: prefix(s.Text), After: s.After, Limit: domainsShown}
}

// address is the page that follows after a position; the first one for nil.
func (s search) address(after *ledger.Position) string {
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
	Filters    []choice // states
	AppFilters []choice
	ledger.Page
}

// choice is a check box.
type choice struct {
	Value  string
	Chosen bool
}

// State is the choice's value as a state.
func (c choice) State() tasks.State { return tasks.State(c.Value) }

// First is the address of the first page, and Following of the next.
func (d domainsPage) First() string     { return d.address(nil) }
func (d domainsPage) Following() string { return d.address(d.Page.Next) }

// Filtered reports whether anything limits what is shown.
func (d domainsPage) Filtered() bool { return d.Text != "" || len(d.Apps) > 0 || len(d.States) > 0 }

// Pages is the number of pages there are.
func (d domainsPage) Pages() int { return max(1, (d.Total+domainsShown-1)/domainsShown, d.search.Page) }

// Number is the page's own number.
func (d domainsPage) Number() int { return d.search.Page }

func (p *server) domains(w http.ResponseWriter, r *http.Request) error {
	s, err := parseSearch(r.URL.Query())
	if err != nil {
		return err
	}
	body := domainsPage{search: s}
	if body.Page, err = p.read.Find(r.Context(), s.query()); err != nil {
		return err
	}
	for _, state := range statesByUrgency() {
		body.Filters = append(body.Filters, choice{string(state), slices.Contains(s.States, state)})
	}
	revisions, err := p.read.Revisions(r.Context())
	if err != nil {
		return err
	}
	for app := range revisions {
		body.AppFilters = append(body.AppFilters, choice{app, slices.Contains(s.Apps, app)})
	}
	slices.SortFunc(body.AppFilters, func(a, b choice) int { return strings.Compare(a.Value, b.Value) })
	watch := ""
	if len(s.Apps) == 1 {
		watch = s.Apps[0]
	}
	return p.show(w, r, http.StatusOK, "domains", layoutData{Title: "Domains", Here: "/domains", Watch: watch, Reload: 60, Body: body})
}
