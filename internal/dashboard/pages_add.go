package dashboard

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"pilotsync/enqueue"
	"pilotsync/tasks"
)

const (
	// formLimit is how large a posted form may be, in bytes: 50 names are at most 13 KiB.
	formLimit = 64 << 10
	// maxProblemsShown is how many lines that aren't domain names are shown.
	maxProblemsShown = 20
)

// addPage is what the page shows after domains were checked, and before they are added.
type addPage struct {
	App     string
	Text    string // of the form
	Checked []checkedDomain
	// Invalid has an error for each line that isn't a domain name, at most maxProblemsShown.
	Invalid []string
	// More counts the other such lines.
	More int
}

// checkedDomain is a domain with a worker's result. Its Code is empty if no worker answered.
type checkedDomain struct {
	tasks.CheckResult
	// Changes are the DNS records to change, if DNS is wrong.
	Changes []tasks.RecordStatus
}

// Sentence is the cause as a sentence.
func (d checkedDomain) Sentence() string { return sentence(d.Cause.Sentence()) }

// Others are the problems other than the domain's cause.
func (d checkedDomain) Others() []tasks.Cause {
	var others []tasks.Cause
	for _, c := range d.Problems {
		if name := cmp.Or(c.Params.Name, d.Domain); name != d.Domain || c.Code != d.Code {
			others = append(others, c)
		}
	}
	return others
}

// Ready are the domains that would work, and All are all of them.
func (a addPage) Ready() []string { return a.domains(func(d checkedDomain) bool { return d.OK }) }
func (a addPage) All() []string   { return a.domains(func(checkedDomain) bool { return true }) }

func (a addPage) domains(include func(checkedDomain) bool) []string {
	var all []string
	for _, d := range a.Checked {
		if include(d) {
			all = append(all, d.Domain)
		}
	}
	return all
}

// checkDomains asks the workers whether the domains of the form "Add domains" would work, and
// shows the results. It adds nothing.
func (p *pageServer) checkDomains(w http.ResponseWriter, r *http.Request) error {
	app, text, err := p.addForm(w, r)
	if err != nil {
		return err
	}
	body := addPage{App: app, Text: text}
	var targets []enqueue.Target
	for _, line := range lines(text) {
		domain, err := tasks.ParseDomain(line)
		switch {
		case err == nil:
			targets = append(targets, enqueue.Target{AppID: app, Domain: domain})
		case len(body.Invalid) < maxProblemsShown:
			body.Invalid = append(body.Invalid, err.Error())
		default:
			body.More++
		}
	}
	targets = unique(targets)
	if len(targets) > tasks.MaxChecks {
		return &actionError{"Check domains", appPath(app), tooMany(len(targets))}
	}
	results, err := p.enqueuer.Check(r.Context(), operatorName(r), targets...)
	if err != nil && !errors.Is(err, enqueue.ErrNoResult) {
		return &actionError{"Check domains", appPath(app), err}
	}
	for i, result := range results {
		result.Domain = targets[i].Domain
		body.Checked = append(body.Checked, checkedDomain{result, tasks.AllRecords(result.Names, nil, result.Problems)})
	}
	return p.render(w, r, http.StatusOK, "add", layoutData{Title: "Add domains to " + app, Section: "/apps", Body: body})
}

// addDomains enqueues the additions of the domains of a form, and redirects to the app's page.
func (p *pageServer) addDomains(w http.ResponseWriter, r *http.Request) error {
	app, text, err := p.addForm(w, r)
	if err != nil {
		return err
	}
	names := lines(text)
	failed := func(err error) error { return &actionError{"Add domains", appPath(app), err} }
	if len(names) > tasks.MaxChecks {
		return failed(tooMany(len(names)))
	}
	var reqs []enqueue.Request
	for _, name := range names {
		req := enqueue.Request{AppID: app, Domain: name, By: operatorName(r)}
		if canonical, err := tasks.ParseDomain(name); err == nil {
			view, known, err := p.reader.Domain(r.Context(), app, canonical)
			switch {
			case err != nil:
				return err
			case known:
				req = request(view, false, operatorName(r))
			}
		}
		reqs = append(reqs, req)
	}
	if _, err := p.enqueuer.Enqueue(r.Context(), reqs...); err != nil {
		return failed(err)
	}
	http.Redirect(w, r, appPath(app)+"?asked=additions", http.StatusSeeOther)
	return nil
}

// addForm returns the app of a form and the text with its domains.
func (p *pageServer) addForm(w http.ResponseWriter, r *http.Request) (app, text string, err error) {
	app = r.PathValue("app")
	if err := p.checkApp(r.Context(), app); err != nil {
		return "", "", err
	}
	r.Body = http.MaxBytesReader(w, r.Body, formLimit)
	if err := r.ParseForm(); err != nil {
		return "", "", &actionError{"Read the form", appPath(app), fmt.Errorf("%w: %w", enqueue.ErrInvalid, err)}
	}
	return app, r.PostForm.Get("domains"), nil
}

// lines are the lines of a text that aren't empty.
func lines(text string) []string {
	var all []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
}

// unique removes repeated targets, and keeps the order.
func unique(targets []enqueue.Target) []enqueue.Target {
	var all []enqueue.Target
	seen := map[enqueue.Target]bool{}
	for _, t := range targets {
		if !seen[t] {
			all = append(all, t)
		}
		seen[t] = true
	}
	return all
}

func tooMany(n int) error {
	return fmt.Errorf("%w: %d domains, and the form takes %d at once; for more run 'pilotsync enqueue add --file=FILE'", enqueue.ErrInvalid, n, tasks.MaxChecks)
}
