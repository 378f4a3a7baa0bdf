package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"pilotsync/tasks"
	"pilotsync/worker/applist"
	"pilotsync/worker/ledger"
)

type logsCmd struct {
	redisSettings
	domainsToFind

	JSON   bool   `name:"json" help:"Print one JSON array, with an object for each app that has the domain."`
	Domain string `arg:"" name:"domain" help:"Domain to tell of."`
}

// Help is shown under the command's own --help.
func (*logsCmd) Help() string {
	return fmt.Sprintf(`It shows the last %d events of a domain, oldest first: what was asked for and by whom, what became of it, and what each verification saw. The ids of its tasks are those in asynqmon and in the workers' log. It reads Redis only, so it works without a worker.

Examples:

    pilotsync logs shop.example.com

    pilotsync logs shop.example.com --app=app1 --json | jq '.[].history[-1]'`, ledger.EventsKept)
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
	TaskID       string          `json:"task_id"`
	VerifyTaskID string          `json:"verify_task_id"`
	History      []applist.Event `json:"history"` // oldest first
}

// Run prints the history.
func (c *logsCmd) Run(ctx context.Context, s *streams) error {
	rdb, err := c.connect(ctx)
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
	if c.JSON {
		err = printJSON(s.Out, logs)
	} else {
		err = printLogs(s.Out, logs, time.Now())
	}
	if err != nil {
		return fmt.Errorf("print the history: %w", err)
	}
	return nil
}

func logOf(v ledger.View, history []applist.Event) domainLog {
	d := domainLog{domainStatus: statusOf(v), History: history}
	d.TaskID = tasks.Change{AppID: v.AppID, Domain: v.Domain, Seq: v.Seq}.ID()
	if v.Record.NextAt != nil {
		d.VerifyTaskID = tasks.Verify{AppID: v.AppID, Domain: v.Domain, Seq: v.Record.CheckSeq, Attempt: v.Record.Attempt + 1}.ID()
	}
	return d
}

func printLogs(out io.Writer, logs []domainLog, now time.Time) error {
	for i, d := range logs {
		var b strings.Builder
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s on app %s is %s\n", d.Domain, d.AppID, d.State)
		fmt.Fprintf(&b, "last change: task %s\n", d.TaskID)
		if d.VerifyTaskID != "" {
			fmt.Fprintf(&b, "next verification: %s, task %s\n", relative(d.NextAttemptAt, now), d.VerifyTaskID)
		}
		if _, err := io.WriteString(out, b.String()); err != nil {
			return err
		}
		for _, e := range d.History {
			reason := e.Reason
			if e.Attempt > 0 {
				reason = strings.TrimSuffix(fmt.Sprintf("attempt %d: %s", e.Attempt, reason), ": ")
			}
			_, err := fmt.Fprintf(out, "%s  %-17s  %s  (%s)\n", e.At.UTC().Format(time.RFC3339), e.State, plain(reason), plain(e.Who))
			if err == nil {
				err = printSeen(out, e, "    ")
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// printSeen tells what a verification saw, a line for each name.
func printSeen(out io.Writer, e applist.Event, indent string) error {
	for _, check := range e.Checks {
		saw := check.DNS
		if check.TLS != "" {
			saw += "; " + check.TLS
		}
		if _, err := fmt.Fprintf(out, "%s%s: %s\n", indent, plain(check.Name), plain(saw)); err != nil {
			return err
		}
	}
	if e.AutoSSL == "" {
		return nil
	}
	_, err := fmt.Fprintf(out, "%sAutoSSL: %s\n", indent, plain(e.AutoSSL))
	return err
}
