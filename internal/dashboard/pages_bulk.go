package dashboard

import (
	"net/http"
	"regexp"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

// maxBulkShown is how many domains the page of an action lists.
const maxBulkShown = 20

// bulkPage is the body of the page of an action on many domains.
type bulkPage struct {
	ledger.Bulk
	// Processed is how many of the domains' tasks have their result.
	Processed int
	// Checking is how many of those are still being checked: their outcome comes later.
	Checking int
	Tiles    []tile // how many of the domains are in which state
	// Waiting and Trouble are the domains that wait for their result, and those whose result needs
	// a person.
	Waiting, Trouble firstOf[ledger.View]
}

// Title says what is done to how many domains.
func (b bulkPage) Title() string {
	return bulkLabel(b.Action) + " " + formatNumber(len(b.Items)) + plural(len(b.Items), " domain", " domains")
}

// All is how many domains got a task.
func (b bulkPage) All() int { return len(b.Items) }

// Finished reports whether each task has its result.
func (b bulkPage) Finished() bool { return b.Processed == len(b.Items) }

// newBulkPage counts how far the domains of an action are. views are those that the ledger has.
func newBulkPage(b ledger.Bulk, views []ledger.View) bulkPage {
	at := map[ledger.Position]ledger.View{}
	for _, v := range views {
		at[ledger.Position{App: v.AppID, Domain: v.Domain}] = v
	}
	page, counts := bulkPage{Bulk: b}, map[tasks.State]int{}
	var waiting, trouble []ledger.View
	for _, item := range b.Items {
		v, known := at[ledger.Position{App: item.App, Domain: item.Domain}]
		if known {
			counts[v.State]++
		} else {
			v = ledger.View{AppID: item.App, Domain: item.Domain}
		}
		switch {
		case !processed(b.Action, item.Seq, v, known):
			waiting = append(waiting, v)
			continue
		case known && (canRetry(v) || v.NeedsPerson()):
			trouble = append(trouble, v)
		}
		if page.Processed++; known && v.State.Checking() {
			page.Checking++
		}
	}
	page.Tiles = nonEmptyTiles(tiles([]ledger.App{{Counts: counts}}))
	page.Waiting, page.Trouble = newFirstOf(maxBulkShown, waiting), newFirstOf(maxBulkShown, trouble)
	return page
}

// processed reports whether a task has its result: a sync decided about the change, or a first
// attempt was made. A later request for the domain takes the place of an earlier one.
func processed(action string, seq int64, v ledger.View, known bool) bool {
	switch {
	case !known:
		return action != "add" // it was known before, so it was removed and forgotten meanwhile
	case action == "verify":
		return !v.Record.State.Listed() || v.Record.CheckSeq > seq || v.Record.CheckSeq == seq && v.Record.Attempt > 0
	case v.Pending != nil:
		return v.Pending.Seq > seq
	}
	return v.Seq >= seq
}

var bulkID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// bulk shows how far an action on many domains is. It reads only these domains.
func (p *pageServer) bulk(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	unknown := &notFound{"This action isn't stored any more. The domains' histories have its results, and /audit has its requests."}
	if !bulkID.MatchString(id) {
		return unknown
	}
	b, ok, err := p.bulks.Bulk(r.Context(), id)
	if err != nil {
		return err
	}
	if !ok {
		return unknown
	}
	at := make([]ledger.Position, len(b.Items))
	apps := map[string]bool{}
	for i, item := range b.Items {
		at[i] = ledger.Position{App: item.App, Domain: item.Domain}
		apps[item.App] = true
	}
	views, err := p.bulks.Views(r.Context(), at)
	if err != nil {
		return err
	}
	body := newBulkPage(b, views)
	data := layoutData{Title: body.Title(), Section: "/domains", Reload: 5, Body: body}
	if len(apps) == 1 {
		data.Watch = at[0].App
	}
	return p.render(w, r, http.StatusOK, "bulk", data)
}
