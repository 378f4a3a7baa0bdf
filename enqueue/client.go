// Package enqueue puts requests for domains on the queue. A request gets its
// order number from Redis and becomes one task; what happens then is the
// worker's business.
package enqueue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"pilotsync/tasks"
)

// What asynq is told about a change's task. Its own defaults, 25 retries, 30
// minutes and no retention, are made for other work.
const (
	// MaxRetry is how often the task is tried again. The worker doesn't count
	// Redis's failures; but a worker that is killed in the middle of a task
	// costs it a retry, and a change must outlive a worker that crashes in a loop.
	MaxRetry = 100
	// Timeout is how long one try may take. Recording a change is one script in
	// Redis, a matter of milliseconds.
	Timeout = 30 * time.Second
	// Retention is how long asynqmon shows the task once it is completed: long
	// enough to look into yesterday's report of a missing domain.
	Retention = 24 * time.Hour
)

// parallel is how many tasks are on their way to Redis at once. Measured on
// loopback: 19,000 tasks a second one by one, 81,000 with 16 at once.
const parallel = 16

// Request asks for one domain to be put on an app's list, or taken off it.
type Request struct {
	AppID  string // ServerPilot's id of the app, as in [tasks.CheckAppID]
	Domain string // as people write it; see [tasks.ParseDomain]
	Remove bool   // take it off; else put it on
	// WWW overrides the worker's setting for this domain; empty leaves it to the setting.
	WWW    tasks.WWW
	SiteID int64 // WordPress's id of the site, for the webhook; 0 where there is none
	// Adopt takes names that are on the list already as they are; see [tasks.Change].
	// Not of a removal.
	Adopt bool
	// IfListed refuses to adopt what isn't on the list, in place of adding it.
	IfListed bool
	// Attempts is the limit of the domain's verification attempts, 1 to
	// [tasks.MaxAttempts]; 0 leaves it to the worker's setting, also for a domain that had
	// a limit before. See [tasks.Change]. Not of a removal.
	Attempts int
	// By is the operator who asks, for the domain's history; see [tasks.CheckBy].
	By string
}

// Receipt says what became of a request.
type Receipt struct {
	AppID  string
	Domain string // in canonical form
	Seq    int64  // order number within the app; 0 if none was taken
	TaskID string // asynq's id of the task; empty if it wasn't enqueued
}

// Client enqueues requests. It is safe for concurrent use.
type Client struct {
	rdb   redis.UniversalClient
	asynq *asynq.Client
}

// New returns a client on rdb, which stays the caller's to close.
func New(rdb redis.UniversalClient) *Client {
	return &Client{rdb: rdb, asynq: asynq.NewClientFromRedisClient(causes{rdb})}
}

// change is a request on its way to the queue.
type change struct {
	taskType string
	payload  tasks.Change
}

// Enqueue puts the requests on the queue and returns a receipt for each, in
// their order. Of two requests for a domain in one call the later one wins.
//
// If a request is wrong, nothing is enqueued: the error wraps [ErrInvalid] and
// has a line for each wrong request. If Redis fails, or ctx ends, some may have
// been enqueued: the receipts of the others have no TaskID, and the error says
// how many were, and wraps the first cause, with [ErrUnavailable] where Redis
// couldn't be reached. To try again with all the requests is safe then: a change
// that is taken twice is harmless, since the later order number wins.
func (c *Client) Enqueue(ctx context.Context, reqs ...Request) ([]Receipt, error) {
	changes, err := validate(reqs)
	if err != nil || len(changes) == 0 {
		return nil, err
	}
	err = c.number(ctx, changes)
	receipts := make([]Receipt, len(changes))
	for i, ch := range changes {
		receipts[i] = Receipt{AppID: ch.payload.AppID, Domain: ch.payload.Domain, Seq: ch.payload.Seq}
	}
	if err == nil {
		err = c.send(ctx, changes, receipts)
	}
	if err != nil {
		sent := 0
		for _, r := range receipts {
			if r.TaskID != "" {
				sent++
			}
		}
		return receipts, fmt.Errorf("enqueued %d of %d changes: %w", sent, len(receipts), err)
	}
	return receipts, nil
}

// validate returns the requests as changes that lack order number and time.
func validate(reqs []Request) ([]change, error) {
	changes := make([]change, len(reqs))
	var wrong []error
	for i, r := range reqs {
		domain, err := check(r)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("request %d of %d: %w", i+1, len(reqs), err))
			continue
		}
		changes[i] = change{
			taskType: tasks.TypeDomainAdd,
			payload:  tasks.Change{AppID: r.AppID, Domain: domain, WWW: r.WWW, SiteID: r.SiteID, Adopt: r.Adopt, IfListed: r.IfListed, Attempts: r.Attempts, By: r.By},
		}
		if r.Remove {
			changes[i].taskType = tasks.TypeDomainRemove
		}
	}
	if wrong != nil {
		return nil, fmt.Errorf("nothing was enqueued: %w:\n%w", ErrInvalid, errors.Join(wrong...))
	}
	return changes, nil
}

// check returns the request's domain in canonical form, or the first thing that is wrong.
func check(r Request) (domain string, err error) {
	if err := tasks.CheckAppID(r.AppID); err != nil {
		return "", err
	}
	if r.WWW != "" {
		if _, err := tasks.ParseWWW(string(r.WWW)); err != nil {
			return "", err
		}
	}
	if r.Adopt && r.Remove {
		return "", errors.New("adopt is set in a removal; it takes it in an addition only")
	}
	if r.Attempts != 0 && r.Remove {
		return "", fmt.Errorf("attempts is %d in a removal; it takes it in an addition only", r.Attempts)
	}
	if err := errors.Join(tasks.CheckAttempts(r.Attempts), tasks.CheckBy(r.By)); err != nil {
		return "", err
	}
	return tasks.ParseDomain(r.Domain)
}

// number gives each change its order number and time: one block of numbers for
// each app, in the order of the requests.
func (c *Client) number(ctx context.Context, changes []change) error {
	counts := map[string]int{}
	for _, ch := range changes {
		counts[ch.payload.AppID]++
	}
	blocks, err := begin(ctx, c.rdb, tasks.QueueDomains, counts)
	if err != nil {
		return err
	}
	for i := range changes {
		p := &changes[i].payload
		b := blocks[p.AppID]
		p.Seq, p.RequestedAt = b.take(), b.at
	}
	return nil
}

// send enqueues the changes and notes each one's task id in its receipt. After
// the first failure it starts no more.
func (c *Client) send(ctx context.Context, changes []change, receipts []Receipt) error {
	group, going := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i := range changes {
		send := func() error {
			if err := going.Err(); err != nil {
				return err
			}
			// Under ctx, not going: another's failure must not cut this one short.
			if err := c.sendOne(ctx, changes[i]); err != nil {
				return err
			}
			receipts[i].TaskID = changes[i].payload.ID()
			return nil
		}
		if len(changes) == 1 {
			return send() // PHP's and a person's case; a goroutine more is time lost
		}
		group.Go(send)
	}
	return group.Wait()
}

func (c *Client) sendOne(ctx context.Context, ch change) error {
	err := c.enqueue(ctx, asynq.NewTask(ch.taskType, tasks.Encode(ch.payload)),
		asynq.Queue(tasks.QueueDomains), asynq.TaskID(ch.payload.ID()),
		asynq.MaxRetry(MaxRetry), asynq.Timeout(Timeout), asynq.Retention(Retention))
	if err != nil {
		return fmt.Errorf("%s of %s to app %s: %w", ch.taskType, ch.payload.Domain, ch.payload.AppID, err)
	}
	return nil
}

func (c *Client) enqueue(ctx context.Context, task *asynq.Task, opts ...asynq.Option) error {
	var cause error
	_, err := c.asynq.EnqueueContext(keepCause(ctx, &cause), task, opts...)
	switch {
	case err == nil, errors.Is(err, asynq.ErrTaskIDConflict):
		// A conflict: go-redis sent it again because the first answer got lost.
		return nil
	case cause != nil:
		return classify(ctx, cause)
	}
	return err
}
