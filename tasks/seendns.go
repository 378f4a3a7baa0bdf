package tasks

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
)

// SeenDNS is what a check saw in DNS of a domain's names, and what it expected.
type SeenDNS struct {
	Expected []string   `json:"expected,omitempty"` // addresses and networks, at most [MaxParamItems]
	Names    []SeenName `json:"names,omitempty"`
}

// SeenName is what DNS had of one name.
type SeenName struct {
	Name string   `json:"name"`
	Has  []string `json:"has,omitempty"` // addresses, at most [MaxParamItems], the wrong ones first
	// Provider is the proxy that all addresses belong to; empty for none.
	Provider string `json:"provider,omitempty"`
	// NoAnswer: DNS gave no usable answer, so the name may have addresses.
	NoAnswer bool `json:"no_answer,omitempty"`
}

// Unanswered reports whether DNS gave no usable answer for one of the names.
func (s *SeenDNS) Unanswered() bool {
	return s != nil && slices.ContainsFunc(s.Names, func(n SeenName) bool { return n.NoAnswer })
}

// name returns what was seen of a name; ok is false if it wasn't looked up.
func (s *SeenDNS) name(name string) (seen SeenName, ok bool) {
	if s == nil {
		return SeenName{}, false
	}
	i := slices.IndexFunc(s.Names, func(n SeenName) bool { return n.Name == name })
	if i < 0 {
		return SeenName{}, false
	}
	return s.Names[i], true
}

// Statuses of a record, a contract.
const (
	RecordRight    = "right"
	RecordMissing  = "missing"
	RecordWrong    = "wrong"
	RecordProxied  = "proxied"  // visitors see a proxy
	RecordUnknown  = "unknown"  // DNS gave no answer
	RecordOptional = "optional" // the name works by the other family's address
	// RecordUnchecked says that no check has looked the name up since it was added to the domain.
	RecordUnchecked = "unchecked"
)

// RecordStatus is a record to set or to delete, and what DNS has in its place. Its JSON is a
// contract.
type RecordStatus struct {
	DNSRecord
	Status string   `json:"status"`
	Found  []string `json:"found"` // the name's addresses of the record's family; of both for a CNAME
}

// StatusOf compares a record with what DNS has of its name. It sets Action if Status is right,
// missing or wrong.
func StatusOf(r DNSRecord, seen SeenName, expected []netip.Prefix) RecordStatus {
	s := RecordStatus{DNSRecord: r, Found: []string{}} // [] in JSON, not null
	unexpected, pointsHere := 0, len(seen.Has) > 0
	for _, text := range seen.Has {
		a, ok := parseAddress(text)
		isExpected := ok && slices.ContainsFunc(expected, func(p netip.Prefix) bool { return p.Contains(a) })
		pointsHere = pointsHere && isExpected
		if r.Type == "CNAME" || r.Type == addressType(a) {
			s.Found = append(s.Found, text)
			if !isExpected {
				unexpected++
			}
		}
	}
	switch {
	case seen.Provider != "":
		s.Status = RecordProxied
	case seen.NoAnswer:
		s.Status = RecordUnknown
	case len(s.Found) == 0 && pointsHere: // by the other family's record
		s.Status = RecordOptional
	case len(s.Found) == 0:
		s.Status, s.Action = RecordMissing, RecordSet
	case unexpected == 0:
		s.Status, s.Action = RecordRight, RecordKeep
	default:
		s.Status, s.Action = RecordWrong, RecordChange
	}
	return s
}

// AllRecords returns the records of a domain's names: those to change, as [RecordsToChange] does,
// and those that are right, from what the last check saw. Optional records are left out. seen is
// nil if no check of this release has seen the names. Then only records to change are known.
func AllRecords(names []string, seen *SeenDNS, problems []Cause) []RecordStatus {
	all := []RecordStatus{}
	var expected []netip.Prefix
	if seen != nil {
		expected = parseExpected(seen.Expected)
	}
	for _, r := range RecordsToChange(names, problems) {
		all = append(all, statusToChange(r, names, seen, expected, problems))
	}
	for _, r := range DNSRecords(names, expected) {
		if slices.ContainsFunc(all, func(s RecordStatus) bool { return s.Type == r.Type && s.Name == r.Name && s.Action != RecordDelete }) {
			continue
		}
		s := RecordStatus{DNSRecord: r, Status: RecordUnchecked, Found: []string{}}
		if has, ok := seen.name(r.Name); ok {
			s = StatusOf(r, has, expected)
		}
		if s.Status != RecordOptional {
			all = append(all, s)
		}
	}
	place := func(s RecordStatus) int { // a CAA record of a parent domain comes last
		if i := slices.Index(names, s.Name); i >= 0 {
			return i
		}
		return len(names)
	}
	slices.SortStableFunc(all, func(a, b RecordStatus) int { return place(a) - place(b) })
	return all
}

// RecordsToRepair returns those of [AllRecords] that the domain's owner has to set, change or delete.
func RecordsToRepair(names []string, seen *SeenDNS, problems []Cause) []DNSRecord {
	repairs := []DNSRecord{}
	for _, s := range AllRecords(names, seen, problems) {
		if !s.NeedsChange() {
			continue
		}
		if s.Action == RecordChange {
			s.DNSRecord.Found = s.Found
		}
		repairs = append(repairs, s.DNSRecord)
	}
	return repairs
}

// statusToChange is the status of a record to change. A verification reports one problem of a
// domain, and so may not name a www form that is right or wrong by itself; what it saw does.
func statusToChange(r DNSRecord, names []string, seen *SeenDNS, expected []netip.Prefix, problems []Cause) RecordStatus {
	s := RecordStatus{DNSRecord: r, Status: RecordWrong, Found: append([]string{}, r.Found...)}
	switch {
	case r.Action == RecordDelete:
		s.Found = []string{r.Value}
	case r.Action == RecordSet && r.Type == "CAA":
		s.Status = RecordMissing
	case r.Action == RecordSet:
		if has, ok := seen.name(r.Name); ok {
			if now := StatusOf(r, has, expected); now.Action != "" {
				return now
			}
		}
		s.Status = RecordUnchecked
		if slices.ContainsFunc(problems, func(c Cause) bool { return cmp.Or(c.Params.Name, names[0]) == r.Name }) {
			s.Status = RecordMissing
		}
	}
	return s
}

// IsRight reports whether nothing has to be done about the record.
func (s RecordStatus) IsRight() bool { return s.Status == RecordRight }

// NeedsChange reports whether the domain's owner has to set, change or delete the record.
func (s RecordStatus) NeedsChange() bool {
	return s.Action == RecordSet || s.Action == RecordChange || s.Action == RecordDelete
}

// FoundText says for people what DNS has in the record's place.
func (s RecordStatus) FoundText() string {
	switch {
	case s.Status == RecordUnknown:
		return "no answer"
	case s.Status == RecordUnchecked:
		return "not known"
	case s.Type == "CAA":
		return "records that don't allow Let's Encrypt"
	case len(s.Found) == 0:
		return "nothing"
	}
	return strings.Join(s.Found, ", ")
}
