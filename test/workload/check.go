package workload

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

// Check compares lists and states with the requests. Each desired name is listed once, and else
// only names set by hand, in their places. A domain whose last request is unsure may be either way.
func (w *Workload) Check(t testing.TB, sim *simulator.Simulator, l *ledger.Ledger) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.acked) == 0 {
		t.Error("no change was acknowledged: the test tested nothing")
	}
	for _, app := range w.apps {
		views, err := l.Domains(t.Context(), app)
		if err != nil {
			t.Fatal(err)
		}
		states := map[string]tasks.State{}
		for _, v := range views {
			states[v.Domain] = v.State
		}
		w.checkApp(t, app, sim.List(app), states)
	}
}

// checkApp compares an app's list and the states of its domains with the requests.
func (w *Workload) checkApp(t testing.TB, app string, list []string, states map[string]tasks.State) {
	t.Helper()
	hand := w.byHand[app]
	if len(list) < len(hand) || !slices.Equal(list[:len(hand)], hand) {
		t.Errorf("app %s: the names set by hand, %v, are not where they were: %v", app, hand, list)
	}
	count := map[string]int{}
	for _, name := range list {
		count[strings.ToLower(name)]++
	}
	for name, n := range count {
		if n > 1 {
			t.Errorf("app %s: %s is on the list %d times", app, name, n)
		}
	}
	for _, name := range hand {
		delete(count, strings.ToLower(name))
	}
	for domain, r := range w.last[app] {
		sure := w.unsure[app][domain] < r.seq
		for _, name := range names(domain, r.www) {
			if on := count[name] > 0; sure && on != r.on && !(on && w.byHandNow[app+" "+name]) {
				t.Errorf("app %s: %s is on the list: %v, want %v", app, name, on, r.on)
			}
			delete(count, name)
		}
		if state := states[domain]; sure && (state.Listed() != r.on || state == tasks.Pending) {
			t.Errorf("app %s: %s is %q; on the list: %v", app, domain, state, r.on)
		}
	}
	for domain := range w.unsure[app] {
		for _, name := range names(domain, "") {
			delete(count, name)
		}
	}
	if len(count) > 0 {
		t.Errorf("app %s: %v were never requested", app, slices.Sorted(maps.Keys(count)))
	}
}

// CheckNoOverlap fails the test if two writes of an app overlapped.
func CheckNoOverlap(t testing.TB, sim *simulator.Simulator) {
	t.Helper()
	if overlaps := sim.Overlaps(); len(overlaps) > 0 {
		t.Errorf("%d list writes of one app overlapped, the first: %+v", len(overlaps), overlaps[0])
	}
}

// Lost is the number of domains whose last request is unsure and isn't in the ledger.
func (w *Workload) Lost(t testing.TB, l *ledger.Ledger) (lost, unsure int) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for app, domains := range w.last {
		views, err := l.Domains(t.Context(), app)
		if err != nil {
			t.Fatal(err)
		}
		known := map[string]int64{}
		for _, v := range views {
			known[v.Domain] = v.Record.Seq
		}
		for domain, r := range domains {
			if w.unsure[app][domain] < r.seq {
				continue
			}
			if unsure++; known[domain] < r.seq {
				lost++
			}
		}
	}
	return lost, unsure
}
