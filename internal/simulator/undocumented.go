package simulator

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Undocumented chooses what ServerPilot's documentation leaves open. A client must cope with
// every choice. With the zero value a list is kept and shown as it was written.
type Undocumented struct {
	// Strict refuses (400) a body that isn't sent as application/json, and fields that the
	// documentation doesn't have. Otherwise both are accepted: the documentation's own example
	// of a new password lacks the header.
	Strict bool
	// TerseErrors: an error about an argument names only the argument, "Invalid argument:
	// domains.", and neither the domain nor the rule.
	TerseErrors bool
	// StaleReads is how long reads still show the list from before a write. The write's own
	// answer has the new one.
	StaleReads time.Duration
	// ShuffledLists: each answer has a list's names in another order.
	ShuffledLists bool
	// OneCertificate: an app has one certificate, for the first hundred names of its list.
	// Otherwise each hundred names have one.
	OneCertificate bool
	// WithoutAutoSSL: the answer about one app lacks autossl.
	WithoutAutoSSL bool
	// UpperCase says what becomes of capitals in a written list, and Duplicates of names that
	// are on it twice.
	UpperCase, Duplicates Oddity
}

// Oddity is what becomes of an odd name in a written list.
type Oddity string

// What becomes of an odd name.
const (
	KeepOddity    Oddity = ""        // it is kept as it is
	CorrectOddity Oddity = "correct" // capitals become lower case; a duplicate is left out
	RefuseOddity  Oddity = "refuse"  // the list is refused (400)
)

func (u Undocumented) check() error {
	for _, o := range []Oddity{u.UpperCase, u.Duplicates} {
		if o != KeepOddity && o != CorrectOddity && o != RefuseOddity {
			return fmt.Errorf("the oddity is %q; it takes correct, refuse or nothing", o)
		}
	}
	if u.StaleReads < 0 {
		return fmt.Errorf("stale reads last %s; it takes 0 or more", u.StaleReads)
	}
	return nil
}

// accept returns the list that ServerPilot keeps of a written one.
func (u Undocumented) accept(list []string) ([]string, error) {
	kept := make([]string, 0, len(list))
	seen := map[string]bool{}
	for _, name := range list {
		if lower := strings.ToLower(name); lower != name && u.UpperCase != KeepOddity {
			if u.UpperCase == RefuseOddity {
				return nil, fmt.Errorf("%q has capitals", name)
			}
			name = lower
		}
		if seen[canonical(name)] && u.Duplicates != KeepOddity {
			if u.Duplicates == RefuseOddity {
				return nil, fmt.Errorf("%q is on the list twice", name)
			}
			continue
		}
		seen[canonical(name)] = true
		kept = append(kept, name)
	}
	return kept, nil
}

// readable is the list that a read shows. It is called with the lock held.
func (s *Simulator) readable(a *app) []string {
	list := a.list
	if limit := s.opt.Undocumented.StaleReads; limit > 0 {
		since := time.Now().Add(-limit)
		for _, w := range slices.Backward(a.writes) {
			if w.AppliedAt.Before(since) {
				break
			}
			list = w.Before
		}
	}
	return s.inAnswer(list)
}

// inAnswer is a list in the order in which an answer has it; never nil. It is called with the
// lock held.
func (s *Simulator) inAnswer(list []string) []string {
	list = append([]string{}, list...)
	if s.opt.Undocumented.ShuffledLists {
		s.random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	}
	return list
}
