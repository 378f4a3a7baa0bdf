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
	// VerifyTimeout is how long one verification may take: looks at the names, side
	// by side, of 20 s at most, and some calls of ServerPilot.
	VerifyTimeout = 2 * time.Minute
	// VerifyMaxRetry is how often a verification is tried again after failures of our
	// own code, or a worker's crash. Trouble with ServerPilot isn't counted.
	VerifyMaxRetry = 10
)

// Target is a domain of an app.
type Target struct {
	AppID  string // as in [tasks.CheckAppID]
	Domain string // as people write it; see [tasks.ParseDomain]
}

// Verify has the verification of domains start anew, at once, and returns a
// receipt for each, in their order. by is the operator who wishes it, for the
// domain's history, and may not be empty. A domain that isn't on its app's list
// when the task runs stays as it is.
//
// Errors are those of [Client.Enqueue]. To try again is safe: a domain is verified
// once more then.
func (c *Client) Verify(ctx context.Context, by string, targets ...Target) ([]Receipt, error) {
	receipts := make([]Receipt, len(targets))
	var wrong []error
	if by == "" {
		wrong = append(wrong, errors.New("by is empty; it takes the name of who asks"))
	}
	wrong = append(wrong, tasks.CheckBy(by))
	for i, t := range targets {
		domain, err := check(Request{AppID: t.AppID, Domain: t.Domain})
		if err != nil {
			wrong = append(wrong, fmt.Errorf("domain %d of %d: %w", i+1, len(targets), err))
		}
		receipts[i] = Receipt{AppID: t.AppID, Domain: domain}
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, fmt.Errorf("nothing was enqueued: %w:\n%w", ErrInvalid, err)
	}
	counts := map[string]int{}
	for _, r := range receipts {
		counts[r.AppID]++
	}
	blocks, err := begin(ctx, c.rdb, tasks.QueueSSL, counts)
	if err != nil {
		return receipts, err
	}
	for i := range receipts {
		if err := c.verify(ctx, by, &receipts[i], blocks[receipts[i].AppID]); err != nil {
			return receipts, fmt.Errorf("enqueued %d of %d verifications: %w", i, len(receipts), err)
		}
	}
	return receipts, nil
}

// verify enqueues one verification, and notes its order number and task in its receipt.
func (c *Client) verify(ctx context.Context, by string, r *Receipt, b *block) error {
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
