package main

import (
	"fmt"
	"strings"

	"pilotsync/internal/doctor"
	"pilotsync/internal/terminal"
	"pilotsync/internal/text"
)

// group is the heading of a check on a terminal.
func group(r doctor.Result) string {
	switch r.Check {
	case doctor.CheckSettings, doctor.CheckWPConfig:
		return "Settings"
	case doctor.CheckDNS, doctor.CheckOutbound:
		return "Network"
	case doctor.CheckWorkers, doctor.CheckDryRun, doctor.CheckLedger, doctor.CheckBacklog, doctor.CheckTasks, doctor.CheckArchive, doctor.CheckTrouble, doctor.CheckServed:
		return "Work"
	case doctor.CheckWebhook, doctor.CheckEvents:
		return "Webhook"
	case doctor.CheckApp, doctor.CheckRoom, doctor.CheckCertificate, doctor.CheckAddress:
		return "App " + r.App
	case doctor.CheckAPI, doctor.CheckAPIClock, doctor.CheckCredentials, doctor.CheckCard:
		return "ServerPilot"
	}
	return "Redis"
}

// printReport shows results to a person: in groups with signs on a terminal, as a line
// each with words elsewhere.
func printReport(s *terminal.Streams, results []doctor.Result) error {
	var b strings.Builder
	if s.OutSize != nil {
		writeGroups(&b, results, signs(s.Palette()))
	} else {
		writeLines(&b, results)
	}
	b.WriteString(tally(results) + "\n")
	return s.Printf("%s", b.String())
}

// signs are the results' marks on a terminal.
func signs(p terminal.Palette) map[doctor.Status]string {
	return map[doctor.Status]string{doctor.OK: p.Paint(terminal.Green, "✓"), doctor.Warning: p.Paint(terminal.Yellow, "!"), doctor.Failure: p.Paint(terminal.Red, "✗")}
}

func writeGroups(b *strings.Builder, results []doctor.Result, signs map[doctor.Status]string) {
	var order []string
	groups := map[string][]doctor.Result{}
	for _, r := range results {
		name := group(r)
		if groups[name] == nil {
			order = append(order, name)
		}
		groups[name] = append(groups[name], r)
	}
	for _, name := range order {
		fmt.Fprintln(b, text.Printable(name))
		for _, r := range shortened(name, groups[name]) {
			detail := text.Printable(r.Detail)
			if r.App != "" && !strings.HasPrefix(name, "App ") {
				detail = "app " + r.App + ": " + detail
			}
			fmt.Fprintf(b, "  %s %s\n", signs[r.Status], detail)
			if r.Remedy != "" {
				fmt.Fprintf(b, "    → %s\n", text.Printable(r.Remedy))
			}
		}
	}
	b.WriteString("\n")
}

// shortened merges the results of an app that is in order: an account can have a
// hundred apps.
func shortened(name string, results []doctor.Result) []doctor.Result {
	var details []string
	for _, r := range results {
		details = append(details, r.Detail)
		if r.Status != doctor.OK {
			return results
		}
	}
	if !strings.HasPrefix(name, "App ") {
		return results
	}
	return []doctor.Result{{Status: doctor.OK, Detail: strings.Join(details, "; "), App: results[0].App}}
}

func writeLines(b *strings.Builder, results []doctor.Result) {
	for _, r := range results {
		check := r.Check
		if r.App != "" {
			check += " of app " + r.App
		}
		fmt.Fprintf(b, "%-8s %s: %s\n", r.Status, check, text.Printable(r.Detail))
		if r.Remedy != "" {
			fmt.Fprintf(b, "%-8s to do: %s\n", "", text.Printable(r.Remedy))
		}
	}
}

// tally is the last line: the number of results of each kind.
func tally(results []doctor.Result) string {
	n := map[doctor.Status]int{}
	for _, r := range results {
		n[r.Status]++
	}
	count := func(n int, one string) string {
		if n == 1 {
			return "1 " + one
		}
		return fmt.Sprintf("%d %ss", n, one)
	}
	switch {
	case n[doctor.Failure] > 0:
		return fmt.Sprintf("%s, %s, %d ok: something doesn't work.", count(n[doctor.Failure], "failure"), count(n[doctor.Warning], "warning"), n[doctor.OK])
	case n[doctor.Warning] > 0:
		return fmt.Sprintf("%s, %d ok: it works, but look at the warnings.", count(n[doctor.Warning], "warning"), n[doctor.OK])
	}
	return fmt.Sprintf("Everything is in order: %d ok.", n[doctor.OK])
}
