package main

import (
	"context"
	"reflect"
	"slices"
	"time"

	"pilotsync/internal/terminal"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

// logsInterval is how often 'logs --follow' reads the history.
const logsInterval = time.Second

// logEntry is an entry of a domain's history as 'logs --follow --json' prints it.
type logEntry struct {
	AppID  string `json:"app_id"`
	Domain string `json:"domain"`
	listsync.HistoryEntry
}

// follow prints the entries that come after logs until ctx ends, which is no error;
// with --json it prints those of logs first. It waits for a Redis that stops answering.
func (c *logsCmd) follow(ctx context.Context, s *terminal.Streams, l *ledger.Ledger, logs []domainLog) error {
	for _, d := range logs {
		if c.JSON {
			if err := c.printEntries(s, d, d.History, false); err != nil {
				return err
			}
		}
	}
	tick := time.NewTicker(logsInterval)
	defer tick.Stop()
	away := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for i, d := range logs {
			history, err := l.History(ctx, d.AppID, d.Domain)
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				if !away {
					s.Noticef("%v; still following", err)
				}
				away = true
				break
			}
			away = false
			slices.Reverse(history)
			if err := c.printEntries(s, d, newEntries(d.History, history), len(logs) > 1); err != nil {
				return err
			}
			logs[i].History = history
		}
	}
}

// newEntries are those of a history, oldest first, that come after the printed ones.
func newEntries(printed, history []listsync.HistoryEntry) []listsync.HistoryEntry {
	if len(printed) == 0 {
		return history
	}
	last := printed[len(printed)-1]
	for i := len(history) - 1; i >= 0; i-- {
		if reflect.DeepEqual(history[i], last) {
			return history[i+1:]
		}
	}
	return history // so much happened that the printed entries were dropped
}

func (c *logsCmd) printEntries(s *terminal.Streams, d domainLog, entries []listsync.HistoryEntry, named bool) error {
	if !c.JSON {
		if named && len(entries) > 0 {
			if err := s.Printf("on app %s:\n", d.AppID); err != nil {
				return err
			}
		}
		return printHistory(s, entries)
	}
	for _, e := range entries {
		if err := printJSONLine(s.Out, logEntry{d.AppID, d.Domain, e}); err != nil {
			return err
		}
	}
	return nil
}
