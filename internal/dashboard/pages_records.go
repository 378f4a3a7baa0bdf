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
	// Awaited: the records are known after the next check.
	Awaited bool
}

// recordsOf returns the records of a domain. A domain that isn't listed needs none.
func recordsOf(v ledger.View) dnsRecords {
	if !v.State.Listed() {
		return dnsRecords{}
	}
	all := tasks.AllRecords(v.Names, v.Record.DNS, v.Record.Problems())
	return dnsRecords{domain: v.Domain, All: all, Awaited: len(all) == 0 && !tasks.IsWildcard(v.Domain)}
}

// ToChange is the number of records that the domain's owner has to set, change or delete.
func (d dnsRecords) ToChange() int {
	n := 0
	for _, r := range d.All {
		if r.NeedsChange() {
			n++
		}
	}
	return n
}

// Summary says in a few words whether the records are right.
func (d dnsRecords) Summary() string {
	n := d.ToChange()
	switch {
	case n > 0:
		return fmt.Sprintf("%d of %d to change", n, len(d.All))
	case !slices.ContainsFunc(d.All, func(r tasks.RecordStatus) bool { return !r.IsRight() }):
		return "all right"
	}
	return "nothing to change"
}

// CustomerText is a text for the domain's owner: what to change, in words and in lines that fit a
// mail.
func (d dnsRecords) CustomerText() string {
	var b strings.Builder
	name := tasks.ShownName(d.domain)
	if d.ToChange() == 0 {
		fmt.Fprintf(&b, "The domain %s has these DNS records:\n", name)
	} else {
		fmt.Fprintf(&b, "Please change these DNS records of %s at your DNS provider:\n", name)
	}
	for _, r := range d.All {
		if d.ToChange() > 0 && !r.NeedsChange() {
			continue
		}
		fmt.Fprintf(&b, "\n%s%s record\n  Name:  %s\n  Value: %s\n", customerVerb(r.Action), r.Type, r.Name, r.ValueText())
		if r.Status == tasks.RecordWrong && r.Action != tasks.RecordDelete {
			fmt.Fprintf(&b, "  Now:   %s\n", r.FoundText())
		}
	}
	if d.ToChange() > 0 {
		b.WriteString("\nLeave the other records as they are. The domain is then checked again automatically.\n")
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
