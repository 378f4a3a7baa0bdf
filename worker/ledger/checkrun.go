package ledger

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
)

// CheckRun is a list of domains that workers check for a user, before they are added. The ledger
// keeps it and its results for [BulkKept], so that they don't depend on a browser's connection.
type CheckRun struct {
	App     string    `json:"app"`
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	Domains []string  `json:"domains"`
	// Invalid has an error for each line that isn't a domain name, and More counts lines beyond.
	Invalid []string `json:"invalid,omitempty"`
	More    int      `json:"more,omitempty"`
	// Repeated counts lines whose domain another line has.
	Repeated int `json:"repeated,omitempty"`

	// Text is what the user typed.
	Text string `json:"-"`
	// Results are the workers' results so far, by domain.
	Results map[string]tasks.CheckResult `json:"-"`
	// ProgressAt is when the last result came in. It is At before the first one.
	ProgressAt time.Time `json:"-"`
	// Ended reports that no further result comes. Failure says why results are missing; it is
	// empty if no worker answered.
	Ended   bool   `json:"-"`
	Failure string `json:"-"`
}

// checkRunKey is in the slot of the agenda, as [bulkKey].
func checkRunKey(id string) string { return "pilotsync:{agenda}:check:" + id }

// Fields of the hash of a run. A result's field is resultField and the domain.
const (
	runField      = "run"
	textField     = "text"
	progressField = "progress"
	endField      = "end"
	resultField   = "of:"
)

// SaveCheckRun keeps a run without results, and returns its id.
func (l *Ledger) SaveCheckRun(ctx context.Context, run CheckRun) (id string, err error) {
	id = newID()
	if err := l.setCheckRun(ctx, id, runField, encode(run), textField, run.Text); err != nil {
		return "", fmt.Errorf("keep which %d domains are checked: %w", len(run.Domains), err)
	}
	return id, nil
}

// SaveCheckResult adds a domain's result to a run.
func (l *Ledger) SaveCheckResult(ctx context.Context, id, domain string, result tasks.CheckResult, now time.Time) error {
	if err := l.setCheckRun(ctx, id, resultField+domain, encode(result), progressField, now.UnixMilli()); err != nil {
		return fmt.Errorf("keep the result of the check of %s: %w", domain, err)
	}
	return nil
}

// EndCheckRun notes that no further result comes, and why some are missing.
func (l *Ledger) EndCheckRun(ctx context.Context, id, failure string) error {
	if err := l.setCheckRun(ctx, id, endField, failure); err != nil {
		return fmt.Errorf("keep that a check has ended: %w", err)
	}
	return nil
}

// setCheckRun sets fields of a run. A run that Redis has lost meanwhile isn't kept for ever, either.
func (l *Ledger) setCheckRun(ctx context.Context, id string, values ...any) error {
	_, err := l.rdb.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.HSet(ctx, checkRunKey(id), values...)
		p.Expire(ctx, checkRunKey(id), BulkKept)
		return nil
	})
	return err
}

// CheckRun returns a kept run with its results; ok is false if there is none of that id.
func (l *Ledger) CheckRun(ctx context.Context, id string) (run CheckRun, ok bool, err error) {
	fields, err := l.rdb.HGetAll(ctx, checkRunKey(id)).Result()
	if err != nil {
		return CheckRun{}, false, fmt.Errorf("read the check %s: %w", id, err)
	}
	stored, ok := fields[runField]
	if !ok {
		return CheckRun{}, false, nil
	}
	if err := json.Unmarshal([]byte(stored), &run); err != nil {
		return CheckRun{}, false, fmt.Errorf("the check %s in the ledger: %w", id, err)
	}
	run.Text, run.ProgressAt, run.Results = fields[textField], run.At, map[string]tasks.CheckResult{}
	if ms, err := strconv.ParseInt(fields[progressField], 10, 64); err == nil {
		run.ProgressAt = time.UnixMilli(ms).UTC()
	}
	run.Failure, run.Ended = fields[endField]
	for field, encoded := range fields {
		domain, isResult := strings.CutPrefix(field, resultField)
		if !isResult {
			continue
		}
		var result tasks.CheckResult
		if err := json.Unmarshal([]byte(encoded), &result); err != nil {
			return CheckRun{}, false, fmt.Errorf("the result for %s of the check %s in the ledger: %w", domain, id, err)
		}
		run.Results[domain] = result
	}
	return run, true, nil
}

// newID returns a random id that can't be guessed.
func newID() string {
	var random [16]byte
	_, _ = rand.Read(random[:]) // it never fails
	return hex.EncodeToString(random[:])
}
