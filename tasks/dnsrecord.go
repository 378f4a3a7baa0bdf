package tasks

import (
	"cmp"
	"net/netip"
	"strings"
)

// DNSRecord is a record of the domain name system. The keys are a contract.
type DNSRecord struct {
	Type  string `json:"type"` // A, AAAA or CNAME
	Name  string `json:"name"`
	Value string `json:"value"` // an address, or the name that a CNAME leads to
}

// DNSRecords returns the records that point names to a server: A and AAAA records of each
// name, or a CNAME where a name is the www form of another. Only single addresses become
// records, not networks. There are none if no address is known.
func DNSRecords(names []string, expected []netip.Prefix) []DNSRecord {
	records := []DNSRecord{} // [] in JSON, not null
	known := map[string]bool{}
	for _, name := range names {
		known[name] = true
	}
	for _, name := range names {
		var own []DNSRecord
		for _, e := range expected {
			switch {
			case !e.IsSingleIP():
			case e.Addr().Unmap().Is4():
				own = append(own, DNSRecord{"A", name, e.Addr().Unmap().String()})
			default:
				own = append(own, DNSRecord{"AAAA", name, e.Addr().String()})
			}
		}
		domain, isForm := strings.CutPrefix(name, "www.")
		if isForm && known[domain] && own != nil {
			own = []DNSRecord{{"CNAME", name, domain}}
		}
		records = append(records, own...)
	}
	return records
}

// RecordsToSet returns the records that repair DNS, by the causes of a domain's problems:
// those of the names whose addresses are missing or wrong. Names has the domain first, which
// a cause without a name is about. There are no records if DNS is right, or if the server's
// address isn't known.
func RecordsToSet(names []string, problems []Cause) []DNSRecord {
	var expected []netip.Prefix
	wrong := map[string]bool{}
	for _, c := range problems {
		if !c.Code.wrongAddresses() || len(names) == 0 {
			continue
		}
		wrong[cmp.Or(c.Params.Name, names[0])] = true
		if expected != nil {
			continue // each of the domain's names has the same
		}
		for _, text := range c.Params.Expected {
			if a, err := netip.ParseAddr(text); err == nil {
				expected = append(expected, netip.PrefixFrom(a, a.BitLen()))
			}
		}
	}
	records := []DNSRecord{} // [] in JSON, not null
	for _, r := range DNSRecords(names, expected) {
		if wrong[r.Name] {
			records = append(records, r)
		}
	}
	return records
}

// wrongAddresses reports whether a code says that a name's addresses are missing or wrong.
func (c Code) wrongAddresses() bool {
	switch c {
	case CauseDNSMissing, CauseDNSAliasDangling, CauseDNSElsewhere, CauseIPv6Elsewhere:
		return true
	}
	return false
}
