// Package restore computes what reverses the last writes of a list, from the differences that
// the ledger keeps. It does no I/O.
package restore

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"pilotsync/enqueue"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

// Point is a moment between two writes: right after write number N, or at Time if that is
// set.
type Point struct {
	N    int64
	Time time.Time
}

// After returns the writes after a point. kept are all writes that the ledger has, newest
// first. The number before the first write stands for the moment before it. A time before the
// first write is refused: it may be mistyped, and all names of kept writes would leave. The
// error says which points are possible.
func After(kept []ledger.Write, p Point) ([]ledger.Write, error) {
	ended := slices.DeleteFunc(slices.Clone(kept), func(w ledger.Write) bool { return w.N == 0 })
	if len(ended) == 0 {
		return nil, errors.New("no write of its list is kept")
	}
	first, last := ended[len(ended)-1], ended[0]
	switch at := p.Time; {
	case !at.IsZero() && later(first, at):
		return nil, fmt.Errorf("%s is before the first write that is kept\n%s", at.UTC().Format(TimeFormat), reach(first, last))
	case at.IsZero() && p.N < first.N-1:
		return nil, fmt.Errorf("write %d isn't kept any more\n%s", p.N, reach(first, last))
	case at.IsZero() && p.N > last.N:
		return nil, fmt.Errorf("there is no write %d yet\n%s", p.N, reach(first, last))
	}
	n := 0
	for n < len(kept) && (!p.Time.IsZero() && later(kept[n], p.Time) || p.Time.IsZero() && (kept[n].N == 0 || kept[n].N > p.N)) {
		n++
	}
	return kept[:n], nil
}

// reach says which points are possible.
func reach(first, last ledger.Write) string {
	return fmt.Sprintf("Kept are write %d, of %s, to write %d, of %s\n--at takes a number from %d to %d, or a time from the first on",
		first.N, first.At.UTC().Format(TimeFormat), last.N, last.At.UTC().Format(TimeFormat), first.N-1, last.N)
}

// TimeFormat is how the time of a write is shown, in UTC.
const TimeFormat = "2006-01-02T15:04:05.000Z"

// later reports whether a write came after a time. It compares the write's time as it is
// shown, so a copied time means the state after the write.
func later(w ledger.Write, t time.Time) bool { return w.At.Truncate(time.Millisecond).After(t) }

// Names returns, sorted, the names to add and to remove. Then the names that the writes changed
// are as they were before the oldest write. The writes are sorted newest first. onList reports
// whether a name is on the list now, by the ledger.
//
// A failed write changed nothing. A write in flight or of unknown outcome counts: it says what
// the list was before it. If it had no effect, its names are already so, and nothing is
// returned for them.
func Names(writes []ledger.Write, onList func(name string) bool) (add, remove []string) {
	wasOnList := map[string]bool{}
	for _, w := range writes {
		if w.Outcome == ledger.WriteFailed {
			continue
		}
		for _, name := range w.Added {
			wasOnList[name] = false
		}
		for _, name := range w.Removed {
			wasOnList[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(wasOnList)) {
		switch {
		case wasOnList[name] && !onList(name):
			add = append(add, name)
		case !wasOnList[name] && onList(name):
			remove = append(remove, name)
		}
	}
	return add, remove
}

// OnList returns the names that are on the list by the ledger, once the pending changes are
// processed.
func OnList(views []ledger.View, owned []string) map[string]bool {
	on, leaving := map[string]bool{}, map[string]bool{}
	for _, v := range views {
		if !wanted(v) {
			for _, name := range v.Record.Names {
				leaving[name] = leaving[name] || v.Pending != nil
			}
			continue
		}
		on[v.Domain] = true
		if v.Record.Wanted {
			for _, name := range v.Record.Names {
				on[name] = true
			}
		}
	}
	for _, name := range owned {
		on[name] = on[name] || !leaving[name]
	}
	for _, v := range views {
		if !wanted(v) && v.Pending != nil {
			on[v.Domain] = false // even if it is another's www form
		}
	}
	return on
}

// Requests returns requests for the domains of the names. A name and its www form that are
// both added are one domain. A www form whose domain doesn't change is a domain by itself. by
// is the operator's name.
func Requests(app, by string, add, remove []string, views []ledger.View) []enqueue.Request {
	known := map[string]ledger.View{}
	for _, v := range views {
		known[v.Domain] = v
	}
	var reqs []enqueue.Request
	for _, domain := range Domains(add) {
		www := tasks.WWWNever
		if slices.Contains(add, "www."+domain) {
			www = tasks.WWWAlways
		}
		reqs = append(reqs, enqueue.Request{AppID: app, Domain: domain, WWW: www,
			SiteID: known[domain].Record.SiteID, Attempts: known[domain].Record.Attempts, By: by})
	}
	for _, name := range remove {
		base, isForm := strings.CutPrefix(name, "www.")
		if isForm && slices.Contains(remove, base) && slices.Contains(known[base].Record.Names, name) && !wanted(known[name]) {
			continue // it leaves with its domain
		}
		reqs = append(reqs, enqueue.Request{AppID: app, Domain: name, Remove: true, WWW: known[name].Record.WWW, SiteID: known[name].Record.SiteID, By: by})
	}
	slices.SortStableFunc(reqs, func(a, b enqueue.Request) int {
		return cmp.Or(cmp.Compare(order(a), order(b)), cmp.Compare(a.Domain, b.Domain))
	})
	return reqs
}

// order puts removals first, since they make room.
func order(r enqueue.Request) int {
	if r.Remove {
		return 0
	}
	return 1
}

func wanted(v ledger.View) bool {
	if v.Pending != nil {
		return !v.Pending.Remove
	}
	return v.Record.Wanted
}

// Domains returns the names in their order, without www forms whose domain is among them.
func Domains(names []string) []string {
	var domains []string
	for _, name := range names {
		base, isForm := strings.CutPrefix(name, "www.")
		if isForm && slices.Contains(names, base) && slices.Contains(tasks.Names(base, tasks.WWWAlways), name) {
			continue
		}
		domains = append(domains, name)
	}
	return domains
}
