// Package restore finds out what takes back the last writes of a list: it reads the
// differences that the ledger keeps, and asks for nothing itself.
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

// Point is a moment between two writes: right after write number N or, where Time
// is set, at that time.
type Point struct {
	N    int64
	Time time.Time
}

// After returns the writes, of those given newest first, that came after the point.
// kept are all that the ledger has. A time before the first of them is refused: it may
// be mistyped, and all that the ledger ever put on the list would leave. The number
// before the first, or 0, stands for the moment before it. The error says which points
// can be reached.
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

// reach says which points can be reached.
func reach(first, last ledger.Write) string {
	return fmt.Sprintf("Kept are write %d, of %s, to write %d, of %s\n--at takes a number from %d to %d, or a time from the first on",
		first.N, first.At.UTC().Format(TimeFormat), last.N, last.At.UTC().Format(TimeFormat), first.N-1, last.N)
}

// TimeFormat is how the time of a write is shown, in UTC.
const TimeFormat = "2006-01-02T15:04:05.000Z"

// later reports whether a write came after a time. It compares what is shown of the
// write's time, so that one that was copied from there means the state after the write.
func later(w ledger.Write, t time.Time) bool { return w.At.Truncate(time.Millisecond).After(t) }

// Names returns, sorted, what is to be put on the list and taken off it so that the
// names that the writes changed, newest first, are as they were before the oldest of
// them. is tells whether a name is on the list as the ledger has it now; what is as
// it was already needs nothing.
//
// A write that failed changed nothing. One whose outcome isn't known, or that is on
// its way, says what the list was before it; where it didn't land, or was made good
// later, that is what the names are now, and nothing is asked for.
func Names(writes []ledger.Write, is func(name string) bool) (add, remove []string) {
	was := map[string]bool{}
	for _, w := range writes {
		if w.Outcome == ledger.Failed {
			continue
		}
		for _, name := range w.Added {
			was[name] = false
		}
		for _, name := range w.Removed {
			was[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(was)) {
		switch {
		case was[name] && !is(name):
			add = append(add, name)
		case !was[name] && is(name):
			remove = append(remove, name)
		}
	}
	return add, remove
}

// On returns the names that are on the list as the ledger has it, once what waits
// is dealt with; ours are the names that we put there.
func On(views []ledger.View, ours []string) map[string]bool {
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
	for _, name := range ours {
		on[name] = on[name] || !leaving[name]
	}
	for _, v := range views {
		if !wanted(v) && v.Pending != nil {
			on[v.Domain] = false // even if it is another's www form
		}
	}
	return on
}

// Requests makes requests for the domains that names stand for. A name and its www
// form that both go on the list are one domain; a www form whose domain is on the
// list for good, or isn't to be, is a domain of its own. by is who asks.
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

// order has removals first, so that they make room.
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

// Domains returns the domains that names stand for if each www form is paired with
// its domain where both are among them, in their order.
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
