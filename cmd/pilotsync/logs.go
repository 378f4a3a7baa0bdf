package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/internal/terminal"
	"pilotsync/internal/text"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

type logsCmd struct {
	redisFlags
	domainsFlag

	Follow bool   `help:"Also show new entries of the history, until Ctrl-C."`
	JSON   bool   `name:"json" help:"Print one JSON array, with an object for each app that has the domain. With --follow, print each history entry as an object on one line."`
	Domain string `arg:"" name:"domain" help:"Domain to show."`
}

// Help is shown under the command's own --help.
func (*logsCmd) Help() string {
	return fmt.Sprintf(`Shows the last %d entries of a domain's history, oldest first: the requests and who made them, their outcomes, and the results of each verification. It also shows who snoozed the domain in the dashboard, until when, and the note. The ids of its tasks are those in asynqmon and in the workers' log. The command reads Redis only, so it works without a worker.

Examples:

    pilotsync logs shop.example.com

    pilotsync logs shop.example.com --follow

    pilotsync logs shop.example.com --app=app1 --json | jq '.[].history[-1]'`, ledger.HistoryKept)
}

// Validate is called by kong after parsing; it puts the domain into its canonical form.
func (c *logsCmd) Validate() error {
	domains := []string{c.Domain}
	err := c.check(domains)
	c.Domain = domains[0]
	return err
}

// domainLog is a domain's history, as --json prints it. The keys are a contract.
type domainLog struct {
	domainStatus
	// TaskID is that of the last change, VerifyTaskID that of the next verification,
	// empty if none is due.
	TaskID       string                  `json:"task_id"`
	VerifyTaskID string                  `json:"verify_task_id"`
	History      []listsync.HistoryEntry `json:"history"` // oldest first
	Snoozes      []snoozeEntry           `json:"snoozes"` // oldest first
}

// snoozeEntry says who snoozed a domain, or ended that. The keys are a contract.
type snoozeEntry struct {
	At     time.Time `json:"at"`
	Action string    `json:"action"` // snooze, wont-fix or end-snooze
	Actor  string    `json:"who"`
	Detail string    `json:"detail"` // until when, and the note

	label string // the action for people
}

// Run prints the history.
func (c *logsCmd) Run(ctx context.Context, s *terminal.Streams) error {
	c.notes.print(s.Err)
	return c.withLedger(ctx, s, func(db database) error {
		logs, err := c.read(ctx, db.ledger)
		switch {
		case err != nil:
			return err
		case c.Follow && c.JSON: // follow prints the entries
		case c.JSON:
			err = printJSON(s.Out, logs)
		default:
			err = printLogs(s, logs, time.Now())
		}
		if err != nil {
			return fmt.Errorf("print the history: %w", err)
		}
		if c.Follow {
			return c.follow(ctx, s, db.ledger, logs)
		}
		return nil
	})
}

// read returns the domain's history on each of its apps.
func (c *logsCmd) read(ctx context.Context, l *ledger.Ledger) ([]domainLog, error) {
	views, err := c.find(ctx, l, []string{c.Domain})
	if err != nil {
		return nil, err
	}
	var logs []domainLog
	for _, v := range views {
		history, err := l.History(ctx, v.AppID, v.Domain)
		if err != nil {
			return nil, err
		}
		slices.Reverse(history)
		d := logOf(v, history)
		if d.Snoozes, err = snoozesOf(ctx, l, v); err != nil {
			return nil, err
		}
		logs = append(logs, d)
	}
	return logs, nil
}

// snoozesOf returns none if Redis's user may not read them.
func snoozesOf(ctx context.Context, l *ledger.Ledger, v ledger.View) ([]snoozeEntry, error) {
	snoozes, err := l.Snoozes(ctx, v.AppID, v.Domain)
	if err != nil && !redis.HasErrorPrefix(err, "NOPERM") {
		return nil, err
	}
	all := []snoozeEntry{} // [] in JSON, not null
	for _, e := range slices.Backward(snoozes) {
		all = append(all, snoozeEntry{e.At(), e.Action, e.Actor(), e.Detail, e.Label()})
	}
	return all, nil
}

func logOf(v ledger.View, history []listsync.HistoryEntry) domainLog {
	d := domainLog{domainStatus: statusOf(v), History: history}
	d.TaskID = tasks.Change{AppID: v.AppID, Domain: v.Domain, Seq: v.Seq}.ID()
	if v.Record.NextAttemptAt != nil {
		d.VerifyTaskID = tasks.Verify{AppID: v.AppID, Domain: v.Domain, Seq: v.Record.CheckSeq, Attempt: v.Record.Attempt + 1}.ID()
	}
	return d
}

func printLogs(s *terminal.Streams, logs []domainLog, now time.Time) error {
	for i, d := range logs {
		head := fmt.Sprintf("%s on app %s: %s\nlast change: task %s\n", tasks.ShownName(d.Domain), d.AppID, d.shown(), d.TaskID)
		if i > 0 {
			head = "\n" + head
		}
		if d.VerifyTaskID != "" {
			head += fmt.Sprintf("next verification: %s, task %s\n", relative(d.NextAttemptAt, now), d.VerifyTaskID)
		}
		if err := errors.Join(s.Printf("%s", head), printHistory(s, d.History, d.Snoozes...)); err != nil {
			return err
		}
	}
	return nil
}

// printHistory prints entries of a domain's history, with the results of verifications and with who
// snoozed the domain. Both are sorted.
func printHistory(s *terminal.Streams, history []listsync.HistoryEntry, snoozes ...snoozeEntry) error {
	var b strings.Builder
	line := func(at time.Time, color terminal.Color, name, what, who string) {
		label := s.Palette().Paint(color, name) + strings.Repeat(" ", max(len(tasks.CheckingSSL.Name())-len(name), 0)) // the longest of most
		b.WriteString(terminal.WrapAfter(fmt.Sprintf("%s  %s  ", at.UTC().Format(time.RFC3339), label), fmt.Sprintf("%s  (%s)", text.Printable(what), who), s.Width()) + "\n")
	}
	snoozed := func(e snoozeEntry) { line(e.At, "", e.label, e.Detail, text.Printable(e.Actor)) }
	for _, e := range history {
		for len(snoozes) > 0 && snoozes[0].At.Before(e.At) {
			snoozed(snoozes[0])
			snoozes = snoozes[1:]
		}
		reason := e.Reason
		if e.Attempt > 0 {
			reason = strings.TrimSuffix(fmt.Sprintf("attempt %d: %s", e.Attempt, reason), ": ")
		}
		name := e.State.NameWith(e.HasProblem())
		line(e.At, terminal.StateColor(name), name, reason, text.Printable(e.Actor)+actionNote(e.ActionID))
		b.WriteString(checkLines(e, "    "))
	}
	for _, e := range snoozes {
		snoozed(e)
	}
	return s.Printf("%s", b.String())
}

// checkLines are the results of a verification, a line for each name.
func checkLines(e listsync.HistoryEntry, indent string) string {
	var b strings.Builder
	for _, check := range e.Checks {
		fmt.Fprintf(&b, "%s%s: %s\n", indent, text.Printable(tasks.ShownName(check.Name)), text.Printable(check.Result))
	}
	if e.AutoSSL != "" {
		fmt.Fprintf(&b, "%sAutoSSL: %s\n", indent, text.Printable(e.AutoSSL))
	}
	return b.String()
}
