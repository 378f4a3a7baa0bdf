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

const writesShown = 20

// appPage is the body of the page of one app.
type appPage struct {
	ledger.App
	Names []listedName
	Kinds []kindCount
	// ReadAt is when ServerPilot's list was read, OnList how many names it had, and
	// ListTrouble why that isn't known.
	ReadAt      time.Time
	OnList      int
	ListTrouble string
	Writes      []ledger.Write
	Asked       string // what the operator just asked for, in words
}

// nameKind says whose a name on the list is.
type nameKind string

const (
	missingName nameKind = "missing"     // wanted, and not on the list
	byHand      nameKind = "set by hand" // not put there by us
	oursName    nameKind = "ours"        // put there by us
	leftover    nameKind = "left over"   // put there by us, and of no wanted domain any more
	unseen      nameKind = "not seen"    // the ledger says it is listed; the list couldn't be read
)

// Explained says what the kind means.
func (k nameKind) Explained() string {
	switch k {
	case missingName:
		return "A wanted domain stands for it, but it isn't on the list. The next sync puts it back."
	case byHand:
		return "Somebody put it there in ServerPilot; pilotsync leaves it alone."
	case oursName:
		return "pilotsync put it there."
	case leftover:
		return "pilotsync put it there, and no wanted domain stands for it any more. The next sync takes it off."
	case unseen:
		return "The ledger says that it is on the list; the list itself couldn't be read."
	}
	return ""
}

// Class is the kind as a class of the style sheet.
func (k nameKind) Class() string {
	return map[nameKind]string{missingName: "missing", byHand: "byhand", oursName: "ours", leftover: "leftover"}[k]
}

// kindCount is how many names are of a kind.
type kindCount struct {
	Kind  nameKind
	Count int
}

func countKinds(names []listedName) []kindCount {
	var all []kindCount
	for _, kind := range []nameKind{missingName, leftover, byHand, oursName, unseen} {
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

// listedName is one line of the list beside the ledger.
type listedName struct {
	Name string
	Kind nameKind
	// View is the domain that stands for it, nil if none does.
	View *ledger.View
}

func (p *server) app(w http.ResponseWriter, r *http.Request) error {
	ctx, id := r.Context(), r.PathValue("app")
	if err := p.knownApp(ctx, id); err != nil {
		return err
	}
	apps, err := p.read.AppStates(ctx, id)
	if err != nil {
		return err
	}
	views, err := p.read.Domains(ctx, id)
	if err != nil {
		return err
	}
	ours, err := p.read.Owned(ctx, id)
	if err != nil {
		return err
	}
	body := appPage{App: apps[0], Asked: confirmation(r.URL.Query().Get("asked"))}
	if body.Writes, err = p.read.Writes(ctx, id, writesShown); err != nil {
		return err
	}
	list, readAt, err := p.listCache.get(ctx, id, p.now())
	if err != nil {
		body.ListTrouble = err.Error()
		body.Names = namesFromLedger(views)
	} else {
		body.ReadAt, body.OnList = readAt, len(list)
		body.Names = classifyNames(list, ours, views)
	}
	body.Kinds = countKinds(body.Names)
	return p.show(w, r, http.StatusOK, "app", layoutData{Title: id, Here: "/apps", Watch: id, Reload: 15, Body: body})
}

// knownApp is a [*notFound] where the ledger doesn't have the app.
func (p *server) knownApp(ctx context.Context, id string) error {
	known, err := p.read.Revisions(ctx)
	if err != nil {
		return err
	}
	if _, ok := known[id]; !ok {
		return &notFound{fmt.Sprintf("No worker has heard of an app %q yet.", id)}
	}
	return nil
}

// classifyNames puts ServerPilot's list beside the ledger: what is missing first, then
// the list in its own order.
func classifyNames(list, ours []string, views []ledger.View) []listedName {
	wanted := map[string]*ledger.View{}
	for i, v := range views {
		if v.Record.Wanted {
			for _, name := range v.Record.Names {
				// A domain of that name says more than one whose www form it is.
				if wanted[name] == nil || v.Domain == name {
					wanted[name] = &views[i]
				}
			}
		}
	}
	var names []listedName
	listed := map[string]bool{}
	for _, name := range list {
		canonical := tasks.Canonical(name)
		listed[canonical] = true
		n := listedName{Name: name, Kind: byHand, View: wanted[canonical]}
		if slices.Contains(ours, canonical) {
			n.Kind = leftover
			if n.View != nil {
				n.Kind = oursName
			}
		}
		names = append(names, n)
	}
	var missing []listedName
	for name, v := range wanted {
		if !listed[name] {
			missing = append(missing, listedName{Name: name, Kind: missingName, View: v})
		}
	}
	slices.SortFunc(missing, func(a, b listedName) int { return strings.Compare(a.Name, b.Name) })
	return append(missing, names...)
}

// namesFromLedger are the names that should be on the list.
func namesFromLedger(views []ledger.View) []listedName {
	var names []listedName
	for i, v := range views {
		if v.Record.Wanted {
			for _, name := range v.Record.Names {
				names = append(names, listedName{Name: name, Kind: unseen, View: &views[i]})
			}
		}
	}
	return names
}

// writeWord is how a write ended, in words.
func writeWord(w ledger.Write) string {
	switch w.Outcome {
	case ledger.Written:
		return "written"
	case ledger.Failed:
		return "not taken"
	case ledger.Unknown:
		return "answer never came"
	case ledger.Writing:
		return "on its way"
	}
	return w.Outcome
}
