package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

type logsCmd struct {
	redisFlags
	domainsToFind

	Follow bool   `help:"Go on and show what happens, until Ctrl-C."`
	JSON   bool   `name:"json" help:"Print one JSON array, with an object for each app that has the domain; with --follow, an object a line for each entry of the history."`
	Domain string `arg:"" name:"domain" help:"Domain to tell of."`
}

// Help is shown under the command's own --help.
func (*logsCmd) Help() string {
	return fmt.Sprintf(`It shows the last %d events of a domain, oldest first: what was asked for and by whom, what became of it, and what each verification saw. The ids of its tasks are those in asynqmon and in the workers' log. It reads Redis only, so it works without a worker.

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

// domainLog is a domain's history, as --json prints it. The keys are a contract
// with whoever reads them.
type domainLog struct {
	domainStatus
	// TaskID is that of the last change, VerifyTaskID that of the next verification,
	// empty if none is to come.
	TaskID       string                  `json:"task_id"`
	VerifyTaskID string                  `json:"verify_task_id"`
	History      []listsync.HistoryEntry `json:"history"` // oldest first
}

// Run prints the history.
func (c *logsCmd) Run(ctx context.Context, s *streams) error {
	c.renamed.print(s.Err)
	rdb, err := c.connect(ctx, s)
	if err != nil {
		return err
	}
	defer rdb.Close()
	l := ledger.New(rdb)
	views, err := c.find(ctx, l, []string{c.Domain})
	if err != nil {
		return err
	}
	var logs []domainLog
	for _, v := range views {
		history, err := l.History(ctx, v.AppID, v.Domain)
		if err != nil {
			return err
		}
		slices.Reverse(history)
		logs = append(logs, logOf(v, history))
	}
	if c.Follow && c.JSON {
		return c.follow(ctx, s, l, logs)
	}
	if c.JSON {
		err = printJSON(s.Out, logs)
	} else {
		err = printLogs(s, logs, time.Now())
	}
	if err != nil {
		return fmt.Errorf("print the history: %w", err)
	}
	if c.Follow {
		return c.follow(ctx, s, l, logs)
	}
	return nil
}

func logOf(v ledger.View, history []listsync.HistoryEntry) domainLog {
	d := domainLog{domainStatus: statusOf(v), History: history}
	d.TaskID = tasks.Change{AppID: v.AppID, Domain: v.Domain, Seq: v.Seq}.ID()
	if v.Record.NextAttemptAt != nil {
		d.VerifyTaskID = tasks.Verify{AppID: v.AppID, Domain: v.Domain, Seq: v.Record.CheckSeq, Attempt: v.Record.Attempt + 1}.ID()
	}
	return d
}

func printLogs(s *streams, logs []domainLog, now time.Time) error {
	for i, d := range logs {
		head := fmt.Sprintf("%s on app %s is %s\nlast change: task %s\n", d.Domain, d.AppID, d.State, d.TaskID)
		if i > 0 {
			head = "\n" + head
		}
		if d.VerifyTaskID != "" {
			head += fmt.Sprintf("next verification: %s, task %s\n", relative(d.NextAttemptAt, now), d.VerifyTaskID)
		}
		if err := errors.Join(s.printf("%s", head), printHistory(s, d.History)); err != nil {
			return err
		}
	}
	return nil
}

// printHistory prints entries of a domain's history, with what verifications saw.
func printHistory(s *streams, history []listsync.HistoryEntry) error {
	var b strings.Builder
	for _, e := range history {
		reason := e.Reason
		if e.Attempt > 0 {
			reason = strings.TrimSuffix(fmt.Sprintf("attempt %d: %s", e.Attempt, reason), ": ")
		}
		state := s.palette().paint(stateColor(string(e.State)), string(e.State)) + strings.Repeat(" ", max(17-len(e.State), 0))
		b.WriteString(wrapAfter(fmt.Sprintf("%s  %s  ", e.At.UTC().Format(time.RFC3339), state), fmt.Sprintf("%s  (%s)", plain(reason), plain(e.Actor)), s.width()) + "\n")
		b.WriteString(seenLines(e, "    "))
	}
	return s.printf("%s", b.String())
}

// seenLines tell what a verification saw, a line for each name.
func seenLines(e listsync.HistoryEntry, indent string) string {
	var b strings.Builder
	for _, check := range e.Checks {
		saw := check.DNS
		if check.TLS != "" {
			saw += "; " + check.TLS
		}
		fmt.Fprintf(&b, "%s%s: %s\n", indent, plain(check.Name), plain(saw))
	}
	if e.AutoSSL != "" {
		fmt.Fprintf(&b, "%sAutoSSL: %s\n", indent, plain(e.AutoSSL))
	}
	return b.String()
}
