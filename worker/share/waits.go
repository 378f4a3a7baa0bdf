package share

import (
	"slices"
	"sync"
	"time"
)

// Waits knows how long postponed tasks wait for a slot. The zero value knows of none.
type Waits struct {
	mu sync.Mutex
	// tasks has those that matter: each is back earlier than another one, or waits longer.
	tasks []postponed
}

type postponed struct{ since, until time.Time }

func (p postponed) wait() time.Duration { return p.until.Sub(p.since) }

// Add adds a task that waits for a slot since then, and is handed out again at until.
func (w *Waits) Add(since, until time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	added := postponed{since, until}
	if slices.ContainsFunc(w.tasks, func(p postponed) bool { return !p.until.Before(until) && p.wait() >= added.wait() }) {
		return
	}
	w.tasks = slices.DeleteFunc(w.tasks, func(p postponed) bool { return !p.until.After(until) && p.wait() <= added.wait() })
	w.tasks = append(w.tasks, added)
}

// Longest returns the longest wait of the tasks that aren't back yet, from when they asked for a
// slot until they are handed out again; 0 if all are back.
func (w *Waits) Longest() (longest time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	w.tasks = slices.DeleteFunc(w.tasks, func(p postponed) bool { return !p.until.After(now) })
	for _, p := range w.tasks {
		longest = max(longest, p.wait())
	}
	return longest
}
