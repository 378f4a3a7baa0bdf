package worker

import (
	"cmp"
	"context"
	"time"

	"pilotsync/internal/serverpilot"
	"pilotsync/worker/certcheck"
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
		Available: app.AutoSSL.Available, Covered: app.AutoSSL.Domains, KeepOff: settings.AutoSSLOff,
	}
}

// enableAutoSSL turns AutoSSL on, and returns its status after that. Verifications of a
// whole app run together, in all workers: one of them makes the call, and the others learn
// the answer. After a refusal it is made again a minute later.
func (c *collector) enableAutoSSL(ctx context.Context, app string, a certcheck.AutoSSL) (certcheck.AutoSSL, error) {
	if c.dryRun {
		a.DryRun = true
		return a, nil
	}
	refused, known, err := c.ledger.AutoSSLAnswer(ctx, app)
	if err != nil {
		return a, err
	}
	if !known {
		locked, err := c.ledger.TryLockAutoSSL(ctx, app)
		if err != nil {
			return a, err
		}
		if locked {
			refused, err = c.callAutoSSL(ctx, app)
		} else {
			refused, err = c.awaitAutoSSL(ctx, app)
		}
		if err != nil {
			return a, err
		}
	}
	a.Refused, a.TurnedOn = refused, refused == ""
	return a, nil
}

// callAutoSSL asks ServerPilot to turn AutoSSL on, and records its answer. refused is empty, or
// ServerPilot's message.
func (c *collector) callAutoSSL(ctx context.Context, app string) (refused string, err error) {
	client, err := c.registry.Client(app)
	if err != nil {
		return "", err
	}
	if err := client.Limiter.WaitVerify(ctx, 1); err != nil {
		return "", err
	}
	err = client.EnableAutoSSL(ctx, app)
	log := taskLog(ctx, c.log, app)
	if failed := serverpilot.AsError(err); failed != nil {
		log.WithError(err).Warn("AutoSSL could not be turned on")
		refused = cmp.Or(failed.Message, failed.Error())
	} else {
		log.Info("AutoSSL turned on")
	}
	return refused, c.ledger.SetAutoSSLAnswer(ctx, app, refused)
}

// awaitAutoSSL waits for the answer that another verification gets. If none comes, that
// one's worker is of an earlier release, or died: the next attempt finds out more.
func (c *collector) awaitAutoSSL(ctx context.Context, app string) (refused string, err error) {
	wait, cancel := context.WithTimeout(ctx, autoSSLAnswerWait)
	defer cancel()
	poll := time.NewTicker(autoSSLAnswerPoll)
	defer poll.Stop()
	for {
		refused, known, err := c.ledger.AutoSSLAnswer(ctx, app)
		if known || err != nil {
			return refused, err
		}
		select {
		case <-wait.Done():
			return "", ctx.Err()
		case <-poll.C:
		}
	}
}
