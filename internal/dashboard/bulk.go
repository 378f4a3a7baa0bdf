package dashboard

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"pilotsync/enqueue"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

const (
	// maxBulk is how many domains one action takes.
	maxBulk = 1000
	// bulkFormLimit is how large a form with maxBulk domains may be, in bytes.
	bulkFormLimit = 1 << 20
	// bulkLimit is how long an action on many domains may take: less than a response may.
	bulkLimit = 20 * time.Second
	// bulkChunk is how many tasks one call enqueues, bulkParallel how many calls run at a time.
	bulkChunk, bulkParallel = 100, 8
)

// bulkStore keeps which domains an action is about; [*ledger.Ledger] in production.
type bulkStore interface {
	SaveBulk(ctx context.Context, b ledger.Bulk) (id string, err error)
	Bulk(ctx context.Context, id string) (b ledger.Bulk, ok bool, err error)
	Views(ctx context.Context, at []ledger.Position) ([]ledger.View, error)
}

// bulkAction is what a user can do to many domains.
type bulkAction struct {
	name, label string
	takes       func(ledger.View) bool // the domains that it makes sense for
	rule        string                 // which these are
}

// bulkActions returns all actions. "add" is only for the form "Add domains".
func bulkActions() []bulkAction {
	return []bulkAction{
		{"verify", "Verify", canVerify, "only domains that are on the list can be verified, and no wildcards"},
		{"retry", "Retry", canRetry, "only domains that failed can be retried"},
		{"remove", "Remove", func(v ledger.View) bool { return v.State != tasks.Removed }, "they are removed already"},
	}
}

// canRetry reports whether an addition failed, or a domain doesn't work yet.
func canRetry(v ledger.View) bool {
	return v.State == tasks.Failed || v.State == tasks.Rejected || v.State == tasks.DoneWithoutSSL && !tasks.IsWildcard(v.Domain)
}

// bulkConfirmation is the body of the page that asks before domains are removed.
type bulkConfirmation struct {
	Views    []ledger.View // with the names that leave
	Skipped  int
	Selected string // the domains for the form, one per line
	Query    string // of the search that they were selected in
	Back     string // the URL of that search, or of the app's page
	// List is the list that they were named in; nil for selected domains.
	List *removalList
}

// Names is how many names leave their lists. What ServerPilot rejected is on none.
func (c bulkConfirmation) Names() int {
	names := map[ledger.Position]bool{}
	for _, v := range c.Views {
		if v.State != tasks.Rejected {
			for _, name := range v.Names {
				names[ledger.Position{App: v.AppID, Domain: name}] = true
			}
		}
	}
	return len(names)
}

// actOnDomains enqueues an action on the selected domains, or on all that a search finds, and
// redirects to the page of its progress. Removals are confirmed first, on a page of their own.
func (p *pageServer) actOnDomains(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, bulkFormLimit)
	if err := r.ParseForm(); err != nil {
		return &actionError{"Read the form", "/domains", fmt.Errorf("%w: %w", enqueue.ErrInvalid, err)}
	}
	back := (&url.URL{Path: "/domains", RawQuery: r.PostForm.Get("search")}).String()
	at := slices.IndexFunc(bulkActions(), func(a bulkAction) bool { return a.name == r.PostForm.Get("action") })
	if at < 0 {
		return &notFound{fmt.Sprintf("The action %q doesn't exist.", r.PostForm.Get("action"))}
	}
	action := bulkActions()[at]
	failed := func(err error) error { return &actionError{action.label + " domains", back, err} }
	selected, err := p.selected(r)
	switch {
	case errors.Is(err, enqueue.ErrInvalid):
		return failed(err)
	case err != nil:
		return err
	}
	views := slices.DeleteFunc(slices.Clone(selected), func(v ledger.View) bool { return !action.takes(v) })
	skipped := len(selected) - len(views)
	if len(views) == 0 {
		return failed(fmt.Errorf("%w: none of the %d selected domains takes it: %s", enqueue.ErrInvalid, skipped, action.rule))
	}
	if action.name == "remove" && r.PostForm.Get("confirmed") == "" {
		if views, err = p.withLeavingNames(r.Context(), views); err != nil {
			return err
		}
		body := bulkConfirmation{Views: views, Skipped: skipped, Selected: positionLines(views), Query: r.PostForm.Get("search"), Back: back}
		return p.render(w, r, http.StatusOK, "bulk_remove", layoutData{Title: "Remove domains", Section: "/domains", Body: body})
	}
	items, err := p.enqueueAll(r.Context(), action.name, operatorName(r), views)
	return p.showProgress(w, r, action.name, back, skipped, items, err)
}

// showProgress keeps which domains got a task, and redirects to the page of their progress. If
// none got one, it returns the error.
func (p *pageServer) showProgress(w http.ResponseWriter, r *http.Request, action, back string, skipped int, items []ledger.BulkItem, failure error) error {
	b := ledger.Bulk{Action: action, By: operatorName(r), At: p.now().UTC(), Skipped: skipped, Items: items}
	if failure != nil {
		if len(items) == 0 {
			return &actionError{bulkLabel(action) + " domains", back, failure}
		}
		b.Failure = failure.Error()
	}
	id, err := p.bulks.SaveBulk(r.Context(), b)
	if err != nil {
		return &actionError{fmt.Sprintf("%d domains have their tasks, but showing the progress", len(items)), back, err}
	}
	http.Redirect(w, r, "/bulk/"+id, http.StatusSeeOther)
	return nil
}

func bulkLabel(action string) string { return strings.ToUpper(action[:1]) + action[1:] }

// selected returns the domains of a form: those that it names, or all that its search finds.
func (p *pageServer) selected(r *http.Request) ([]ledger.View, error) {
	if r.PostForm.Get("all") != "" {
		return p.allFound(r.Context(), r.PostForm.Get("search"))
	}
	var at []ledger.Position
	for _, field := range r.PostForm["select"] { // a check box, or the lines of a confirmation
		for _, line := range lines(field) {
			app, domain, ok := strings.Cut(line, "/")
			if err := tasks.CheckAppID(app); !ok || err != nil {
				return nil, fmt.Errorf("%w: %.80q isn't an app's id, a slash and a domain", enqueue.ErrInvalid, line)
			}
			at = append(at, ledger.Position{App: app, Domain: domain})
		}
	}
	seen := map[ledger.Position]bool{}
	at = slices.DeleteFunc(at, func(p ledger.Position) bool {
		repeated := seen[p]
		seen[p] = true
		return repeated
	})
	switch {
	case len(at) == 0:
		return nil, fmt.Errorf("%w: no domain is selected", enqueue.ErrInvalid)
	case len(at) > maxBulk:
		return nil, fmt.Errorf("%w: %s domains are selected, and one action takes %s", enqueue.ErrInvalid, formatNumber(len(at)), formatNumber(maxBulk))
	}
	return p.bulks.Views(r.Context(), at)
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

// allFound returns all domains that a search finds.
func (p *pageServer) allFound(ctx context.Context, query string) (all []ledger.View, err error) {
	err = p.eachFound(ctx, query, func(views []ledger.View) error {
		if all = append(all, views...); len(all) > maxBulk {
			return fmt.Errorf("%w: more than %s domains match, and one action takes %s; narrow the search, such as to one app or state",
				enqueue.ErrInvalid, formatNumber(maxBulk), formatNumber(maxBulk))
		}
		return nil
	})
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("%w: no domain matches any more", enqueue.ErrInvalid)
	}
	return all, err
}

// foundAtOnce is how many domains one read of a search returns.
const foundAtOnce = 500

// eachFound calls f with the results of a search, as /domains takes it, some at a time. Each read
// may take readLimit.
func (p *pageServer) eachFound(ctx context.Context, query string, f func([]ledger.View) error) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return fmt.Errorf("%w: %w", errBadQuery, err)
	}
	s, err := parseSearch(values)
	if err != nil {
		return err
	}
	apps, err := p.reader.AppStates(ctx)
	if err != nil {
		return err
	}
	q, err := p.query(ctx, apps, s)
	if err != nil {
		return err
	}
	q.Limit, q.After, q.Stable = foundAtOnce, nil, true
	for {
		limited, cancel := context.WithTimeout(ctx, readLimit)
		page, err := p.reader.Find(limited, apps, q)
		cancel()
		if err != nil {
			return err
		}
		if err := f(page.Views); err != nil || page.Next == nil {
			return err
		}
		q.After = page.Next
	}
}

// enqueueAll enqueues an action on domains, and returns those that got a task. The error says why
// others got none.
func (p *pageServer) enqueueAll(ctx context.Context, action, by string, views []ledger.View) ([]ledger.BulkItem, error) {
	if action == "verify" {
		return p.verifyAll(ctx, by, views)
	}
	reqs := make([]enqueue.Request, len(views))
	for i, v := range views {
		reqs[i] = request(v, action == "remove", by)
	}
	receipts, err := p.enqueuer.Enqueue(ctx, reqs...)
	return bulkItems(receipts), err
}

// verifyAll enqueues verifications in chunks, since each takes a round trip to Redis.
func (p *pageServer) verifyAll(ctx context.Context, by string, views []ledger.View) ([]ledger.BulkItem, error) {
	chunks := slices.Collect(slices.Chunk(views, bulkChunk))
	receipts := make([][]enqueue.Receipt, len(chunks))
	var group errgroup.Group // it doesn't end at the first error: the other chunks may succeed
	group.SetLimit(bulkParallel)
	for i, chunk := range chunks {
		group.Go(func() (err error) {
			targets := make([]enqueue.Target, len(chunk))
			for j, v := range chunk {
				targets[j] = enqueue.Target{AppID: v.AppID, Domain: v.Domain}
			}
			receipts[i], err = p.enqueuer.Verify(ctx, by, targets...)
			return err
		})
	}
	err := group.Wait()
	return bulkItems(slices.Concat(receipts...)), err
}

// bulkItems are the domains that got a task.
func bulkItems(receipts []enqueue.Receipt) (items []ledger.BulkItem) {
	for _, r := range receipts {
		if r.TaskID != "" {
			items = append(items, ledger.BulkItem{App: r.AppID, Domain: r.Domain, Seq: r.Seq})
		}
	}
	return items
}

// positionLines are domains as a form has them, one per line.
func positionLines(views []ledger.View) string {
	all := make([]string, len(views))
	for i, v := range views {
		all[i] = v.AppID + "/" + v.Domain
	}
	return strings.Join(all, "\n")
}
