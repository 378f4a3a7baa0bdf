package main

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"pilotsync/internal/terminal"
	"pilotsync/tasks"
	"pilotsync/worker/certcheck"
	"pilotsync/worker/precheck"
)

type dnsCmd struct {
	lookupFlags
}

// Help is shown under the command's own --help.
func (*dnsCmd) Help() string {
	return `Shows the DNS records that a domain and its www form need, and what DNS has now. A CAA record is shown if it is missing. Of a domain in the ledger its own app and names count. A record is right, missing, wrong, proxied or optional, or unknown if there is no answer. A missing record is optional if the name leads to the server without it. A CNAME is right if the name has the server's addresses, whatever record they come from. It changes nothing. It takes the same settings as 'pilotsync worker', and reads the server's address from ServerPilot. Without an account the addresses are those of PILOTSYNC_EXPECTED_ADDRESSES. If only networks are known, any address in them is right. Exits with 1 if nothing is known.

Examples:

    pilotsync dns example.com --app=app1

    pilotsync dns example.com --json | jq -c '.[].records[]'`
}

// domainRecords is what --json prints of a domain. The keys are a contract.
type domainRecords struct {
	Domain string `json:"domain"`
	// Known: it is known where DNS should point. Otherwise there are no records.
	Known   bool                 `json:"address_known"`
	Records []tasks.RecordStatus `json:"records"`
	// Delete are the records that DNS has and must not have, of a type that isn't set.
	Delete []tasks.DNSRecord `json:"delete"`
}

// Run prints the records.
func (c *dnsCmd) Run(ctx context.Context, s *terminal.Streams) error {
	return c.lookup(ctx, s, false, func(l lookupTargets) error {
		checker, known := certcheck.New(l.Check), true
		var all []domainRecords
		t := terminal.Table{Columns: []terminal.Column{{Title: "", Color: markColor}, {Title: "TYPE"}, {Title: "NAME", Min: 16}, {Title: "VALUE", Min: 15}, {Title: "DNS HAS NOW", Min: 15}}}
		for _, domain := range c.Domains {
			d, err := readRecords(ctx, checker, l.target(domain), domain, &t)
			if err != nil {
				return fmt.Errorf("check %s: %w", domain, err)
			}
			known = known && d.Known
			all = append(all, d)
		}
		var err error
		if c.JSON {
			err = printJSON(s.Out, all)
		} else {
			err = t.Print(s)
		}
		switch {
		case err != nil:
			return fmt.Errorf("print the records: %w", err)
		case !known:
			return errShown
		}
		return nil
	})
}

// readRecords compares a domain's records with DNS, and adds them to a table.
func readRecords(ctx context.Context, checker *certcheck.Checker, target precheck.Target, domain string, t *terminal.Table) (domainRecords, error) {
	d := domainRecords{Domain: domain, Records: []tasks.RecordStatus{}, Delete: []tasks.DNSRecord{}}
	needed := tasks.DNSRecords(tasks.Names(domain, target.WWW), target.Expected)
	if d.Known = len(needed) > 0; !d.Known {
		return d, nil
	}
	facts, err := precheck.Collect(ctx, checker, target, domain)
	if err != nil {
		return d, err
	}
	for _, r := range needed {
		status := precheck.StatusOf(r, facts.Probes[r.Name], target.Expected)
		d.Records = append(d.Records, status)
		t.Add(mark(status.Status), r.Type, tasks.ShownName(r.Name), r.ValueText(), describeFound(status, facts.Probes[r.Name]))
	}
	for _, name := range facts.Names {
		for _, r := range strayRecords(name, d.Records, facts.Probes[name], target.Expected) {
			d.Delete = append(d.Delete, r)
			t.Add(mark(tasks.RecordWrong), r.Type, r.Name, "(delete)", r.Value)
		}
	}
	for _, r := range tasks.RecordsToChange(facts.Names, precheck.Evaluate(target, facts).Problems) {
		if r.Type == "CAA" {
			status := tasks.RecordStatus{DNSRecord: r, Status: tasks.RecordMissing, Found: []string{}}
			d.Records = append(d.Records, status)
			t.Add(mark(status.Status), r.Type, tasks.ShownName(r.Name), r.Value, status.FoundText())
		}
	}
	return d, nil
}

// strayRecords are the addresses of a name that aren't the server's, of a type that none of its
// records to set has. A forgotten AAAA record is one.
func strayRecords(name string, set []tasks.RecordStatus, probe certcheck.Probe, expected []netip.Prefix) (stray []tasks.DNSRecord) {
	if probe.DNS != certcheck.Elsewhere {
		return nil
	}
	for _, a := range probe.Addresses {
		kind := "A"
		if !a.Is4() {
			kind = "AAAA"
		}
		isSet := slices.ContainsFunc(set, func(r tasks.RecordStatus) bool { return r.Name == name && (r.Type == kind || r.Type == "CNAME") })
		if !isSet && !slices.ContainsFunc(expected, func(p netip.Prefix) bool { return p.Contains(a) }) {
			stray = append(stray, tasks.DNSRecord{Action: tasks.RecordDelete, Type: kind, Name: name, Value: a.String()})
		}
	}
	return stray
}

// describeFound says what DNS has in a record's place.
func describeFound(s tasks.RecordStatus, probe certcheck.Probe) string {
	switch found := strings.Join(s.Found, ", "); s.Status {
	case tasks.RecordProxied:
		return found + " (" + probe.Provider + ")"
	case tasks.RecordUnknown:
		return "no answer: " + probe.DNSDetail
	case tasks.RecordOptional:
		return "nothing; not needed"
	case tasks.RecordMissing:
		if probe.Alias != "" {
			return "an alias of " + probe.Alias + ", which has no address"
		}
		return "nothing"
	default:
		return found
	}
}

// mark is a tick, a cross, or a question mark where DNS can't tell.
func mark(status string) string {
	switch status {
	case tasks.RecordRight:
		return "✓"
	case tasks.RecordMissing, tasks.RecordWrong:
		return "✗"
	case tasks.RecordOptional:
		return "–"
	}
	return "?"
}

func markColor(mark string) terminal.Color {
	switch mark {
	case "✓":
		return terminal.Green
	case "✗":
		return terminal.Red
	}
	return terminal.Yellow
}
