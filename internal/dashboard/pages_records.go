package dashboard

import (
	"fmt"
	"slices"
	"strings"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

// dnsRecords are the DNS records of a domain: what its owner has to change, and what is right.
type dnsRecords struct {
	domain string
	All    []tasks.RecordStatus
	// Problems are what else the owner has to repair: no record of All repairs it.
	Problems []tasks.Cause
	// Awaited: the records are known after the next check.
	Awaited bool
}

// recordsOf returns the records of a domain. A domain that isn't listed needs none.
func recordsOf(v ledger.View) dnsRecords {
	if !v.State.Listed() {
		return dnsRecords{}
	}
	problems := v.Record.Problems()
	d := dnsRecords{domain: v.Domain, All: tasks.AllRecords(v.Names, v.Record.DNS, problems)}
	for _, c := range problems {
		if byOwner(c.Code) && len(tasks.RecordsToChange(v.Names, []tasks.Cause{c})) == 0 {
			d.Problems = append(d.Problems, c)
		}
	}
	d.Awaited = len(d.All)+len(d.Problems) == 0 && !tasks.IsWildcard(v.Domain)
	return d
}

// toChange are the records that the domain's owner has to set, change or delete.
func (d dnsRecords) toChange() (records []tasks.RecordStatus) {
	for _, r := range d.All {
		if r.NeedsChange() {
			records = append(records, r)
		}
	}
	return records
}

// Summary says in a few words whether the records are right.
func (d dnsRecords) Summary() string {
	var repairs []string
	if n := len(d.toChange()); n > 0 {
		repairs = append(repairs, fmt.Sprintf("%d of %d to change", n, len(d.All)))
	}
	if n := len(d.Problems); n > 0 {
		repairs = append(repairs, fmt.Sprintf("%d %s to repair", n, plural(n, "problem", "problems")))
	}
	has := func(statuses ...string) bool {
		return slices.ContainsFunc(d.All, func(r tasks.RecordStatus) bool { return slices.Contains(statuses, r.Status) })
	}
	switch {
	case len(repairs) > 0:
		return strings.Join(repairs, ", ")
	case has(tasks.RecordUnknown, tasks.RecordUnchecked):
		return "not all known"
	case has(tasks.RecordProxied):
		return "nothing to change"
	}
	return "all right"
}

// CustomerText is a text for the domain's owner: what to change, in words and in lines that fit a
// mail.
func (d dnsRecords) CustomerText() string {
	var b strings.Builder
	name, change := tasks.ShownName(d.domain), d.toChange()
	if len(change)+len(d.Problems) == 0 {
		return d.presentText(name)
	}
	if len(change) > 0 {
		fmt.Fprintf(&b, "Please change these DNS records of %s at your DNS provider:\n", name)
	}
	for _, r := range change {
		fmt.Fprintf(&b, "\n%s%s record\n  Name:  %s\n  Value: %s\n", customerVerb(r.Action), r.Type, r.Name, r.ValueText())
		if r.Status == tasks.RecordWrong && r.Action != tasks.RecordDelete {
			fmt.Fprintf(&b, "  Now:   %s\n", r.FoundText())
		}
	}
	also := ""
	if len(change) > 0 {
		b.WriteString("\nLeave the other records as they are. ")
		also = "also "
	}
	if n := len(d.Problems); n > 0 {
		fmt.Fprintf(&b, "Please %srepair %s of %s:\n", also, plural(n, "this problem", "these problems"), name)
		for _, c := range d.Problems {
			fmt.Fprintf(&b, "\n%s %s\n", withUnicode(sentence(c.Sentence())), withUnicode(c.Remedy()))
		}
		b.WriteString("\n")
	}
	b.WriteString("The domain is then checked again automatically.\n")
	return b.String()
}

// presentText says what DNS has. Which record an address comes from isn't known.
func (d dnsRecords) presentText(name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "As far as is known, nothing has to be changed in the DNS of %s.\n\n", name)
	for _, r := range d.All {
		switch shown := tasks.ShownName(r.Name); r.Status {
		case tasks.RecordRight:
			fmt.Fprintf(&b, "%s points to the server: %s.\n", shown, r.FoundText())
		case tasks.RecordProxied:
			fmt.Fprintf(&b, "%s is behind a proxy: %s.\n", shown, r.FoundText())
		default:
			fmt.Fprintf(&b, "What %s points to isn't known.\n", shown)
		}
	}
	return b.String()
}

func customerVerb(action tasks.RecordAction) string {
	switch action {
	case tasks.RecordSet:
		return "Add the "
	case tasks.RecordChange:
		return "Change the "
	case tasks.RecordDelete:
		return "Delete the "
	}
	return ""
}

// recordMark is a record's status: a sign, and words for readers who can't tell signs or colors.
type recordMark struct{ Sign, Text, Class string }

func markOf(r tasks.RecordStatus) recordMark {
	switch {
	case r.Action == tasks.RecordDelete:
		return recordMark{"✗", "delete", "wrong"}
	case r.Status == tasks.RecordRight:
		return recordMark{"✓", "right", "right"}
	case r.Status == tasks.RecordUnchecked && r.NeedsChange():
		return recordMark{"✗", "to set", "wrong"}
	case r.NeedsChange():
		return recordMark{"✗", r.Status, "wrong"}
	case r.Status == tasks.RecordProxied:
		return recordMark{"–", "behind a proxy", "neutral"}
	}
	return recordMark{"?", "not known", "neutral"}
}
