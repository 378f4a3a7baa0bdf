package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"pilotsync/internal/terminal"
	"pilotsync/tasks"
	"pilotsync/worker/certcheck"
	"pilotsync/worker/precheck"
)

type checkCmd struct {
	lookupFlags
}

// Help is shown under the command's own --help.
func (*checkCmd) Help() string {
	return `Checks what a verification checks, before a domain is added. It checks the name's rules, room on the app's list, and lists of the account's other apps. It also checks DNS, proxies, CAA records and the certificate. It changes nothing. It takes the same settings as 'pilotsync worker', and reads the app from ServerPilot. Without an account it compares DNS with PILOTSYNC_EXPECTED_ADDRESSES only. Exits with 0 if all domains would work, 1 if one wouldn't, and 2 if a text is no domain name. docs/states.md lists the causes.

Examples:

    pilotsync check example.com --app=app1

    pilotsync check example.com --json | jq -r '.[].problems[].remedy'`
}

// domainCheck is what --json prints of a domain. The keys are a contract.
type domainCheck struct {
	Domain string   `json:"domain"`
	Names  []string `json:"names"`
	OK     bool     `json:"ok"`
	tasks.Cause
	Reason   string            `json:"reason"`
	Remedy   string            `json:"remedy"`
	Problems []problem         `json:"problems"`
	Records  []tasks.DNSRecord `json:"records"`
}

// Run checks the domains, and prints whether they would work.
func (c *checkCmd) Run(ctx context.Context, s *terminal.Streams) error {
	return c.lookup(ctx, s, true, func(l lookupTargets) error {
		checker, ok := certcheck.New(l.Check), true
		var all []domainCheck
		t := terminal.Table{Columns: []terminal.Column{terminal.DomainColumn(), {Title: "OK", Color: yesColor}, {Title: "CAUSE", Rank: 1}, terminal.ReasonColumn()}}
		for _, domain := range c.Domains {
			result, err := precheck.Check(ctx, checker, l.target(domain), domain)
			if err != nil {
				return fmt.Errorf("check %s: %w", domain, err)
			}
			ok = ok && result.OK
			if result.OK {
				l.reserve(domain, result.Names)
			}
			d := describeCheck(result)
			all = append(all, d)
			t.Add(tasks.ShownName(d.Domain), yes(d.OK), d.Code.Label(), withRemedy(d.Reason, d.Remedy))
			for _, p := range d.Problems {
				if p.Name != d.Domain {
					t.Add(tasks.ShownName(p.Name), yes(false), p.Code.Label(), withRemedy(p.Reason, p.Remedy))
				}
			}
		}
		err := error(nil)
		if c.JSON {
			err = printJSON(s.Out, all)
		} else {
			err = t.Print(s)
		}
		switch {
		case err != nil:
			return fmt.Errorf("print the results: %w", err)
		case !ok:
			return errShown
		}
		return nil
	})
}

func describeCheck(r tasks.CheckResult) domainCheck {
	return domainCheck{Domain: r.Domain, Names: r.Names, OK: r.OK, Cause: r.Cause, Reason: r.Cause.Sentence(), Remedy: r.Cause.Remedy(),
		Problems: problemsFrom(r.Domain, r.Problems), Records: r.Records}
}

// problemsFrom describes causes; those without a name are about the domain.
func problemsFrom(domain string, causes []tasks.Cause) []problem {
	all := []problem{} // [] in JSON, not null
	for _, c := range causes {
		all = append(all, problem{Name: cmp.Or(c.Params.Name, domain), Cause: c, Reason: c.Sentence(), Remedy: c.Remedy()})
	}
	return all
}

// withRemedy adds a remedy to a reason, if there is something to do.
func withRemedy(reason, remedy string) string {
	return strings.TrimSuffix(reason+". "+remedy, " Nothing.")
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

func yesColor(cell string) terminal.Color {
	if cell == yes(true) {
		return terminal.Green
	}
	return terminal.Red
}
