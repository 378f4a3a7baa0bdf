package worker

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"pilotsync/internal/serverpilot"
	"pilotsync/worker/certcheck"
	"pilotsync/worker/ledger"
	"pilotsync/worker/registry"
)

const (
	// autoSSLAnswerWait is how long a verification waits for the answer that another one gets
	// from ServerPilot.
	autoSSLAnswerWait = 10 * time.Second
	autoSSLAnswerPoll = 200 * time.Millisecond
)

// statusOfAutoSSL returns what ServerPilot says about AutoSSL on an app.
func statusOfAutoSSL(app serverpilot.App, settings certcheck.AppSettings) certcheck.AutoSSL {
	return certcheck.AutoSSL{
		Known: true, On: app.SSL.Auto, Custom: app.SSL.Custom,
		NotReported: !app.AutoSSL.Reported, Available: app.AutoSSL.Available, Covered: app.AutoSSL.Domains, KeepOff: settings.AutoSSLOff,
	}
}

// enableAutoSSL turns AutoSSL on, and returns its status after that. Verifications of a
// whole app run together, in all workers: one of them makes the call, and the others learn
// the answer. After a refusal it is made again a minute later, and half a minute after a
// failure.
func (c *collector) enableAutoSSL(ctx context.Context, app string, a certcheck.AutoSSL) (certcheck.AutoSSL, error) {
	if c.dryRun {
		a.DryRun = true
		return a, nil
	}
	answer, known, err := c.ledger.AutoSSLAnswer(ctx, app)
	if err != nil {
		return a, err
	}
	if !known {
		client, err := c.apps.AwaitSharedCall(ctx, app)
		if err != nil {
			return a, err
		}
		locked, err := c.ledger.TryLockAutoSSL(ctx, app)
		if err != nil {
			return a, err
		}
		if locked {
			answer, err = c.callAutoSSL(ctx, client, app)
		} else {
			answer, err = c.awaitAutoSSL(ctx, app)
		}
		if err != nil {
			return a, err
		}
	}
	a.Refusal, a.Failure, a.TurnedOn = answer.Refusal, answer.Failure, answer == ledger.AutoSSLAnswer{}
	return a, nil
}

// callAutoSSL asks ServerPilot to turn AutoSSL on, and records its answer.
func (c *collector) callAutoSSL(ctx context.Context, client *registry.Client, app string) (answer ledger.AutoSSLAnswer, err error) {
	action, err := client.EnableAutoSSL(ctx, app)
	log := taskLog(ctx, c.log, app)
	if action != "" {
		log = log.WithField("actionid", action)
	}
	switch failed := serverpilot.AsError(err); {
	case failed == nil:
		log.Info("AutoSSL turned on")
	case refusesAutoSSL(failed):
		log.WithError(err).Warn("AutoSSL could not be turned on: ServerPilot refuses it")
		answer.Refusal = cmp.Or(failed.Message, failed.Error())
	default:
		log.WithError(err).Warn("AutoSSL could not be turned on yet")
		answer.Failure = failed.Error()
	}
	return answer, c.ledger.SetAutoSSLAnswer(ctx, app, answer)
}

// refusesAutoSSL reports whether ServerPilot refused the call, so that a person has to act.
// Anything else passes: an outage, a gateway's answer, a rate limit.
func refusesAutoSSL(e *serverpilot.Error) bool {
	switch e.Status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return e.Kind == serverpilot.RequestRefused || e.Kind == serverpilot.Blocked || e.Status >= 400 && e.Status < 500 && e.Message != ""
}

// awaitAutoSSL waits for the answer that another verification gets. If none comes, ServerPilot
// is slow, or that one's worker died: the next attempt finds out more.
func (c *collector) awaitAutoSSL(ctx context.Context, app string) (answer ledger.AutoSSLAnswer, err error) {
	wait, cancel := context.WithTimeout(ctx, autoSSLAnswerWait)
	defer cancel()
	poll := time.NewTicker(autoSSLAnswerPoll)
	defer poll.Stop()
	for {
		answer, known, err := c.ledger.AutoSSLAnswer(ctx, app)
		if known || err != nil {
			return answer, err
		}
		select {
		case <-wait.Done():
			return ledger.AutoSSLAnswer{Failure: "ServerPilot hasn't answered yet"}, ctx.Err()
		case <-poll.C:
		}
	}
}
