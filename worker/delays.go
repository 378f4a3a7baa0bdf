package worker

import (
	"fmt"
	"hash/fnv"
	"time"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

const (
	hourly = time.Hour
	daily  = 24 * time.Hour
	weekly = 7 * daily
)

// verifyDelay returns the configured delay before an attempt, counted from 1, with jitter.
// Attempts beyond the configured delays repeat the last one. A domain's jitter is always the
// same share, so delays that never decrease in the configuration don't decrease here.
func verifyDelay(delays []time.Duration, attempt int, r listsync.Record) time.Duration {
	delay := delays[min(attempt, len(delays))-1]
	return delay + jitter(r, delay)
}

// recheckDelay is the delay before the next recheck of a domain whose verification has ended. A
// domain that is done is rechecked daily, and hourly while it seems not to work. Another is
// rechecked hourly for a day, daily for 30 days, then weekly. Customers point their DNS late,
// and then get their certificate without another request. A name that Let's Encrypt never
// certifies is rechecked weekly: a custom certificate may come to cover it.
func recheckDelay(r listsync.Record, now time.Time) time.Duration {
	delay := weekly
	age := now.Sub(*r.EndedAt)
	switch {
	case r.State != tasks.Done && r.Code == tasks.CauseNameNotCertifiable: // weekly
	case r.State == tasks.Done && r.FailedRechecks > 0, r.State != tasks.Done && age < daily:
		delay = hourly
	case r.State == tasks.Done, age < 31*daily:
		delay = daily
	}
	return delay + jitter(r, delay)
}

// jitter is up to a tenth of a delay, fixed for each verification of a domain. So domains
// that were added together don't all come due together.
func jitter(r listsync.Record, delay time.Duration) time.Duration {
	h := fnv.New32a()
	fmt.Fprintf(h, "%s %d", r.Domain, r.CheckSeq)
	return time.Duration(float64(delay) / 10 * float64(h.Sum32()) / (1 << 32))
}

// scheduleRecheck sets when a record is rechecked, if its verification has ended. Wildcards
// can't be probed.
func scheduleRecheck(r listsync.Record, now time.Time) listsync.Record {
	if !r.State.Listed() || r.State.Checking() || tasks.IsWildcard(r.Domain) {
		r.ClearRecheck()
		return r
	}
	if r.EndedAt == nil {
		r.EndedAt = &now
	}
	next := now.Add(recheckDelay(r, now))
	r.RecheckAt = &next
	return r
}
