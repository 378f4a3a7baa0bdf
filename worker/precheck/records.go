package precheck

import (
	"net/netip"

	"pilotsync/tasks"
	"pilotsync/worker/certcheck"
)

// StatusOf compares a record with what the probe found of its name, as [tasks.StatusOf] does.
func StatusOf(r tasks.DNSRecord, probe certcheck.Probe, expected []netip.Prefix) tasks.RecordStatus {
	return tasks.StatusOf(r, probe.SeenDNS(), expected)
}

// records returns the records that the names need, without optional ones, and what to do about
// each. A record has no action if the name is behind a proxy, or if DNS gave no answer.
func records(facts certcheck.Facts, expected []netip.Prefix) []tasks.DNSRecord {
	needed := []tasks.DNSRecord{} // [] in JSON, not null
	for _, r := range tasks.DNSRecords(facts.Names, expected) {
		s := StatusOf(r, facts.Probes[r.Name], expected)
		if r.Action = s.Action; s.Action == tasks.RecordChange {
			r.Found = s.Found
		}
		if s.Status != tasks.RecordOptional {
			needed = append(needed, r)
		}
	}
	return needed
}
