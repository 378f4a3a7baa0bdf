package simulator

import (
	"slices"
	"time"
)

// Write is one accepted write of an app's list.
type Write struct {
	App    string   `json:"app"`
	Index  int      `json:"index"` // counts an app's writes from 0, in the order they took effect
	Before []string `json:"before"`
	After  []string `json:"after"`
	// ReceivedAt is when the request had been read completely, and AppliedAt when it took
	// effect. AnsweredAt is when the response was sent or the connection aborted; zero
	// until then.
	ReceivedAt time.Time `json:"received_at"`
	AppliedAt  time.Time `json:"applied_at"`
	AnsweredAt time.Time `json:"answered_at,omitzero"`
	// Late: the write took effect after its connection had ended.
	Late bool `json:"late,omitempty"`
	// ByHand: written by EditByHand, not over the API.
	ByHand bool `json:"by_hand,omitempty"`
	// By is the writer's client id; empty for a write by hand.
	By string `json:"by,omitempty"`
}

// Read is one accepted read of an app.
type Read struct {
	App  string   `json:"app"`
	List []string `json:"list"`
	By   string   `json:"by"` // the reader's client id
	// ReceivedAt is when the request had been read. AnsweredAt is when the response was
	// sent or the connection aborted; zero until then.
	ReceivedAt time.Time `json:"received_at"`
	AnsweredAt time.Time `json:"answered_at,omitzero"`
}

// Overlap is a pair of list writes of one app, of which the second was received before the
// first was answered and applied.
type Overlap struct {
	First  Write `json:"first"`
	Second Write `json:"second"`
}

// History returns an app's accepted writes in the order in which they took effect. If app is
// empty, it returns those of all apps, app by app.
func (s *Simulator) History(app string) []Write {
	s.mu.Lock()
	defer s.mu.Unlock()
	var writes []Write
	for a := range s.apps.all() {
		if app != "" && app != a.id {
			continue
		}
		for _, w := range a.writes {
			c := *w
			c.Before, c.After = slices.Clone(w.Before), slices.Clone(w.After)
			writes = append(writes, c)
		}
	}
	return writes
}

// Reads returns the accepted reads of an app in the order in which they saw the list.
func (s *Simulator) Reads(app string) []Read {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.apps.get(app)
	if a == nil {
		return nil
	}
	reads := make([]Read, len(a.reads))
	for i, r := range a.reads {
		reads[i] = *r
		reads[i].List = slices.Clone(r.List)
	}
	return reads
}

// Overlaps returns every pair of concurrent writes of the same app over the API.
func (s *Simulator) Overlaps() []Overlap { return overlaps(s.History("")) }

// overlaps is the rule of [Simulator.Overlaps]. A write is in flight from its receipt until
// it is both answered and applied.
func overlaps(history []Write) []Overlap {
	writes := slices.DeleteFunc(slices.Clone(history), func(w Write) bool { return w.ByHand })
	slices.SortStableFunc(writes, func(a, b Write) int { return a.ReceivedAt.Compare(b.ReceivedAt) })
	var found []Overlap
	for i, first := range writes {
		for _, second := range writes[i+1:] {
			open := first.AnsweredAt.IsZero()
			if !open && !second.ReceivedAt.Before(first.AnsweredAt) && !second.ReceivedAt.Before(first.AppliedAt) {
				break // later writes don't overlap either
			}
			if first.App == second.App {
				found = append(found, Overlap{First: first, Second: second})
			}
		}
	}
	return found
}

// Calls counts the API's calls of a kind for an app, including refused and failed ones. If
// app is empty, it counts those of all apps, and those that belong to no app.
func (s *Simulator) Calls(app string, call Call) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if app != "" {
		return s.calls[target{app, call}]
	}
	total := 0
	for t, n := range s.calls {
		if t.call == call {
			total += n
		}
	}
	return total
}
