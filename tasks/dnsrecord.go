package tasks

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
)

// DNSRecord is a record in DNS. Its JSON is a contract.
type DNSRecord struct {
	Type  string `json:"type"` // A, AAAA or CNAME
	Name  string `json:"name"`
	Value string `json:"value"` // an address, or the name that a CNAME leads to
}

// DNSRecords returns the records that point names to a server: an A and an AAAA record of
// each name, or a CNAME where a name is the www form of another. Their values are the first
// single address of each family in expected: the others are alternatives, and a network is
// no address. There are no records if no address is known.
func DNSRecords(names []string, expected []netip.Prefix) []DNSRecord {
	records := []DNSRecord{} // [] in JSON, not null
	v4, v6 := firstAddresses(expected)
	if v4+v6 == "" {
		return records
	}
	for _, name := range names {
		if domain, isForm := strings.CutPrefix(name, "www."); isForm && slices.Contains(names, domain) {
			records = append(records, DNSRecord{"CNAME", name, domain})
			continue
		}
		if v4 != "" {
			records = append(records, DNSRecord{"A", name, v4})
		}
		if v6 != "" {
			records = append(records, DNSRecord{"AAAA", name, v6})
		}
	}
	return records
}

// firstAddresses returns the first single address of each family; empty for none.
func firstAddresses(expected []netip.Prefix) (v4, v6 string) {
	for _, e := range expected {
		switch a := e.Addr().Unmap(); {
		case !e.IsSingleIP():
		case a.Is4():
			v4 = cmp.Or(v4, a.String())
		default:
			v6 = cmp.Or(v6, a.String())
		}
	}
	return v4, v6
}

// RecordsToSet returns the records that repair DNS, by the causes of a domain's problems:
// those of the names whose addresses are missing or wrong. The first of names is the domain;
// a cause without a name is about it. If the domain's own addresses are wrong, the records
// are those of all names, since a verification then doesn't report the others. There are no
// records if DNS is right, or if the server's address isn't known.
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
		if wrong[r.Name] || wrong[names[0]] {
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
