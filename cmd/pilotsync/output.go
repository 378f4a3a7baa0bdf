package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"pilotsync/enqueue"
	"pilotsync/internal/terminal"
	"pilotsync/internal/text"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

// What several commands print.

// domainStatus is the state of a domain, as --json prints it. The keys are a contract.
type domainStatus struct {
	AppID  string      `json:"app_id"`
	Domain string      `json:"domain"`
	State  tasks.State `json:"state"`
	// StateName is the state for people, as tables have it.
	StateName string   `json:"state_name"`
	Names     []string `json:"names"`
	Reason    string   `json:"reason"`
	tasks.Cause
	Remedy        string     `json:"remedy"`
	Seq           int64      `json:"seq"`
	Attempt       int        `json:"attempt"`
	Attempts      *int       `json:"attempts"` // their limit; null if it isn't known
	NextAttemptAt *time.Time `json:"next_attempt_at"`
	UpdatedAt     time.Time  `json:"updated_at"`
	// Problems are the causes of the names that don't work.
	Problems []problem `json:"problems"`
	// Records are what repairs DNS: the records to set, to change and to delete.
	Records     []tasks.DNSRecord `json:"records"`
	NextCheckAt *time.Time        `json:"next_check_at"` // the next attempt, or the next recheck
	// Superseded is the last change without effect, since a later one had been recorded. It is
	// missing once another change is recorded.
	Superseded *supersededChange `json:"superseded,omitempty"`
	// Advice is the reason with the remedy; only text output shows it.
	Advice string `json:"-"`
	// AttemptAt is the time of the last verification; only the table shows it.
	AttemptAt *time.Time `json:"-"`
}

// problem is why a name doesn't work, or soon stops working. The keys are a contract.
type problem struct {
	Name string `json:"name"`
	tasks.Cause
	Reason string `json:"reason"`
	Remedy string `json:"remedy"`
}

// supersededChange is a change without effect. The keys are a contract.
type supersededChange struct {
	Seq         int64     `json:"seq"`
	Change      string    `json:"change"` // add or remove
	RequestedAt time.Time `json:"requested_at"`
}

// noteSuperseded adds the superseded change of a domain. Text output has it only if it was requested
// after the change that counts: usually the two are taken off the queue in another order than they
// were requested.
func (d *domainStatus) noteSuperseded(v ledger.View, change listsync.Pending) {
	what, requested := "add", v.Record.RequestedAt
	if change.Remove {
		what = "remove"
	}
	if v.Pending != nil {
		requested = v.Pending.RequestedAt
	}
	d.Superseded = &supersededChange{change.Seq, what, change.RequestedAt.UTC()}
	if change.RequestedAt.After(requested) {
		d.Advice = fmt.Sprintf("%s. A later request (%s, at %s) had no effect, since its order number is lower; make it again",
			strings.TrimSuffix(cmp.Or(d.Advice, d.Reason), "."), what, change.RequestedAt.UTC().Format(time.DateTime))
	}
}

func statusOf(v ledger.View) domainStatus {
	seen := v.Record.DNS
	if !v.State.Listed() { // what an earlier verification saw repairs nothing
		seen = nil
	}
	d := domainStatus{
		AppID: v.AppID, Domain: v.Domain, State: v.State, StateName: v.State.Name(), Names: v.Names, Reason: v.Reason, Advice: v.Advice(), NextCheckAt: utc(v.NextCheck()), Cause: v.Cause, Remedy: v.Remedy(), Seq: v.Seq,
		Problems: problemsFrom(v.Record.Domain, v.Record.Problems()), Records: tasks.RecordsToRepair(v.Names, seen, v.Record.Problems()), Attempt: v.Record.Attempt, NextAttemptAt: utc(v.Record.NextAttemptAt), UpdatedAt: v.UpdatedAt.UTC(), AttemptAt: utc(v.Record.AttemptAt),
	}
	if d.Names == nil {
		d.Names = []string{} // [] in JSON, not null
	}
	if v.Record.Limit > 0 {
		d.Attempts = &v.Record.Limit
	}
	return d
}

// shown is the state of tables.
func (d domainStatus) shown() string { return d.State.NameWith(len(d.Problems) > 0) }

// describe is the state with its reason, if it has one.
func (d domainStatus) describe() string {
	return strings.TrimSuffix(d.shown()+", "+cmp.Or(d.Advice, d.Reason), ", ")
}

// describeAttempt is the attempt and the limit: "3 of 7".
func (d domainStatus) describeAttempt() string {
	if d.Attempts == nil {
		return strconv.Itoa(d.Attempt)
	}
	return fmt.Sprintf("%d of %d", d.Attempt, *d.Attempts)
}

// receipt is what --json prints for each request. The keys are a contract.
type receipt struct {
	AppID  string `json:"app_id"`
	Domain string `json:"domain"`
	Seq    int64  `json:"seq"`
	TaskID string `json:"task_id"`
}

func printReceipts(s *terminal.Streams, receipts []enqueue.Receipt) error {
	var all []receipt
	for _, r := range receipts {
		all = append(all, receipt(r))
	}
	return printJSON(s.Out, all)
}

// printJSON writes one array; a nil slice is an empty one.
func printJSON[T any](w io.Writer, all []T) error {
	if all == nil {
		all = []T{}
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(all)
}

// printJSONLine writes one object on a line of its own.
func printJSONLine(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// printDiff prints names as a diff shows lines.
func printDiff(out io.Writer, added, removed []string) error {
	var b strings.Builder
	for _, name := range removed {
		b.WriteString("  - " + text.Printable(name) + "\n")
	}
	for _, name := range added {
		b.WriteString("  + " + text.Printable(name) + "\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// dryRunNotices describes, in a line each, the live workers in a dry run that serve
// any of the apps.
func dryRunNotices(live []ledger.Worker, apps []string) (lines []string) {
	for _, w := range ledger.InDryRun(live) {
		served := slices.DeleteFunc(slices.Clone(w.Apps), func(app string) bool { return !slices.Contains(apps, app) })
		if len(served) > 0 {
			lines = append(lines, text.Printable(fmt.Sprintf("Dry run: worker %s writes nothing to ServerPilot. Changes stay pending, with what would be written. Apps: %s",
				w.Name, strings.Join(served, ", "))))
		}
	}
	return lines
}

// counted is a number of things: "1 change", "2 changes".
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

// nonZero is nil for the zero time.
func nonZero(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// relative is a time as seen from now: "in 3m", "2m ago", "now"; empty for nil.
func relative(t *time.Time, now time.Time) string {
	if t == nil {
		return ""
	}
	away := t.Sub(now).Round(time.Second)
	switch {
	case away > 0:
		return "in " + humanDuration(away)
	case away < 0:
		return humanDuration(-away) + " ago"
	}
	return "now"
}

// humanDuration rounds a duration to its biggest unit, from seconds to days.
func humanDuration(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < 90*time.Second:
		return fmt.Sprintf("%ds", d.Round(time.Second)/time.Second)
	case d < 90*time.Minute:
		return fmt.Sprintf("%dm", d.Round(time.Minute)/time.Minute)
	case d < 36*time.Hour:
		return fmt.Sprintf("%dh", d.Round(time.Hour)/time.Hour)
	}
	return fmt.Sprintf("%dd", d.Round(day)/day)
}

// shownNames joins names for people.
func shownNames(names []string) string {
	shown := make([]string, len(names))
	for i, name := range names {
		shown[i] = tasks.ShownName(name)
	}
	return strings.Join(shown, ", ")
}
