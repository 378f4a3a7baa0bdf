package tasks

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
)

// RecordAction is what to do about a DNS record.
type RecordAction string

const (
	RecordKeep   RecordAction = "keep"   // it is there
	RecordSet    RecordAction = "set"    // it is missing
	RecordChange RecordAction = "change" // it takes the place of what is there
	RecordDelete RecordAction = "delete"
)

// DNSRecord is a record in DNS. Its JSON is a contract.
type DNSRecord struct {
	// Action is empty if it isn't known what DNS has.
	Action RecordAction `json:"action,omitempty"`
	Type   string       `json:"type"` // A, AAAA, CNAME or CAA
	Name   string       `json:"name"`
	// Value is an address, the name that a CNAME leads to, or what a CAA record says. It is
	// empty if any address of Networks is right.
	Value    string   `json:"value"`
	Networks []string `json:"networks,omitempty"`
	// Found are the addresses or the name that DNS has in place of the value.
	Found []string `json:"found,omitempty"`
}

// ValueText returns the value for people.
func (r DNSRecord) ValueText() string {
	if len(r.Networks) > 0 {
		return addressIn(r.Networks)
	}
	return r.Value
}

func addressIn(networks []string) string { return "an address in " + someOf(networks) }

// caaForLetsEncrypt is the record that lets Let's Encrypt issue certificates (RFC 8659).
const caaForLetsEncrypt = `0 issue "letsencrypt.org"`

// DNSRecords returns the records that point names to a server. Each name has an A and an AAAA
// record, or a CNAME record if it is the www form of another. Their values are the first single
// address of each family in expected; the others are alternatives. Networks count only if no
// single address is known. There are no records if nothing is expected.
func DNSRecords(names []string, expected []netip.Prefix) []DNSRecord {
	records, right := []DNSRecord{}, addressRecords(expected) // [] in JSON, not null
	for _, name := range names {
		records = append(records, recordsOf(name, names, right)...)
	}
	return records
}

func recordsOf(name string, names []string, right []DNSRecord) (records []DNSRecord) {
	if domain, isForm := strings.CutPrefix(name, "www."); isForm && slices.Contains(names, domain) && len(right) > 0 {
		return []DNSRecord{{Type: "CNAME", Name: name, Value: domain}}
	}
	for _, r := range right {
		r.Name = name
		records = append(records, r)
	}
	return records
}

// addressRecords returns the A and the AAAA record that lead to a server, without a name.
func addressRecords(expected []netip.Prefix) (records []DNSRecord) {
	values, networks := map[string]string{}, map[string][]string{}
	for _, e := range expected {
		a := e.Addr().Unmap()
		if e.IsSingleIP() {
			values[addressType(a)] = cmp.Or(values[addressType(a)], a.String())
		} else {
			networks[addressType(a)] = append(networks[addressType(a)], e.String())
		}
	}
	for _, kind := range []string{"A", "AAAA"} {
		switch {
		case values[kind] != "":
			records = append(records, DNSRecord{Type: kind, Value: values[kind]})
		case len(values) == 0 && len(networks[kind]) > 0:
			records = append(records, DNSRecord{Type: kind, Networks: networks[kind]})
		}
	}
	return records
}

func addressType(a netip.Addr) string {
	if a.Is4() {
		return "A"
	}
	return "AAAA"
}

// RecordsToChange returns what repairs DNS, by the causes of a domain's problems: the records
// to set, to change and to delete. The first of names is the domain; a cause without a name is
// about it. If the domain's own addresses are wrong, a verification doesn't report its other
// names, so the records are those of all names. There are none if DNS is right, or if it isn't
// known where it should point.
func RecordsToChange(names []string, problems []Cause) []DNSRecord {
	records := []DNSRecord{} // [] in JSON, not null
	var right []DNSRecord
	wrong := map[string]Cause{}
	for _, c := range problems {
		if !c.Code.wrongAddresses() || len(names) == 0 {
			continue
		}
		if name := cmp.Or(c.Params.Name, names[0]); wrong[name].Code == "" {
			wrong[name] = c
		}
		if right == nil { // each of the domain's names has the same
			right = addressRecords(parseExpected(c.Params.Expected))
		}
	}
	for i, name := range names {
		c, isWrong := wrong[name]
		switch all := wrong[names[0]].Code; {
		case slices.Contains(names[:i], name):
		case isWrong, all != "" && all != CauseIPv6Elsewhere:
			records = append(records, changesOf(c, name, names, right)...)
		}
	}
	for _, c := range problems {
		if caa := (DNSRecord{Action: RecordSet, Type: "CAA", Name: c.Params.Record, Value: caaForLetsEncrypt}); c.Code == CauseCAAForbids && caa.Name != "" && !holdsRecord(records, caa) {
			records = append(records, caa)
		}
	}
	return records
}

func holdsRecord(records []DNSRecord, caa DNSRecord) bool {
	return slices.ContainsFunc(records, func(r DNSRecord) bool { return r.Type == caa.Type && r.Name == caa.Name })
}

// changesOf repairs one name. A zero cause means that it isn't known what DNS has.
func changesOf(c Cause, name string, names []string, right []DNSRecord) (records []DNSRecord) {
	found := map[string][]string{} // by type
	for _, text := range c.Params.Found {
		if a, ok := parseAddress(text); ok {
			found[addressType(a)] = append(found[addressType(a)], a.String())
		}
	}
	target, _, _ := strings.Cut(c.Params.Target, " ") // of an alias in a circle, the first step
	records = recordsOf(name, names, right)
	switch {
	case c.Code == CauseIPv6Elsewhere: // the other addresses are right
		records = slices.DeleteFunc(recordsOf(name, nil, right), func(r DNSRecord) bool { return r.Type != "AAAA" || r.Value == "" })
	case c.Code == CauseDNSAliasDangling && target != "":
		found["CNAME"] = []string{target}
	}
	isAlias := len(records) > 0 && records[0].Type == "CNAME"
	for i := range records {
		r := &records[i]
		r.Action, r.Found = RecordSet, found[r.Type]
		if isAlias { // it takes the place of all that is there
			r.Found = slices.Concat(found["CNAME"], found["A"], found["AAAA"])
			clear(found)
		}
		if len(r.Found) > 0 {
			r.Action = RecordChange
		}
		delete(found, r.Type)
	}
	if len(records) == 0 && c.Code != CauseIPv6Elsewhere {
		return nil // a name isn't left without a record
	}
	// What isn't replaced is deleted first: no record may stand beside a CNAME record.
	var deleted []DNSRecord
	for _, kind := range []string{"CNAME", "A", "AAAA"} {
		for _, value := range found[kind] {
			deleted = append(deleted, DNSRecord{Action: RecordDelete, Type: kind, Name: name, Value: value})
		}
	}
	return append(deleted, records...)
}

// parseExpected reads the parameter of that name. What isn't an address or a network is left out.
func parseExpected(texts []string) (expected []netip.Prefix) {
	for _, text := range texts {
		if a, ok := parseAddress(text); ok {
			expected = append(expected, netip.PrefixFrom(a, a.BitLen()))
		} else if p, err := netip.ParsePrefix(text); err == nil {
			expected = append(expected, p)
		}
	}
	return expected
}

// parseAddress reads an address that DNS can have.
func parseAddress(text string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(text)
	return a.Unmap(), err == nil && a.Zone() == ""
}

// wrongAddresses reports whether a code says that a name's addresses are missing or wrong.
func (c Code) wrongAddresses() bool {
	switch c {
	case CauseDNSMissing, CauseDNSAliasDangling, CauseDNSElsewhere, CauseIPv6Elsewhere:
		return true
	}
	return false
}
