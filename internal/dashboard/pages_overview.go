package dashboard

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

const (
	latestShown = 12
	appsShown   = 8 // on the overview; all of them are at /apps
)

// overview is the body of the page /.
type overview struct {
	Tiles    []tile
	Domains  int // known, the removed ones not counted
	Troubled []ledger.App
	Paused   []ledger.App
	Expiring []ledger.App // those with certificates that end soon, the first to end first
	Ending   int          // such certificates
	Latest   []ledger.View
	Apps     []ledger.App // those that need a look first
	AllApps  int
	Queues   []queue
	Workers  []process
	// WorkersTrouble and QueuesTrouble say why these can't be shown.
	WorkersTrouble, QueuesTrouble string
	Oldest                        time.Time // since when the change waits that waits longest; zero for none
	OldestApp                     string
	Events                        queue // the queue of webhook events
	SwitchedOff                   int
	Quarantined                   int // messages that asynq could do nothing with
}

// Soon is how many days before its end a certificate is told of.
func (overview) Soon() int { return int(ledger.ExpiringWithin.Hours() / 24) }

// tile is the number of domains in one state.
type tile struct {
	State tasks.State
	Count int
}

// nonEmptyTiles leaves out the states that no domain is in.
func nonEmptyTiles(all []tile) []tile {
	return slices.DeleteFunc(all, func(t tile) bool { return t.Count == 0 })
}

// appRows is a table of apps.
type appRows struct {
	Now  time.Time
	Apps []ledger.App
}

// Bad reports whether domains in this state need a person.
func (t tile) Bad() bool {
	return t.Count > 0 && (t.State == tasks.Failed || t.State == tasks.Rejected || t.State == tasks.DoneWithoutSSL)
}

// Fraction is a length that is part of another one, such as an app's room.
type fraction struct{ Used, Of int }

// Percent is 0 to 100, and at least 1 where something is used.
func (f fraction) Percent() int {
	if f.Used <= 0 {
		return 0
	}
	return max(1, min(100, f.Used*100/f.Of))
}

// Level is "full", "tight" (nine tenths are used) or "".
func (f fraction) Level() string {
	switch {
	case f.Used >= f.Of:
		return "full"
	case f.Used*10 >= f.Of*9:
		return "tight"
	}
	return ""
}

// listUsage is how much of an app's list is used.
func listUsage(a ledger.App) fraction { return fraction{a.Listed, listsync.Limit} }

func (p *server) overview(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	apps, err := p.read.AppStates(ctx)
	if err != nil {
		return err
	}
	o := overview{AllApps: len(apps), Tiles: tiles(apps)}
	for _, t := range o.Tiles {
		if t.State != tasks.Removed {
			o.Domains += t.Count
		}
	}
	if o.Latest, err = p.read.Latest(ctx, latestShown); err != nil {
		return err
	}
	for _, a := range apps {
		if a.Failure != nil {
			o.Troubled = append(o.Troubled, a)
		}
		if a.Paused != "" {
			o.Paused = append(o.Paused, a)
		}
		if a.Expiring > 0 {
			o.Expiring, o.Ending = append(o.Expiring, a), o.Ending+a.Expiring
		}
		if !a.Oldest.IsZero() && (o.Oldest.IsZero() || a.Oldest.Before(o.Oldest)) {
			o.Oldest, o.OldestApp = a.Oldest, a.ID
		}
	}
	slices.SortStableFunc(o.Troubled, func(a, b ledger.App) int { return cmp.Or(rank(a)-rank(b), a.Failure.Since.Compare(b.Failure.Since)) })
	slices.SortStableFunc(o.Expiring, func(a, b ledger.App) int { return a.Expiry.Compare(b.Expiry) })
	slices.SortStableFunc(apps, byUrgency)
	o.Apps = apps[:min(len(apps), appsShown)]
	// What asynq can't tell must not hide what the ledger can.
	if o.Queues, err = p.queues.Queues(ctx); err != nil {
		o.QueuesTrouble = err.Error()
	}
	for _, q := range o.Queues {
		if q.Name == tasks.QueueEvents {
			o.Events = q
		}
	}
	if o.Workers, err = p.queues.Workers(ctx); err != nil {
		o.WorkersTrouble = err.Error()
	}
	if o.SwitchedOff, err = p.queues.SwitchedOff(ctx); err != nil {
		return err
	}
	if o.Quarantined, err = p.queues.Quarantined(ctx); err != nil {
		return err
	}
	return p.show(w, r, http.StatusOK, "overview", layoutData{Title: "Overview", Here: "/", Reload: 10, Body: o})
}

// tiles adds up the apps' domains by state, trouble first.
func tiles(apps []ledger.App) []tile {
	sums := map[tasks.State]int{}
	for _, a := range apps {
		for state, n := range a.Counts {
			sums[state] += n
		}
	}
	var all []tile
	for _, state := range statesByUrgency() {
		all = append(all, tile{state, sums[state]})
	}
	return all
}

// byUrgency puts blocked apps first, then those in trouble, then paused ones, then the
// fullest.
func byUrgency(a, b ledger.App) int {
	return cmp.Or(rank(a)-rank(b), b.Listed-a.Listed, cmp.Compare(a.ID, b.ID))
}

func rank(a ledger.App) int {
	switch {
	case a.Failure != nil && a.Failure.Blocked:
		return 0
	case a.Failure != nil:
		return 1
	case a.Paused != "":
		return 2
	}
	return 3
}

// apps is the page of all apps.
func (p *server) apps(w http.ResponseWriter, r *http.Request) error {
	apps, err := p.read.AppStates(r.Context())
	if err != nil {
		return err
	}
	slices.SortStableFunc(apps, byUrgency)
	return p.show(w, r, http.StatusOK, "apps", layoutData{Title: "Apps", Here: "/apps", Reload: 10, Body: apps})
}
