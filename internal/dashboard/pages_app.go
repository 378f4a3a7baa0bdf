package dashboard

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

const maxWrites = 20

// appPage is the body of an app's page.
type appPage struct {
	ledger.App
	Names []listedName
	Kinds []kindCount
	// ReadAt is when ServerPilot's list was read, and ListSize how many names it had.
	// ListError is why it couldn't be read.
	ReadAt    time.Time
	ListSize  int
	ListError string
	// Partial: more domains wait than are compared with the list.
	Partial      bool
	Writes       []ledger.Write
	Confirmation string // of the operator's last action
}

// Warned reports whether a certificate lacks names of the list, or a domain that works has a
// problem.
func (a appPage) Warned() bool {
	return a.Coverage != nil && a.Coverage.Covered < a.Coverage.Names ||
		slices.ContainsFunc(a.Names, func(n listedName) bool { return n.View != nil && troubled(*n.View) })
}

// nameKind is the origin of a name on the list.
type nameKind string

const (
	missingName  nameKind = "missing"     // desired, but not on the list
	manualName   nameKind = "set by hand" // not owned by pilotsync
	ownedName    nameKind = "owned"       // put there by pilotsync
	leftoverName nameKind = "left over"   // owned, but no desired domain has it
	unreadName   nameKind = "not seen"    // listed according to the ledger; the list couldn't be read
)

// Explanation is the kind in a sentence.
func (k nameKind) Explanation() string {
	switch k {
	case missingName:
		return "A desired domain has this name, but it isn't on the list. The next sync adds it."
	case manualName:
		return "It was added in ServerPilot. pilotsync never removes it."
	case ownedName:
		return "pilotsync added it."
	case leftoverName:
		return "pilotsync added it, but no desired domain has this name. The next sync removes it."
	case unreadName:
		return "According to the ledger it is on the list; the list itself couldn't be read."
	}
	return ""
}

// Class is the kind's class in the style sheet.
func (k nameKind) Class() string {
	return map[nameKind]string{missingName: "missing", manualName: "byhand", ownedName: "owned", leftoverName: "leftover"}[k]
}

// kindCount is the number of names of one kind.
type kindCount struct {
	Kind  nameKind
	Count int
}

func countKinds(names []listedName) []kindCount {
	var all []kindCount
	for _, kind := range []nameKind{missingName, leftoverName, manualName, ownedName, unreadName} {
		n := 0
		for _, name := range names {
			if name.Kind == kind {
				n++
			}
		}
		if n > 0 {
			all = append(all, kindCount{kind, n})
		}
	}
	return all
}

// listedName is a row of the table that compares the list with the ledger.
type listedName struct {
	Name string
	Kind nameKind
	// View is the domain that has the name; nil if none does.
	View *ledger.View
}

func (p *pageServer) app(w http.ResponseWriter, r *http.Request) error {
	ctx, id := r.Context(), r.PathValue("app")
	if err := p.checkApp(ctx, id); err != nil {
		return err
	}
	apps, err := p.reader.AppStates(ctx, id)
	if err != nil {
		return err
	}
	list, readAt, listErr := p.listCache.get(ctx, id)
	release, refusal := p.comparing.Acquire(ctx, userOf(ctx).Name)
	if refusal != 0 {
		return errComparing
	}
	defer release()
	views, partial, err := p.desired(ctx, apps[0])
	if err != nil {
		return err
	}
	owned, err := p.reader.Owned(ctx, id)
	if err != nil {
		return err
	}
	body := appPage{App: apps[0], Partial: partial, Confirmation: confirmation(r.URL.Query().Get("asked"))}
	if body.Writes, err = p.reader.Writes(ctx, id, maxWrites); err != nil {
		return err
	}
	if listErr != nil {
		body.ListError = listErr.Error()
		body.Names = namesFromLedger(views)
	} else {
		if partial {
			if views, err = p.withListed(ctx, id, list, views); err != nil {
				return err
			}
		}
		body.ReadAt, body.ListSize = readAt, len(list)
		body.Names = classifyNames(list, owned, views)
	}
	body.Kinds = countKinds(body.Names)
	return p.render(w, r, http.StatusOK, "app", layoutData{Title: id, Section: "/apps", Watch: id, Reload: 15, Body: body})
}

// errComparing: other pages are made too long.
var errComparing = fmt.Errorf("the dashboard compares %d apps of a user with their lists at a time, %d in all: try again later", maxComparisonsEach, maxComparisons)

// maxDesired is how many domains are compared with a list, which has far fewer names, and how many
// pending ones. The ledger may have any number of refused and removed ones.
const maxDesired = 2000

// desired returns the domains that are on an app's list or have a pending change, sorted by name,
// and whether there are more.
func (p *pageServer) desired(ctx context.Context, app ledger.App) (all []ledger.View, partial bool, err error) {
	listed := slices.DeleteFunc(tasks.States(), func(s tasks.State) bool { return !s.Listed() })
	for _, states := range [][]tasks.State{listed, {tasks.Pending}} {
		page, err := p.reader.Find(ctx, []ledger.App{app}, ledger.Query{States: states, Limit: maxDesired})
		if err != nil {
			return nil, false, err
		}
		all, partial = append(all, page.Views...), partial || page.Next != nil
	}
	slices.SortFunc(all, func(a, b ledger.View) int { return strings.Compare(a.Domain, b.Domain) })
	return all, partial, nil
}

// withListed adds the domains whose names are on a list, up to maxDesired names. Otherwise invented
// domains that wait would make them look left over.
func (p *pageServer) withListed(ctx context.Context, app string, list []string, views []ledger.View) ([]ledger.View, error) {
	known := map[string]bool{}
	for _, v := range views {
		known[v.Domain] = true
	}
	var missing []ledger.Position
	for _, name := range list[:min(len(list), maxDesired)] {
		name = tasks.Canonical(name)
		for _, domain := range []string{name, strings.TrimPrefix(name, "www.")} {
			if !known[domain] {
				known[domain] = true
				missing = append(missing, ledger.Position{App: app, Domain: domain})
			}
		}
	}
	more, err := p.bulks.Views(ctx, missing)
	return append(views, more...), err
}

// checkApp returns a [*notFound] if the ledger doesn't have the app, and no live worker serves it.
func (p *pageServer) checkApp(ctx context.Context, id string) error {
	known, err := p.reader.AppStates(ctx)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(known, func(app ledger.App) bool { return app.ID == id }) {
		return nil
	}
	live, err := p.reader.Workers(ctx)
	if err != nil {
		return err
	}
	if len(ledger.ServedBy(live, id)) == 0 {
		return &notFound{fmt.Sprintf("No worker knows an app %q yet.", id)}
	}
	return nil
}

// classifyNames compares ServerPilot's list with the ledger. It returns the missing names
// first, then the list in its own order.
func classifyNames(list, owned []string, views []ledger.View) []listedName {
	desired := map[string]*ledger.View{}
	for i, v := range views {
		if v.Record.Wanted {
			for _, name := range v.Record.Names {
				// The domain of this name takes precedence over one with it as www form.
				if desired[name] == nil || v.Domain == name {
					desired[name] = &views[i]
				}
			}
		}
	}
	var names []listedName
	listed := map[string]bool{}
	for _, name := range list {
		canonical := tasks.Canonical(name)
		listed[canonical] = true
		n := listedName{Name: name, Kind: manualName, View: desired[canonical]}
		if slices.Contains(owned, canonical) {
			n.Kind = leftoverName
			if n.View != nil {
				n.Kind = ownedName
			}
		}
		names = append(names, n)
	}
	var missing []listedName
	for name, v := range desired {
		if !listed[name] {
			missing = append(missing, listedName{Name: name, Kind: missingName, View: v})
		}
	}
	slices.SortFunc(missing, func(a, b listedName) int { return strings.Compare(a.Name, b.Name) })
	return append(missing, names...)
}

// namesFromLedger returns the names that should be on the list.
func namesFromLedger(views []ledger.View) []listedName {
	var names []listedName
	for i, v := range views {
		if v.Record.Wanted {
			for _, name := range v.Record.Names {
				names = append(names, listedName{Name: name, Kind: unreadName, View: &views[i]})
			}
		}
	}
	return names
}

// writeLabel is a write's outcome as people read it.
func writeLabel(w ledger.Write) string {
	switch w.Outcome {
	case ledger.WriteSucceeded:
		return "written"
	case ledger.WriteFailed:
		return "refused"
	case ledger.WriteUnknown:
		return "no answer"
	case ledger.WriteInFlight:
		return "in flight"
	}
	return string(w.Outcome)
}
