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
	maxLatest  = 12
	maxApps    = 8 // on the overview; all of them are at /apps
	maxNotices = 5 // of one kind; then a number follows
)

// overview is the body of the page /.
type overview struct {
	Attention            attention
	Tiles                []tile
	Disconnected         firstOf[ledger.App] // apps whose server isn't connected to ServerPilot
	Failing              firstOf[ledger.App]
	Paused               firstOf[ledger.App]
	Warned               firstOf[ledger.App] // apps whose last action of ServerPilot ended with errors
	Unserved             ledger.Unserved     // no worker has ever served them
	Expiring             firstOf[ledger.App] // apps with certificates that weren't renewed in time, the earliest end first
	ExpiringCertificates int                 // in these apps
	Latest               []ledger.View
	Apps                 []ledger.App // the most urgent first
	AllApps              int
	Queues               []queue
	Workers              []process
	// WorkersError and QueuesError are why these couldn't be read.
	WorkersError, QueuesError string
	Oldest                    time.Time // when the oldest waiting change was requested; zero for none
	OldestApp                 string
	Events                    queue // the queue of webhook events
	DisabledWebhooks          int
	Quarantined               int // messages that asynq couldn't process
}

// tile is the number of domains in one state.
type tile struct {
	State tasks.State
	Count int
}

// nonEmptyTiles drops the states without domains.
func nonEmptyTiles(all []tile) []tile {
	return slices.DeleteFunc(all, func(t tile) bool { return t.Count == 0 })
}

// firstOf is the first part of a list, and how many follow.
type firstOf[E any] struct {
	First []E
	More  int
}

func newFirstOf[E any](n int, all []E) firstOf[E] {
	return firstOf[E]{all[:min(n, len(all))], max(0, len(all)-n)}
}

// Count is the length of the whole list.
func (f firstOf[E]) Count() int { return len(f.First) + f.More }

// appRows is a table of apps.
type appRows struct {
	Now  time.Time
	Apps []ledger.App
}

// Alarm reports whether domains in this state need an operator.
func (t tile) Alarm() bool {
	return t.Count > 0 && (t.State == tasks.Failed || t.State == tasks.Rejected || t.State == tasks.DoneWithoutSSL)
}

// fraction is a used part of a whole, such as of an app's list.
type fraction struct{ Used, Of int }

// Percent is 0 to 100, and at least 1 if anything is used.
func (f fraction) Percent() int {
	if f.Used <= 0 {
		return 0
	}
	return max(1, min(100, f.Used*100/f.Of))
}

// Level is "full", "tight" (at least nine tenths are used) or "".
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

func (p *pageServer) overview(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	apps, err := p.reader.AppStates(ctx)
	if err != nil {
		return err
	}
	latest, err := p.reader.Latest(ctx, apps, maxLatest)
	if err != nil {
		return err
	}
	live, err := p.reader.Workers(ctx)
	if err != nil {
		return err
	}
	count := tiles(apps) // of all, as /domains lists them
	apps, unserved := ledger.SplitUnserved(apps, live)
	o := summarize(ledger.AddServed(apps, live))
	o.Tiles = count
	o.Unserved = ledger.NewUnserved(unserved)
	o.Unserved.Shown = o.Unserved.Shown[:min(len(o.Unserved.Shown), maxNotices)]
	o.Latest = latest
	// An error of asynq must not hide what the ledger has.
	if o.Queues, err = p.queues.Queues(ctx); err != nil {
		o.QueuesError = err.Error()
	}
	for _, q := range o.Queues {
		if q.Name == tasks.QueueEvents {
			o.Events = q
		}
	}
	if o.Workers, err = p.queues.Workers(ctx); err != nil {
		o.WorkersError = err.Error()
	}
	if o.DisabledWebhooks, err = p.queues.DisabledWebhooks(ctx); err != nil {
		return err
	}
	if o.Quarantined, err = p.queues.Quarantined(ctx); err != nil {
		return err
	}
	return p.render(w, r, http.StatusOK, "overview", layoutData{Title: "Overview", Section: "/", Reload: 10, Body: o})
}

// summarize returns the part of the overview that follows from the apps' states.
func summarize(apps []ledger.App) overview {
	o := overview{AllApps: len(apps), Attention: attentionOf(apps, "")}
	var disconnected, failing, paused, warned, expiring []ledger.App
	for _, a := range apps {
		if a.Disconnected() {
			disconnected = append(disconnected, a)
		}
		if a.Failure != nil {
			failing = append(failing, a)
		}
		if a.Paused != "" {
			paused = append(paused, a)
		}
		if a.ActionWarning() != nil {
			warned = append(warned, a)
		}
		if n := a.Expiring.Count; n > 0 {
			expiring, o.ExpiringCertificates = append(expiring, a), o.ExpiringCertificates+n
		}
		if !a.Oldest.IsZero() && (o.Oldest.IsZero() || a.Oldest.Before(o.Oldest)) {
			o.Oldest, o.OldestApp = a.Oldest, a.ID
		}
	}
	if o.ExpiringCertificates <= knownToExpire(apps) { // their causes are among the groups, or snoozed
		o.ExpiringCertificates, expiring = 0, nil
	}
	slices.SortStableFunc(failing, func(a, b ledger.App) int {
		return cmp.Or(urgency(a)-urgency(b), a.Failure.Since.Compare(b.Failure.Since))
	})
	slices.SortStableFunc(expiring, func(a, b ledger.App) int { return a.Expiring.First.Compare(b.Expiring.First) })
	o.Disconnected, o.Failing = newFirstOf(maxNotices, disconnected), newFirstOf(maxNotices, failing)
	o.Paused, o.Warned, o.Expiring = newFirstOf(maxNotices, paused), newFirstOf(maxNotices, warned), newFirstOf(maxNotices, expiring)
	sortByUrgency(apps)
	o.Apps = apps[:min(len(apps), maxApps)]
	return o
}

// knownToExpire returns how many domains have a certificate that ends soon as their cause.
func knownToExpire(apps []ledger.App) (n int) {
	for _, code := range []tasks.Code{tasks.CauseCertificateExpiring, tasks.CauseCustomCertificateExpiring, tasks.CauseProxyCertificateExpiring} {
		for _, a := range apps {
			n += a.Causes[code][tasks.Done] + a.SnoozedCauses[code][tasks.Done]
		}
	}
	return n
}

// tiles counts the apps' domains by state, the most urgent state first.
func tiles(apps []ledger.App) []tile {
	sums := map[tasks.State]int{}
	for _, a := range apps {
		for state, n := range a.Counts {
			sums[state] += n
		}
	}
	var all []tile
	for _, state := range tasks.StatesByUrgency() {
		all = append(all, tile{state, sums[state]})
	}
	return all
}
