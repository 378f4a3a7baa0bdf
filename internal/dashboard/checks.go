package dashboard

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"pilotsync/enqueue"
	"pilotsync/internal/quota"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

const (
	// checksAtOnce is how many domains of one list workers check at a time; a worker has eight slots.
	checksAtOnce = 16
	// checkPasses is how often a domain is checked until a worker answers.
	checkPasses = 2
	// maxCheckRuns is how many lists are checked at a time, maxCheckRunsEach how many of one user.
	maxCheckRuns, maxCheckRunsEach = 8, 2
	// checkRunSilence is after how long without a result a run counts as interrupted: its dashboard
	// has stopped. Otherwise a result, or the end of the run, comes within [enqueue.CheckWait].
	checkRunSilence = 3 * enqueue.CheckWait
)

// checkStore keeps lists of domains that are checked; [*ledger.Ledger] in production.
type checkStore interface {
	SaveCheckRun(ctx context.Context, run ledger.CheckRun) (id string, err error)
	SaveCheckResult(ctx context.Context, id, domain string, result tasks.CheckResult, now time.Time) error
	EndCheckRun(ctx context.Context, id, failure string) error
	CheckRun(ctx context.Context, id string) (run ledger.CheckRun, ok bool, err error)
}

// checkRunner has workers check lists of domains, independently of the request that asked for it.
type checkRunner struct {
	ctx      context.Context // the dashboard's
	running  *sync.WaitGroup
	enqueuer Enqueuer
	store    checkStore
	quota    *quota.Quota
	log      *logrus.Entry
}

// start runs the checks of a kept run in the background, and releases its place in the quota at
// their end.
func (c *checkRunner) start(id string, run ledger.CheckRun, release func()) {
	c.running.Go(func() {
		defer release()
		err := c.checkAll(id, run)
		failure := ""
		switch {
		case c.ctx.Err() != nil:
			failure = "the dashboard stopped"
		case err != nil:
			c.log.WithError(err).WithField("app", run.App).Warn("the check of a list of domains ended early")
			failure = err.Error()
		}
		// Without it the page shows the end after checkRunSilence.
		limited, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), time.Second)
		defer cancel()
		if err := c.store.EndCheckRun(limited, id, failure); err != nil {
			c.log.WithError(err).Warn("the end of a check isn't kept")
		}
	})
}

// checkAll keeps the result of each domain for which a worker answers. It gives up when no worker
// answers for any domain.
func (c *checkRunner) checkAll(id string, run ledger.CheckRun) error {
	missing := run.Domains
	for range checkPasses {
		left, err := c.check(id, run, missing)
		if err != nil || len(left) == 0 || len(left) == len(missing) {
			return err
		}
		missing = left
	}
	return nil
}

// check checks domains, and returns those for which no worker answered.
func (c *checkRunner) check(id string, run ledger.CheckRun, domains []string) ([]string, error) {
	group, ctx := errgroup.WithContext(c.ctx)
	group.SetLimit(checksAtOnce)
	answered := make([]bool, len(domains))
	var answers atomic.Int64
	var givenUp atomic.Bool
	for i, domain := range domains {
		if givenUp.Load() || ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			before := answers.Load()
			results, err := c.enqueuer.Check(ctx, run.By, enqueue.Target{AppID: run.App, Domain: domain})
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case errors.Is(err, enqueue.ErrNoResult):
				if answers.Load() == before { // no worker has answered for any domain
					givenUp.Store(true)
				}
				return nil
			case err != nil:
				return err
			}
			answers.Add(1)
			answered[i] = true
			return c.store.SaveCheckResult(ctx, id, domain, results[0], time.Now())
		})
	}
	err := group.Wait()
	var left []string
	for i, domain := range domains {
		if !answered[i] {
			left = append(left, domain)
		}
	}
	return left, err
}
