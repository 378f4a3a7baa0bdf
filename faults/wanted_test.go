//go:build faults

package faults

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

// wanted is what a test expects, kept apart from anything that the program has.
type wanted struct {
	mu     sync.Mutex
	last   map[string]map[string]request // app → domain → the last that was acknowledged
	unsure map[string]map[string]int64   // app → domain → highest number of a request whose answer never came
	byHand map[string][]string           // app → names set by hand, in their order
	// byHandNow are names that count as set by hand, since Redis forgot that we put
	// them on the list: the www form of a domain stays when the domain is removed.
	byHandNow map[string]bool // "app name"
	acked     int
}

type request struct {
	seq int64
	at  time.Time // when its answer came
	on  bool
	www tasks.WWW
}

func newWanted() *wanted {
	return &wanted{last: map[string]map[string]request{}, unsure: map[string]map[string]int64{}, byHand: map[string][]string{}, byHandNow: map[string]bool{}}
}

// note takes down what came of requests: those without a task id were not
// acknowledged, and may have come in or not.
func (w *wanted) note(reqs []enqueue.Request, receipts []enqueue.Receipt) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, r := range receipts {
		if w.last[r.AppID] == nil {
			w.last[r.AppID], w.unsure[r.AppID] = map[string]request{}, map[string]int64{}
		}
		switch {
		case r.TaskID == "":
			w.unsure[r.AppID][r.Domain] = max(r.Seq, w.unsure[r.AppID][r.Domain])
		case r.Seq > w.last[r.AppID][r.Domain].seq:
			w.last[r.AppID][r.Domain] = request{r.Seq, time.Now(), !reqs[i].Remove, reqs[i].WWW}
			fallthrough
		default:
			w.acked++
		}
	}
}

// mayBeLost makes unsure what was acknowledged from then until now: Redis doesn't
// promise to have it any more. It returns for how many domains that is so.
func (w *wanted) mayBeLost(from time.Time) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for app, domains := range w.last {
		for domain, r := range domains {
			if r.at.After(from) {
				w.unsure[app][domain] = max(r.seq, w.unsure[app][domain])
				w.byHandNow[app+" www."+domain] = true
				n++
			}
		}
	}
	return n
}

// enqueue asks for changes, once, and notes what came of it.
func (w *world) enqueue(ctx context.Context, reqs ...enqueue.Request) error {
	receipts, err := w.client.Enqueue(ctx, reqs...)
	w.want.note(reqs, receipts)
	return err
}

// add asks for domains to be put on an app's list.
func (w *world) add(app string, domains ...string) {
	w.t.Helper()
	reqs := make([]enqueue.Request, len(domains))
	for i, d := range domains {
		reqs[i] = enqueue.Request{AppID: app, Domain: d}
	}
	if err := w.enqueue(w.t.Context(), reqs...); err != nil {
		w.t.Fatal(err)
	}
}

// recorded is nil if the ledger knows of each acknowledged request, or of a later
// one of its domain.
func (w *wanted) recorded(ctx context.Context, l *ledger.Ledger) error {
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

// check holds all that was asked for against what has become of it: each wanted
// name is on its list once, no other is but those set by hand, which are where they
// were; states say the same; and no two writes of an app overlapped.
func (w *world) check() {
	w.t.Helper()
	w.checkLists()
	w.checkNoOverlap()
}

// checkNoOverlap fails the test if two writes of an app were ever under way at once.
func (w *world) checkNoOverlap() {
	w.t.Helper()
	if overlaps := w.sim.Overlaps(); len(overlaps) > 0 {
		w.t.Errorf("%d list writes of one app overlapped, the first: %+v", len(overlaps), overlaps[0])
	}
}

// checkLists is check but for the overlaps.
func (w *world) checkLists() {
	w.t.Helper()
	w.want.mu.Lock()
	defer w.want.mu.Unlock()
	if w.want.acked == 0 {
		w.t.Error("no change was acknowledged: the test tested nothing")
	}
	for _, app := range w.apps {
		list := w.sim.List(app)
		count := map[string]int{}
		for _, name := range list {
			count[strings.ToLower(name)]++
		}
		for name, n := range count {
			if n > 1 {
				w.t.Errorf("app %s: %s is on the list %d times", app, name, n)
			}
		}
		hand := w.want.byHand[app]
		if len(list) < len(hand) || !slices.Equal(list[:len(hand)], hand) {
			w.t.Errorf("app %s: the names set by hand, %v, are not where they were: %v", app, hand, list)
		}
		for _, name := range hand {
			delete(count, strings.ToLower(name))
		}
		views, err := w.ledger.Domains(w.t.Context(), app)
		if err != nil {
			w.t.Fatal(err)
		}
		states := map[string]tasks.State{}
		for _, v := range views {
			states[v.Domain] = v.State
		}
		for domain, r := range w.want.last[app] {
			sure := w.want.unsure[app][domain] < r.seq
			for _, name := range names(domain, r.www) {
				if on := count[name] > 0; sure && on != r.on && !(on && w.want.byHandNow[app+" "+name]) {
					w.t.Errorf("app %s: %s is on the list: %v, want %v", app, name, on, r.on)
				}
				delete(count, name)
			}
			if state := states[domain]; sure && (state.Listed() != r.on || state == tasks.Pending) {
				w.t.Errorf("app %s: %s is %q; on the list: %v", app, domain, state, r.on)
			}
		}
		for domain := range w.want.unsure[app] {
			for _, name := range names(domain, "") {
				delete(count, name)
			}
		}
		if len(count) > 0 {
			w.t.Errorf("app %s: nobody asked for %v", app, slices.Sorted(maps.Keys(count)))
		}
	}
}

// checkAddedOnce holds the history of an app whose domains were only ever added:
// each name came onto the list once and never left it, by whomever.
func (w *world) checkAddedOnce(app string) {
	w.t.Helper()
	came := map[string]int{}
	for _, write := range w.sim.History(app) {
		for _, name := range without(write.After, write.Before) {
			if came[name]++; came[name] > 1 {
				w.t.Errorf("app %s: %s came onto the list twice", app, name)
			}
		}
		if left := without(write.Before, write.After); len(left) > 0 {
			w.t.Errorf("app %s: %v left the list (write %d)", app, left, write.Index)
		}
	}
}

// without are the names of a that b doesn't have.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(name string) bool { return slices.Contains(b, name) })
}

// sent are the writes of an app that came over the API.
func (w *world) sent(app string) []simulator.Write {
	return slices.DeleteFunc(w.sim.History(app), func(x simulator.Write) bool { return x.ByHand })
}
