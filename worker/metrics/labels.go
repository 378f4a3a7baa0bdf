package metrics

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"pilotsync/internal/serverpilot"
	"pilotsync/worker/listsync"
)

// RecordResult is the result of recording a change.
type RecordResult string

const (
	Recorded      RecordResult = "recorded"
	RecordedAgain RecordResult = "again"      // it was recorded before
	Superseded    RecordResult = "superseded" // a later change of the domain was recorded before
	Unissued      RecordResult = "unissued"   // no producer can have been given its order number
	Full          RecordResult = "full"       // the ledger has as many domains of the app as it takes
)

// Lost is a kind of work that a dead worker left.
type Lost string

const (
	LostChange       Lost = "change"       // an active task
	LostSync         Lost = "sync"         // an awake app without a task
	LostVerification Lost = "verification" // an overdue attempt

	// RaisedNumber is a last order number of an app that no producer was given.
	RaisedNumber Lost = "raised-number"
)

// Results of a sync.
const (
	syncSettled = "settled"
	syncDryRun  = "dry-run"
	syncIdle    = "idle"
	syncLost    = "lost"
	syncLater   = "later"
)

const postponed = "postponed" // a result of verifications, besides the states

// Causes of a sync's backoff.
const (
	causeRateLimited  = "rate_limited" // by ServerPilot (429)
	causeUnavailable  = "unavailable"  // ServerPilot fails
	causeBlocked      = "blocked"      // until a person acts
	causeUnknownWrite = "unknown_write"
	causeInFlight     = "write_in_flight" // an earlier write may still take effect
	causeYield        = "handed_back"     // the worker stops, or the account is at PILOTSYNC_API_RATE
	causeUnserved     = "unserved"        // the app has no account on this worker
	causeOther        = "other"           // usually Redis
)

func backoffCauses() []string {
	return []string{causeRateLimited, causeUnavailable, causeBlocked, causeUnknownWrite, causeInFlight, causeYield,
		causeUnserved, causeOther}
}

// backoffCause returns the cause of the backoff after a sync's error.
func backoffCause(err error) string {
	var notAcquired *listsync.NotAcquired
	var call *listsync.CallError
	switch {
	case errors.As(err, &notAcquired):
		return causeInFlight
	case errors.Is(err, listsync.ErrYield), errors.Is(err, context.Canceled):
		return causeYield
	case !errors.As(err, &call):
		return causeOther
	}
	switch call.Kind {
	case listsync.Blocked:
		return causeBlocked
	case listsync.WriteUnknown:
		return causeUnknownWrite
	}
	if failed := serverpilot.AsError(err); failed != nil && failed.Status == http.StatusTooManyRequests {
		return causeRateLimited
	}
	return causeUnavailable
}

func endpointLabel(op string) string {
	switch op {
	case serverpilot.OpApp:
		return "read_app"
	case serverpilot.OpServer:
		return "read_server"
	case serverpilot.OpAction:
		return "read_action"
	case serverpilot.OpSetDomains:
		return "write_list"
	case serverpilot.OpEnableAutoSSL:
		return "enable_autossl"
	}
	return "other"
}

func statusLabel(status int) string {
	if status == 0 {
		return "none"
	}
	return strconv.Itoa(status)
}
