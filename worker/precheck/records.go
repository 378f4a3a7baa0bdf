package precheck

import (
	"net/netip"
	"slices"

	"pilotsync/tasks"
	"pilotsync/worker/certcheck"
)

// RecordStatus is a record to set, and what DNS has in its place. Its JSON is a contract.
type RecordStatus struct {
	tasks.DNSRecord
	// Status is right, missing, wrong, proxied (visitors see a proxy), unknown (DNS gave no
	// answer) or optional (the name works by the other family's address).
	Status string   `json:"status"`
	Found  []string `json:"found"` // the name's addresses of the record's family; of both for a CNAME
}

// StatusOf compares a record with what the probe found of its name. It sets Action if Status
// is right, missing or wrong.
func StatusOf(r tasks.DNSRecord, probe certcheck.Probe, expected []netip.Prefix) RecordStatus {
	s := RecordStatus{DNSRecord: r, Found: []string{}} // [] in JSON, not null
	found := slices.DeleteFunc(slices.Clone(probe.Addresses), func(a netip.Addr) bool { return r.Type == "A" && !a.Is4() || r.Type == "AAAA" && a.Is4() })
	unexpected := 0
	for _, a := range found {
		s.Found = append(s.Found, a.String())
		if !slices.ContainsFunc(expected, func(p netip.Prefix) bool { return p.Contains(a) }) {
			unexpected++
		}
	}
	switch {
	case probe.DNS == certcheck.Proxied:
		s.Status = "proxied"
	case probe.DNS == certcheck.DNSUnknown || probe.DNS == certcheck.Bogus:
		s.Status = "unknown"
	case len(found) == 0 && probe.DNS == certcheck.PointsHere: // by the other family's record
		s.Status = "optional"
	case len(found) == 0:
		s.Status, s.Action = "missing", tasks.RecordSet
	case unexpected == 0:
		s.Status, s.Action = "right", tasks.RecordKeep
	default:
		s.Status, s.Action = "wrong", tasks.RecordChange
	}
	return s
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
		if s.Status != "optional" {
			needed = append(needed, r)
		}
	}
	return needed
}
