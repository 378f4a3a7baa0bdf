package dashboard

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"pilotsync/worker/ledger"
)

// appsPage is the body of the page /apps.
type appsPage struct {
	Text   string // as typed: a part of an app's id
	Number int    // of this page, from 1
	Total  int    // apps on all pages
	Apps   []ledger.App
}

// Filtered reports whether the search limits the result.
func (a appsPage) Filtered() bool { return a.Text != "" }

// Counted reports that the number of apps is known.
func (a appsPage) Counted() bool { return true }

// Pages is the number of pages.
func (a appsPage) Pages() int { return max(1, (a.Total+pageSize-1)/pageSize) }

// First is the URL of the first page.
func (a appsPage) First() string { return a.url(1) }

// Previous is the URL of the page before this one; empty on the first one.
func (a appsPage) Previous() string {
	if a.Number == 1 {
		return ""
	}
	return a.url(a.Number - 1)
}

// Following is the URL of the next page; empty on the last one.
func (a appsPage) Following() string {
	if a.Number == a.Pages() {
		return ""
	}
	return a.url(a.Number + 1)
}

func (a appsPage) url(number int) string {
	q := url.Values{}
	if a.Text != "" {
		q.Set("q", a.Text)
	}
	if number > 1 {
		q.Set("page", strconv.Itoa(number))
	}
	if len(q) == 0 {
		return "/apps"
	}
	return "/apps?" + q.Encode()
}

// parseAppsQuery reads the query of a URL. [appsPage.fill] limits the number of the page.
func parseAppsQuery(q url.Values) (appsPage, error) {
	a := appsPage{Text: strings.TrimSpace(q.Get("q")), Number: 1}
	if page := q.Get("page"); page != "" {
		n, err := strconv.Atoi(page)
		if err != nil || n < 1 {
			return a, fmt.Errorf("%w: page is %q; it takes a number from 1", errBadQuery, page)
		}
		a.Number = n
	}
	return a, nil
}

// fill puts its part of all apps onto the page, the most urgent first. Those that no worker has
// ever served follow all others in trouble: any producer can invent them.
func (a *appsPage) fill(apps []ledger.App, live []ledger.Worker) {
	part := strings.ToLower(a.Text)
	apps = slices.DeleteFunc(ledger.AddServed(apps, live), func(app ledger.App) bool { return !strings.Contains(strings.ToLower(app.ID), part) })
	sortByUrgency(apps)
	served, unserved := ledger.SplitUnserved(apps, live)
	calm := slices.IndexFunc(served, func(app ledger.App) bool { return urgency(app) == noUrgency })
	if calm < 0 {
		calm = len(served)
	}
	apps = slices.Concat(served[:calm], unserved, served[calm:])
	a.Total = len(apps)
	a.Number = min(a.Number, a.Pages())
	from := (a.Number - 1) * pageSize
	a.Apps = apps[from:min(from+pageSize, len(apps))]
}

// apps serves the page of all apps.
func (p *pageServer) apps(w http.ResponseWriter, r *http.Request) error {
	body, err := parseAppsQuery(r.URL.Query())
	if err != nil {
		return err
	}
	apps, err := p.reader.AppStates(r.Context())
	if err != nil {
		return err
	}
	live, err := p.reader.Workers(r.Context())
	if err != nil {
		return err
	}
	body.fill(apps, live)
	return p.render(w, r, http.StatusOK, "apps", layoutData{Title: "Apps", Section: "/apps", Reload: 10, Body: body})
}

// sortByUrgency sorts apps by their urgency. Of equal ones, those with more domains that need a person
// come first, then those with a longer list.
func sortByUrgency(apps []ledger.App) {
	type rank struct{ urgency, domains int }
	ranks := make(map[string]rank, len(apps))
	for _, a := range apps {
		r, attention := rank{urgency: urgency(a)}, a.Attention()
		for code := range attention {
			r.domains += attention.Of(code)
		}
		ranks[a.ID] = r
	}
	slices.SortStableFunc(apps, func(a, b ledger.App) int {
		of, than := ranks[a.ID], ranks[b.ID]
		return cmp.Or(of.urgency-than.urgency, than.domains-of.domains, b.Listed-a.Listed, cmp.Compare(a.ID, b.ID))
	})
}

// noUrgency is the urgency of an app without trouble.
const noUrgency = 5

func urgency(a ledger.App) int {
	switch {
	case a.Failure != nil && a.Failure.Blocked, a.Disconnected():
		return 0
	case a.Failure != nil:
		return 1
	case a.Paused != "":
		return 2
	case a.ActionWarning() != nil:
		return 3
	case len(a.Attention()) > 0:
		return 4
	}
	return noUrgency
}
