package enqueue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hibiken/asynq"

	"pilotsync/tasks"
)

const (
	// VerifyTimeout is how long one attempt or recheck may take: concurrent probes of the
	// names, at most 20 s each, and some calls to ServerPilot.
	VerifyTimeout = 2 * time.Minute
	// VerifyMaxRetry is how often asynq retries a verification after its handler panicked;
	// nothing else counts, as for [MaxRetry].
	VerifyMaxRetry = 10
)

// Target is a domain of an app.
type Target struct {
	AppID  string // as in [tasks.CheckAppID]
	Domain string // as people write it; see [tasks.ParseDomain]
}

// Verify restarts the verification of domains immediately and returns a receipt for each,
// in the same order. by is the operator's name for the domains' history; it must not be
// empty. A domain that isn't on its app's list when the task runs doesn't change.
//
// Errors are those of [Client.Enqueue]. A retry is safe: it only restarts a verification
// once more.
func (c *Client) Verify(ctx context.Context, by string, targets ...Target) ([]Receipt, error) {
	receipts := make([]Receipt, len(targets))
	var invalid []error
	if by == "" {
		invalid = append(invalid, errors.New("by is empty; it takes the operator's name"))
	}
	invalid = append(invalid, tasks.CheckBy(by))
	for i, t := range targets {
		domain, err := validateRequest(Request{AppID: t.AppID, Domain: t.Domain})
		if err != nil {
			invalid = append(invalid, fmt.Errorf("domain %d of %d: %w", i+1, len(targets), err))
		}
		receipts[i] = Receipt{AppID: t.AppID, Domain: domain}
	}
	if err := errors.Join(invalid...); err != nil {
		return nil, fmt.Errorf("nothing was enqueued: %w:\n%w", ErrInvalid, err)
	}
	counts := map[string]int{}
	for _, r := range receipts {
		counts[r.AppID]++
	}
	blocks, err := reserveNumbers(ctx, c.rdb, c.scripts, tasks.QueueSSL, counts)
	if err != nil {
		return receipts, err
	}
	for i := range receipts {
		if err := c.verify(ctx, by, &receipts[i], blocks[receipts[i].AppID]); err != nil {
			return receipts, fmt.Errorf("enqueued %d of %d verifications: %w", i, len(receipts), err)
		}
	}
	c.notify(ctx, tasks.QueueSSL)
	return receipts, nil
}

// verify enqueues one verification and sets order number and task id in its receipt.
func (c *Client) verify(ctx context.Context, by string, r *Receipt, b *seqBlock) error {
	r.Seq = b.take()
	v := tasks.Verify{AppID: r.AppID, Domain: r.Domain, Seq: r.Seq, Attempt: 1, DueAt: b.at, By: by}
	err := c.enqueue(ctx, asynq.NewTask(tasks.TypeSSLVerify, tasks.Encode(v)),
		asynq.Queue(tasks.QueueSSL), asynq.TaskID(v.ID()), asynq.MaxRetry(VerifyMaxRetry), asynq.Timeout(VerifyTimeout))
	if err != nil {
		return fmt.Errorf("%s of %s on app %s: %w", tasks.TypeSSLVerify, r.Domain, r.AppID, err)
	}
	r.TaskID = v.ID()
	return nil
}
