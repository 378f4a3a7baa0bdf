package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"pilotsync/internal/terminal"
	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

const pointsElsewhere = "shop.example.com points to 203.0.113.9; this app is on 198.51.100.4. Next: make shop.example.com point to 198.51.100.4 and nowhere else."

func TestRelativeTimesAreRounded(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		away time.Duration
		want string
	}{
		{0, "now"},
		{400 * time.Millisecond, "now"},
		{time.Second, "in 1s"},
		{-89 * time.Second, "89s ago"},
		{90 * time.Second, "in 2m"},
		{3 * time.Minute, "in 3m"},
		{-2 * time.Minute, "2m ago"},
		{-5 * time.Hour, "5h ago"},
		{72 * time.Hour, "in 3d"},
	} {
		at := now.Add(test.away)
		if got := relative(&at, now); got != test.want {
			t.Errorf("%s away is %q, want %q", test.away, got, test.want)
		}
	}
	if got := relative(nil, now); got != "" {
		t.Errorf("no time is %q", got)
	}
}

func TestSnoozesStandAtTheirTimeInAHistory(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	entry := func(minute int, reason string) listsync.HistoryEntry {
		return listsync.HistoryEntry{At: at.Add(time.Duration(minute) * time.Minute), State: tasks.Failed, Reason: reason, Actor: "w/1"}
	}
	snooze := func(minute int, detail string) snoozeEntry {
		return snoozeEntry{At: at.Add(time.Duration(minute) * time.Minute), Detail: detail, Actor: "ada", label: "Snooze"}
	}
	history := []listsync.HistoryEntry{entry(1, "first"), entry(4, "fourth")}
	if err := printHistory(&terminal.Streams{Out: &out}, history, snooze(0, "before"), snooze(2, "second"), snooze(3, "third"), snooze(5, "last")); err != nil {
		t.Fatal(err)
	}
	var order []string
	for line := range strings.Lines(out.String()) {
		order = append(order, strings.Fields(line[42:])[0])
	}
	if got := strings.Join(order, " "); got != "before first second third fourth last" {
		t.Errorf("%s\n%s", got, &out)
	}
}
