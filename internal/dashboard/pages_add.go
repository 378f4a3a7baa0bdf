package dashboard

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"pilotsync/enqueue"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

// addPage is the page of the form "Add domains": with what is wrong, or with the workers' results.
type addPage struct {
	App  string
	Text string // of the form
	// Failure is why the form wasn't taken. Its Heading is empty if it was.
	Failure errorPage
	// Invalid has an error for each line that isn't a domain name, at most maxProblemsShown.
	Invalid []string
	// More counts the other such lines, and Repeated those whose domain another line has.
	More, Repeated int
	// Run has the domains that are checked; nil before.
	Run *checkedRun
}

// checkedRun is how far the check of a list of domains is.
type checkedRun struct {
	ID      string
	Domains []checkedDomain // what needs a look first
	// Answered, OK and Unanswered count domains.
	Answered, OK, Unanswered int
	// Room is how many names fit on the app's list, and Need how many the New domains need that would
	// work and aren't on it. Beyond of them don't fit. All are 0 until the check has ended.
	Room, Need, New, Beyond int
	// Ended reports that no result comes any more, and Failure why some are missing.
	Ended   bool
	Failure string
}

// checkedDomain is a domain with a worker's result. Its Code is empty if it has none.
type checkedDomain struct {
	tasks.CheckResult
	// Changes are the DNS records to change, if DNS is wrong.
	Changes []tasks.RecordStatus
	// Listed reports that all of its names are on the app's list. Selected is how the form begins, and
	// NoRoom why a domain that would work isn't selected.
	Listed, Selected, NoRoom bool
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

// rank sorts domains: those that wouldn't work, those without a result, those with a smaller
// problem, and the others.
func (d checkedDomain) rank() int {
	switch {
	case d.Code == "":
		return 1
	case !d.OK:
		return 0
	case len(d.Others()) > 0:
		return 2
	}
	return 3
}

// newCheckedRun sorts and counts the results that a run has now.
func newCheckedRun(id string, run ledger.CheckRun, now time.Time) *checkedRun {
	c := &checkedRun{ID: id, Ended: run.Ended, Failure: run.Failure}
	if !c.Ended && now.Sub(run.ProgressAt) > checkRunSilence {
		c.Ended, c.Failure = true, "the dashboard that had them checked has stopped"
	}
	for _, domain := range run.Domains {
		result, ok := run.Results[domain]
		result.Domain = domain
		if ok {
			c.Answered++
		}
		if result.OK {
			c.OK++
		}
		c.Domains = append(c.Domains, checkedDomain{CheckResult: result, Changes: tasks.AllRecords(result.Names, nil, result.Problems)})
	}
	c.Unanswered = len(c.Domains) - c.Answered
	slices.SortStableFunc(c.Domains, func(a, b checkedDomain) int { return cmp.Compare(a.rank(), b.rank()) })
	return c
}

// Bad is how many domains wouldn't work yet.
func (c *checkedRun) Bad() int { return c.Answered - c.OK }

// checkDomains has workers check the domains of the form "Add domains", and redirects to the page
// of the results. It adds nothing. If it fails, the form comes back with all that it had.
func (p *pageServer) checkDomains(w http.ResponseWriter, r *http.Request) error {
	app := r.PathValue("app")
	text, err := addText(w, r)
	body := addPage{App: app, Text: text}
	fail := func(err error) error {
		body.Failure = formFailure("Check domains", err)
		return p.renderAdd(w, r, body.Failure.Status, body)
	}
	if err != nil {
		return fail(err)
	}
	if err := p.checkApp(r.Context(), app); err != nil {
		if missing := (*notFound)(nil); errors.As(err, &missing) {
			return err
		}
		return fail(err)
	}
	run := ledger.CheckRun{App: app, By: operatorName(r), At: p.now().UTC(), Text: text}
	parsed := parseDomains(text)
	run.Domains, run.Invalid, run.More, run.Repeated = parsed.domains, parsed.invalid, parsed.more, parsed.repeated
	body.Invalid, body.More, body.Repeated = run.Invalid, run.More, run.Repeated
	switch n := len(run.Domains); {
	case n == 0 && len(run.Invalid) > 0:
		return p.renderAdd(w, r, http.StatusUnprocessableEntity, body)
	case n == 0:
		return fail(fmt.Errorf("%w: the form has no domain", enqueue.ErrInvalid))
	case n > maxAdded:
		return fail(tooMany(n, "add"))
	}
	release, refusal := p.checks.quota.Try(run.By)
	if refusal != 0 {
		return fail(fmt.Errorf("%w: a user may have %d at a time, and all users %d", errBusy, maxCheckRunsEach, maxCheckRuns))
	}
	id, err := p.checks.store.SaveCheckRun(r.Context(), run)
	if err != nil {
		release()
		return fail(err)
	}
	p.checks.start(id, run, release)
	http.Redirect(w, r, checkPath(app, id), http.StatusSeeOther)
	return nil
}

// checkPath is the path of the results of a run.
func checkPath(app, id string) string { return appPath(app) + "/checks/" + id }

// checkResults shows the results of a run.
func (p *pageServer) checkResults(w http.ResponseWriter, r *http.Request) error {
	app, id := r.PathValue("app"), r.PathValue("id")
	unknown := &notFound{"This check isn't stored any more. Check the domains again on the app's page."}
	if !bulkID.MatchString(id) {
		return unknown
	}
	run, ok, err := p.checks.store.CheckRun(r.Context(), id)
	if err != nil {
		return err
	}
	if !ok || run.App != app {
		return unknown
	}
	checked := newCheckedRun(id, run, p.now())
	if checked.Ended {
		room, err := p.listRoom(r.Context(), app)
		if err != nil {
			return err
		}
		checked.choose(room)
	}
	return p.renderAdd(w, r, http.StatusOK, addPage{App: app, Text: run.Text, Invalid: run.Invalid, More: run.More, Repeated: run.Repeated, Run: checked})
}

func (p *pageServer) renderAdd(w http.ResponseWriter, r *http.Request, status int, body addPage) error {
	data := layoutData{Title: "Add domains to " + body.App, Section: "/apps", Body: body}
	if body.Run != nil && !body.Run.Ended {
		data.Reload = 2
	}
	return p.render(w, r, status, "add", data)
}

// addDomains enqueues the additions of the selected domains, and redirects to the page of their
// progress.
func (p *pageServer) addDomains(w http.ResponseWriter, r *http.Request) error {
	app := r.PathValue("app")
	if err := p.checkApp(r.Context(), app); err != nil {
		return err
	}
	back := appPath(app)
	failed := func(err error) error { return &actionError{"Add domains", back, err} }
	r.Body = http.MaxBytesReader(w, r.Body, addFormLimit)
	if err := r.ParseForm(); err != nil {
		return failed(fmt.Errorf("%w: %w", enqueue.ErrInvalid, formError(err)))
	}
	if id := r.PostForm.Get("check"); bulkID.MatchString(id) {
		back = checkPath(app, id)
	}
	parsed := parseDomains(strings.Join(r.PostForm["select"], "\n"))
	domains, invalid := parsed.domains, parsed.invalid
	switch n := len(domains); {
	case len(invalid) > 0:
		return failed(fmt.Errorf("%w: %s", enqueue.ErrInvalid, invalid[0]))
	case n == 0:
		return failed(fmt.Errorf("%w: no domain is selected", enqueue.ErrInvalid))
	case n > maxAdded:
		return failed(tooMany(n, "add"))
	}
	at := make([]ledger.Position, len(domains))
	for i, domain := range domains {
		at[i] = ledger.Position{App: app, Domain: domain}
	}
	known, err := p.bulks.Views(r.Context(), at)
	if err != nil {
		return failed(err)
	}
	options := map[string]ledger.View{} // a domain keeps its own
	for _, v := range known {
		options[v.Domain] = v
	}
	reqs := make([]enqueue.Request, len(domains))
	for i, domain := range domains {
		reqs[i] = enqueue.Request{AppID: app, Domain: domain, By: operatorName(r)}
		if v, ok := options[domain]; ok {
			reqs[i] = request(v, false, operatorName(r))
		}
	}
	receipts, err := p.enqueuer.Enqueue(r.Context(), reqs...)
	return p.showProgress(w, r, "add", back, 0, bulkItems(receipts), err)
}
