package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

// domainStatus is where a domain stands, as --json prints it. The keys are a
// contract with whoever reads them.
type domainStatus struct {
	AppID         string      `json:"app_id"`
	Domain        string      `json:"domain"`
	State         tasks.State `json:"state"`
	Names         []string    `json:"names"`
	Reason        string      `json:"reason"`
	Seq           int64       `json:"seq"`
	Attempt       int         `json:"attempt"`
	Attempts      *int        `json:"attempts"` // their limit; null where it isn't known
	NextAttemptAt *time.Time  `json:"next_attempt_at"`
	UpdatedAt     time.Time   `json:"updated_at"`
	// Problems are the reason for programs: of each name that doesn't work.
	Problems []tasks.Problem `json:"problems"`
	// AttemptAt is when the last verification was made; only the table shows it.
	AttemptAt *time.Time `json:"-"`
}

func statusOf(v ledger.View) domainStatus {
	d := domainStatus{
		AppID: v.AppID, Domain: v.Domain, State: v.State, Names: v.Names, Reason: v.Reason, Seq: v.Seq,
		Problems: v.Record.Problems, Attempt: v.Record.Attempt, NextAttemptAt: utc(v.Record.NextAttemptAt), UpdatedAt: v.UpdatedAt.UTC(), AttemptAt: utc(v.Record.AttemptAt),
	}
	if d.Names == nil {
		d.Names = []string{} // [] in JSON, not null
	}
	if v.Record.Limit > 0 {
		d.Attempts = &v.Record.Limit
	}
	if d.Problems == nil {
		d.Problems = []tasks.Problem{}
	}
	return d
}

// printJSONLine writes one object on a line of its own.
func printJSONLine(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// inWords is the state with its reason, if it has one.
func (d domainStatus) inWords() string {
	return strings.TrimSuffix(string(d.State)+", "+d.Reason, ", ")
}

// attemptInWords is the attempt of its limit: "3 of 7".
func (d domainStatus) attemptInWords() string {
	if d.Attempts == nil {
		return strconv.Itoa(d.Attempt)
	}
	return fmt.Sprintf("%d of %d", d.Attempt, *d.Attempts)
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
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

// Columns that several tables have.

func appColumn() column    { return column{title: "APP", min: 16, rank: 9, sameOnly: true} }
func domainColumn() column { return column{title: "DOMAIN", min: 24} }
func stateColumn() column  { return column{title: "STATE", min: 17, color: stateColor} }
func reasonColumn() column { return column{title: "REASON", min: 30} }

// relative says when t is, seen from now: "in 3m", "2m ago", "now"; nothing for nil.
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

// rough rounds a duration to its biggest unit, from seconds to days.
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
