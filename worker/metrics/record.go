package metrics

import (
	"errors"
	"time"

	"pilotsync/internal/serverpilot"
	"pilotsync/tasks"
	"pilotsync/worker/janitor"
	"pilotsync/worker/listsync"
)

// SetDryRun says whether the worker is in a dry run.
func (m *Worker) SetDryRun(on bool) { m.dryRun.Set(boolValue(on)) }

// ChangeRecorded counts a change task.
func (m *Worker) ChangeRecorded(r RecordResult) { m.recorded.WithLabelValues(string(r)).Inc() }

// Settled counts the outcomes of a commit.
func (m *Worker) Settled(s listsync.Settlement) {
	changes := 0
	for _, d := range s.Domains {
		m.settled.WithLabelValues(string(d.Resolution)).Inc()
		if d.Change == nil {
			continue
		}
		changes++
		m.wait.Observe(seconds(d.Change.RecordedAt, s.TakenAt))
		if d.Resolution == listsync.ResolutionListed {
			m.toListed.Observe(seconds(d.Change.RequestedAt, s.At))
		}
	}
	if s.Wrote && changes > 0 {
		m.perWrite.Observe(float64(changes))
	}
}

// APICalled is the observer of the ServerPilot client; status is 0 without an answer.
func (m *Worker) APICalled(op string, status int, took time.Duration) {
	m.apiCalls.WithLabelValues(endpointLabel(op), statusLabel(status)).Inc()
	m.apiSeconds.WithLabelValues(endpointLabel(op)).Observe(took.Seconds())
}

// ActionRead counts an action of ServerPilot that was read.
func (m *Worker) ActionRead(status serverpilot.ActionStatus) {
	switch status {
	case serverpilot.ActionOpen, serverpilot.ActionSuccess, serverpilot.ActionError:
	default:
		status = "other"
	}
	m.actions.WithLabelValues(string(status)).Inc()
}

// AmbiguousWrite counts a write of a list whose outcome isn't known.
func (m *Worker) AmbiguousWrite() { m.ambiguousWrites.Inc() }

// Synced counts a sync that ended with err.
func (m *Worker) Synced(took time.Duration, err error) {
	var notAcquired *listsync.NotAcquired
	result := syncLater
	switch {
	case err == nil:
		result = syncSettled
	case errors.As(err, &notAcquired) && (notAcquired.Idle || notAcquired.Busy):
		result = syncIdle
	case errors.Is(err, listsync.ErrLeaseLost):
		result = syncLost
		m.leasesLost.Inc()
	}
	m.syncs.WithLabelValues(result).Inc()
	if result == syncLater {
		m.backoffs.WithLabelValues(backoffCause(err)).Inc()
	}
	if notAcquired == nil {
		m.syncSeconds.Observe(took.Seconds())
	}
}

// DryRun counts a dry run that ended with err.
func (m *Worker) DryRun(took time.Duration, err error) {
	if err != nil {
		m.Synced(took, err)
		return
	}
	m.syncs.WithLabelValues(syncDryRun).Inc()
	m.syncSeconds.Observe(took.Seconds())
}

// Unserved counts a sync of an app without an account.
func (m *Worker) Unserved() { m.backoffs.WithLabelValues(causeUnserved).Inc() }

// Drift says how many names a sync would change on an app's list.
func (m *Worker) Drift(app string, names int) { m.drift.WithLabelValues(app).Set(float64(names)) }

// Verified counts an attempt. The time of its request is the order number that started it. That
// comes from Redis's clock, like now, and stays the same after a repeated request.
func (m *Worker) Verified(before, after listsync.Record, now time.Time) {
	m.verifications.WithLabelValues(string(after.State)).Inc()
	// A verification that an operator started doesn't belong to a request.
	if after.State == tasks.Done && before.State != tasks.Done && before.CheckSeq <= before.Seq {
		m.toCertified.Observe(seconds(time.UnixMicro(before.CheckSeq), now))
	}
}

// VerificationPostponed counts an attempt for which ServerPilot could not be asked.
func (m *Worker) VerificationPostponed() { m.verifications.WithLabelValues(postponed).Inc() }

// Rechecked counts a recheck by the state that the domain has after it.
func (m *Worker) Rechecked(state tasks.State) { m.rechecks.WithLabelValues(string(state)).Inc() }

// EventSent counts a request to a webhook; result is one of webhook.Results.
func (m *Worker) EventSent(result string, took time.Duration) {
	m.webhooks.WithLabelValues(result).Inc()
	m.webhookSeconds.Observe(took.Seconds())
}

// Recovered counts what the recoverer found.
func (m *Worker) Recovered(l Lost) { m.recovered.WithLabelValues(string(l)).Inc() }

// Repaired counts a repair of the janitor.
func (m *Worker) Repaired(r janitor.Repair) { m.repairs.WithLabelValues(r.Kind, r.Action).Inc() }

// seconds returns the time from begin to end, never below zero, since clocks differ.
func seconds(begin, end time.Time) float64 { return max(end.Sub(begin), 0).Seconds() }
