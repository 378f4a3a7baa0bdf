package worker

import (
	"context"
	"errors"
	"net/http"

	"pilotsync/internal/serverpilot"
	"pilotsync/worker/listsync"
)

// Causes for which a sync is handed out again later, as a metric's label has them.
const (
	coolRateLimited  = "rate_limited" // by ServerPilot (429)
	coolUnavailable  = "unavailable"  // ServerPilot, for now
	coolBlocked      = "blocked"      // until a person acts
	coolUnknownWrite = "unknown_write"
	coolInFlight     = "write_in_flight" // an earlier write may land yet
	coolHandedBack   = "handed_back"     // by a worker that stops, or an account at PILOTSYNC_API_RATE
	coolUnserved     = "unserved"        // the app has no account here
	coolOther        = "other"           // Redis, mostly
)

func coolOffCauses() []string {
	return []string{coolRateLimited, coolUnavailable, coolBlocked, coolUnknownWrite, coolInFlight, coolHandedBack,
		coolUnserved, coolOther}
}

// coolOffCause says in a word why a sync that ended with err is to be run again.
func coolOffCause(err error) string {
	var notTaken *listsync.NotAcquired
	var call *listsync.CallError
	switch {
	case errors.As(err, &notTaken):
		return coolInFlight
	case errors.Is(err, listsync.ErrYield), errors.Is(err, context.Canceled):
		return coolHandedBack
	case !errors.As(err, &call):
		return coolOther
	}
	switch call.Verdict {
	case listsync.Blocked:
		return coolBlocked
	case listsync.Unknown:
		return coolUnknownWrite
	}
	if failed := serverpilot.AsError(err); failed != nil && failed.Status == http.StatusTooManyRequests {
		return coolRateLimited
	}
	return coolUnavailable
}
