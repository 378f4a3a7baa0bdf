package workload

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

// Workload is what was requested. It is safe for concurrent use.
type Workload struct {
	mu     sync.Mutex
	apps   []string
	last   map[string]map[string]request // app → domain → the last acknowledged request
	unsure map[string]map[string]int64   // app → domain → highest number of a request that Redis may have lost
	byHand map[string][]string           // app → names set by hand, in their order
	// byHandNow are names that count as set by hand, since Redis has lost that they are owned.
	// The www form of a domain stays when the domain is removed.
	byHandNow map[string]bool // "app name"
	acked     []request       // in the order of their answers
	loads     uint64          // loads started so far
	losses    int             // calls of MarkUnsure so far
}

// request is an acknowledged request.
type request struct {
	app, domain string
	seq         int64
	at          time.Time // when its answer came
	on          bool
	www         tasks.WWW
}

// New returns a workload without requests for apps whose lists hold names set by hand.
func New(apps []simulator.App) *Workload {
	w := &Workload{last: map[string]map[string]request{}, unsure: map[string]map[string]int64{}, byHand: map[string][]string{}, byHandNow: map[string]bool{}}
	for _, app := range apps {
		w.apps, w.byHand[app.ID] = append(w.apps, app.ID), app.Domains
	}
	return w
}

// Apps are the ids of the apps.
func (w *Workload) Apps() []string { return w.apps }

// Enqueue enqueues changes once, and records the outcome.
func (w *Workload) Enqueue(ctx context.Context, client *enqueue.Client, reqs ...enqueue.Request) error {
	w.mu.Lock()
	losses := w.losses
	w.mu.Unlock()
	receipts, err := client.Enqueue(ctx, reqs...)
	w.note(reqs, receipts, losses)
	return err
}

// note records the outcome of requests that began after so many losses. Those without a task id
// weren't acknowledged, but may be in Redis. Those that were under way at a loss may have been
// acknowledged just before it.
func (w *Workload) note(reqs []enqueue.Request, receipts []enqueue.Receipt, losses int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, r := range receipts {
		if w.last[r.AppID] == nil {
			w.last[r.AppID], w.unsure[r.AppID] = map[string]request{}, map[string]int64{}
		}
		if r.TaskID == "" { // its number, if it isn't known, is greater than that of the last one
			w.unsure[r.AppID][r.Domain] = max(r.Seq, w.last[r.AppID][r.Domain].seq, w.unsure[r.AppID][r.Domain])
			continue
		}
		acked := request{r.AppID, r.Domain, r.Seq, time.Now(), !reqs[i].Remove, reqs[i].WWW}
		if r.Seq > w.last[r.AppID][r.Domain].seq {
			w.last[r.AppID][r.Domain] = acked
		}
		w.acked = append(w.acked, acked)
		if losses < w.losses {
			w.doubt(acked)
		}
	}
}

// doubt records that Redis may have lost a request. The caller holds mu.
func (w *Workload) doubt(r request) {
	w.unsure[r.app][r.domain] = max(r.seq, w.unsure[r.app][r.domain])
	w.byHandNow[r.app+" www."+r.domain] = true
}

// MarkUnsure records that Redis may have lost what was acknowledged since then, and which names
// the lists got since then. It returns the number of domains whose requests are concerned.
func (w *Workload) MarkUnsure(from time.Time, writes []simulator.Write) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, write := range writes {
		if write.AppliedAt.Before(from) {
			continue
		}
		for _, name := range write.After {
			if strings.HasPrefix(name, "www.") && !slices.Contains(write.Before, name) {
				w.byHandNow[write.App+" "+name] = true
			}
		}
	}
	w.losses++
	for _, domains := range w.last {
		for _, r := range domains {
			if r.at.After(from) {
				w.doubt(r)
				n++
			}
		}
	}
	return n
}

// Acked is the number of acknowledged requests.
func (w *Workload) Acked() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.acked)
}

// Names are the names of an app whose last request adds them, or those whose last request removes
// them.
func (w *Workload) Names(app string, on bool) (all []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for domain, r := range w.last[app] {
		if r.on == on {
			all = append(all, names(domain, r.www)...)
		}
	}
	return all
}

// Settled is nil if every acknowledged change has been recorded and none waits.
func (w *Workload) Settled(ctx context.Context, l *ledger.Ledger) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	// Checked first, since a change recorded in between is pending.
	if err := w.recorded(ctx, l); err != nil {
		return err
	}
	for _, id := range w.apps {
		app, err := l.App(ctx, id)
		if err != nil {
			return err
		}
		if app.Pending > 0 || app.Leased {
			return fmt.Errorf("app %s: %d changes wait, leased %v, trouble %+v", id, app.Pending, app.Leased, app.Failure)
		}
	}
	return nil
}

// recorded is nil if the ledger knows each acknowledged request, or a later one of its domain.
func (w *Workload) recorded(ctx context.Context, l *ledger.Ledger) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for app, domains := range w.last {
		views, err := l.Domains(ctx, app)
		if err != nil {
			return err
		}
		known := map[string]int64{}
		for _, v := range views {
			known[v.Domain] = max(v.Record.Seq, known[v.Domain])
			if v.Pending != nil {
				known[v.Domain] = max(v.Pending.Seq, known[v.Domain])
			}
		}
		for domain, r := range domains {
			if known[domain] < r.seq && w.unsure[app][domain] < r.seq {
				return fmt.Errorf("app %s: the ledger doesn't know change %d of %s yet (last: %d)", app, r.seq, domain, known[domain])
			}
		}
	}
	return nil
}

// names are what a domain stands for on the list.
func names(domain string, www tasks.WWW) []string {
	if www == tasks.WWWNever || strings.HasPrefix(domain, "www.") {
		return []string{domain}
	}
	return []string{domain, "www." + domain}
}
