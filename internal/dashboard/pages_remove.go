package dashboard

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"pilotsync/enqueue"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

// removalList is a list of domains that a user wants to remove, and what of it isn't removed.
type removalList struct {
	App, Text string
	// Failure is why nothing can be removed. Its Heading is empty if something can.
	Failure errorPage
	// Unknown are domains that the ledger doesn't have on this app.
	Unknown firstOf[string]
	// Invalid, More and Repeated are as in [addPage].
	Invalid        []string
	More, Repeated int
}

// removeListed shows which domains of a list leave an app, and asks. Then [pageServer.actOnDomains]
// removes them. If none leaves, the form comes back with all that it had.
func (p *pageServer) removeListed(w http.ResponseWriter, r *http.Request) error {
	app := r.PathValue("app")
	text, err := addText(w, r)
	body := bulkConfirmation{Back: appPath(app), List: &removalList{App: app, Text: text}}
	if err == nil {
		err = p.checkApp(r.Context(), app)
	}
	if missing := (*notFound)(nil); errors.As(err, &missing) {
		return err
	}
	if err == nil {
		err = p.fillRemoval(r, &body)
	}
	status := http.StatusOK
	if err != nil {
		body.List.Failure = formFailure("Remove domains", err)
		status = body.List.Failure.Status
	}
	return p.render(w, r, status, "bulk_remove", layoutData{Title: "Remove domains", Section: "/apps", Body: body})
}

// fillRemoval reads which domains of the list the app has.
func (p *pageServer) fillRemoval(r *http.Request, body *bulkConfirmation) error {
	list := body.List
	parsed := parseDomains(list.Text)
	list.Invalid, list.More, list.Repeated = parsed.invalid, parsed.more, parsed.repeated
	switch n := len(parsed.domains); {
	case n == 0:
		return fmt.Errorf("%w: the form has no domain", enqueue.ErrInvalid)
	case n > maxBulk:
		return tooMany(n, "remove")
	}
	at := make([]ledger.Position, len(parsed.domains))
	for i, domain := range parsed.domains {
		at[i] = ledger.Position{App: list.App, Domain: domain}
	}
	views, err := p.bulks.Views(r.Context(), at)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, v := range views {
		known[v.Domain] = true
		if v.State == tasks.Removed {
			body.Skipped++
		} else {
			body.Views = append(body.Views, v)
		}
	}
	var unknown []string
	for _, domain := range parsed.domains {
		if !known[domain] {
			unknown = append(unknown, domain)
		}
	}
	list.Unknown = newFirstOf(maxProblemsShown, unknown)
	switch body.Selected = positionLines(body.Views); {
	case len(body.Views) > 0:
		body.Views, err = p.withLeavingNames(r.Context(), body.Views)
		return err
	case body.Skipped > 0:
		return fmt.Errorf("%w: none of these domains is on app %s; removed already: %s", enqueue.ErrInvalid, list.App, formatNumber(body.Skipped))
	}
	return fmt.Errorf("%w: none of these domains is on app %s", enqueue.ErrInvalid, list.App)
}

// withLeavingNames leaves out of the names of domains that are removed those that stay: a www form
// that is a domain of its own, and isn't removed, too.
func (p *pageServer) withLeavingNames(ctx context.Context, removed []ledger.View) ([]ledger.View, error) {
	leaving := map[ledger.Position]bool{}
	for _, v := range removed {
		leaving[ledger.Position{App: v.AppID, Domain: v.Domain}] = true
	}
	var forms []ledger.Position
	for _, v := range removed {
		for _, name := range v.Names {
			if at := (ledger.Position{App: v.AppID, Domain: name}); !leaving[at] {
				forms = append(forms, at)
			}
		}
	}
	if len(forms) == 0 {
		return removed, nil
	}
	others, err := p.bulks.Views(ctx, forms)
	if err != nil {
		return nil, err
	}
	stays := map[ledger.Position]bool{}
	for _, v := range others {
		// An addition that waits may be refused, so it keeps no name.
		if v.Record.Wanted && (v.Pending == nil || !v.Pending.Remove) {
			stays[ledger.Position{App: v.AppID, Domain: v.Domain}] = true
		}
	}
	all := slices.Clone(removed)
	for i, v := range all {
		all[i].Names = slices.DeleteFunc(slices.Clone(v.Names), func(name string) bool { return stays[ledger.Position{App: v.AppID, Domain: name}] })
	}
	return all, nil
}
