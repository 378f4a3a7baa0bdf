package workload

import (
	"slices"
	"time"

	"pilotsync/internal/simulator"
)

// LongestGap is the longest time without an acknowledgement, from then until the last one.
func (w *Workload) LongestGap(from time.Time) (longest time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := from
	for _, r := range w.acked {
		if r.at.After(last) {
			longest, last = max(longest, r.at.Sub(last)), r.at
		}
	}
	return longest
}

// Listings is how long each acknowledged request took to be on its list, or off it, in the order of
// the answers. It leaves out requests that a later one overtook, and those that changed nothing.
func (w *Workload) Listings(sim *simulator.Simulator) (all []Listing) {
	w.mu.Lock()
	defer w.mu.Unlock()
	history := map[string][]simulator.Write{}
	for _, app := range w.apps {
		history[app] = sim.History(app)
	}
	overtaken := map[string]time.Time{} // "app domain" → when the next request of it was answered
	for _, r := range slices.Backward(w.acked) {
		next, again := overtaken[r.app+" "+r.domain]
		overtaken[r.app+" "+r.domain] = r.at
		for _, write := range history[r.app] {
			at := write.AppliedAt
			if again && at.After(next) {
				break
			}
			if at.After(r.at) && slices.Contains(write.After, r.domain) == r.on && slices.Contains(write.Before, r.domain) != r.on {
				all = append(all, Listing{At: r.at, For: at.Sub(r.at)})
				break
			}
		}
	}
	slices.Reverse(all)
	return all
}

// Listing is one request: when it was acknowledged, and how long after that ServerPilot had it.
type Listing struct {
	At  time.Time
	For time.Duration
}
