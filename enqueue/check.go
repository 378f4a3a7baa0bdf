package enqueue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
)

const (
	// CheckWait is how long [Client.Check] waits for results. A check takes a second or two,
	// and up to 15 s if name servers or a web server don't answer.
	CheckWait = 20 * time.Second
	// CheckMaxRetry is how often asynq retries a check after its handler panicked, as for
	// [MaxRetry]. A check that is too late for its client ends.
	CheckMaxRetry = 3

	checkPoll = 100 * time.Millisecond
)

// ErrNoResult is wrapped by the error about checks without a result.
var ErrNoResult = errors.New("no worker answered in time")

// Check asks the workers whether domains would work, and returns the results in the same
// order. It changes nothing. by is the operator's name for the worker's log; it may be empty.
// It takes at most [tasks.MaxChecks] domains. Equal checks within ten seconds are one task.
//
// It waits until ctx ends, and at most [CheckWait]. If results are missing then, the error
// wraps [ErrNoResult]; the missing ones have no Code. Other errors are those of
// [Client.Enqueue].
func (c *Client) Check(ctx context.Context, by string, targets ...Target) ([]tasks.CheckResult, error) {
	checks, err := validateChecks(by, targets)
	if err != nil || len(checks) == 0 {
		return nil, err
	}
	if err := c.enqueueChecks(ctx, checks); err != nil {
		return nil, err
	}
	results := make([]tasks.CheckResult, len(checks))
	wait := time.NewTimer(CheckWait)
	defer wait.Stop()
	poll := time.NewTicker(checkPoll)
	defer poll.Stop()
	for {
		missing, err := c.readResults(ctx, checks, results)
		if err != nil || len(missing) == 0 {
			return results, err
		}
		select {
		case <-poll.C:
			continue
		case <-ctx.Done():
		case <-wait.C:
		}
		return results, fmt.Errorf("%w for %s: 'pilotsync doctor' says whether a worker serves the app and the queue %s",
			ErrNoResult, someOf(missing), tasks.QueueChecks)
	}
}

func validateChecks(by string, targets []Target) ([]tasks.Check, error) {
	invalid := []error{tasks.CheckBy(by)}
	if len(targets) > tasks.MaxChecks {
		invalid = append(invalid, fmt.Errorf("there are %d domains; it takes at most %d at once", len(targets), tasks.MaxChecks))
	}
	checks := make([]tasks.Check, len(targets))
	for i, t := range targets {
		domain, err := validateRequest(Request{AppID: t.AppID, Domain: t.Domain})
		if err != nil {
			invalid = append(invalid, fmt.Errorf("domain %d of %d: %w", i+1, len(targets), err))
		}
		checks[i] = tasks.Check{AppID: t.AppID, Domain: domain, By: by}
	}
	if err := errors.Join(invalid...); err != nil {
		return nil, fmt.Errorf("nothing was checked: %w:\n%w", ErrInvalid, err)
	}
	return checks, nil
}

// enqueueChecks enqueues the checks, and sets when they were requested.
func (c *Client) enqueueChecks(ctx context.Context, checks []tasks.Check) error {
	now, err := c.rdb.Time(ctx).Result()
	if err == nil {
		err = c.rdb.SAdd(ctx, "asynq:queues", tasks.QueueChecks).Err() // as in reserveNumbers
	}
	if err != nil {
		return fmt.Errorf("registering the queue %s: %w", tasks.QueueChecks, classify(ctx, err))
	}
	for i := range checks {
		checks[i].AskedAt = now.UTC()
		err := c.enqueue(ctx, asynq.NewTask(tasks.TypeDomainCheck, tasks.Encode(checks[i])), asynq.Queue(tasks.QueueChecks), asynq.TaskID(checks[i].ID()),
			asynq.MaxRetry(CheckMaxRetry), asynq.Timeout(tasks.CheckTimeout), asynq.Retention(tasks.CheckRetention))
		if err != nil {
			return fmt.Errorf("%s of %s on app %s: %w", tasks.TypeDomainCheck, checks[i].Domain, checks[i].AppID, err)
		}
	}
	c.notify(ctx, tasks.QueueChecks)
	return nil
}

// readResults reads the results that results lacks, and returns the domains that still have none.
func (c *Client) readResults(ctx context.Context, checks []tasks.Check, results []tasks.CheckResult) (missing []string, err error) {
	replies := make([]*redis.StringCmd, len(checks))
	_, _ = c.rdb.Pipelined(ctx, func(p redis.Pipeliner) error { // each reply has its error
		for i, check := range checks {
			if results[i].Code == "" {
				replies[i] = p.HGet(ctx, "asynq:{"+tasks.QueueChecks+"}:t:"+check.ID(), "result")
			}
		}
		return nil
	})
	for i, reply := range replies {
		if reply == nil {
			continue
		}
		encoded, err := reply.Bytes()
		switch {
		case errors.Is(err, redis.Nil), ctx.Err() != nil:
			missing = append(missing, checks[i].Domain)
		case err != nil:
			return nil, fmt.Errorf("read the result for %s: %w", checks[i].Domain, classify(ctx, err))
		default:
			if err := json.Unmarshal(encoded, &results[i]); err != nil {
				return nil, fmt.Errorf("read the result for %s: %w", checks[i].Domain, err)
			}
		}
	}
	return missing, nil
}

// someOf names the first three domains, and how many others there are.
func someOf(domains []string) string {
	const shown = 3
	named := strings.Join(domains[:min(len(domains), shown)], ", ")
	if more := len(domains) - shown; more > 0 {
		named += fmt.Sprintf(" and %d more", more)
	}
	return named
}
