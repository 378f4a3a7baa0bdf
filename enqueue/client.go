// Package enqueue puts requests for domains on the queues: to add, remove, verify or check
// them. Each becomes one task, which a worker then processes. All but checks get an order
// number from Redis.
package enqueue

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"pilotsync/enqueue/functions"
	"pilotsync/tasks"
)

// Options of a change's task. asynq's defaults, 25 retries, 30 minutes and no retention,
// don't suit it.
const (
	// MaxRetry is how often asynq retries the task after its handler panicked. Neither a
	// failure of Redis nor a killed worker counts (taskerr.IsFailure), and an invalid payload
	// is archived at once.
	MaxRetry = 100
	// Timeout is how long one run may take. Recording a change is one script in Redis,
	// which takes milliseconds.
	Timeout = 30 * time.Second
	// Retention is how long asynqmon shows the completed task, unless the worker's setting
	// PILOTSYNC_KEEP_FINISHED says otherwise. The domain's history stays longer.
	Retention = time.Hour
)

const (
	// chunk is how many changes one script enqueues. That takes Redis less than a millisecond.
	chunk = 100
	// maxParallel is for how many apps a client sends changes to Redis concurrently.
	maxParallel = 16
)

// Request is the addition of one domain to an app's list, or its removal.
type Request struct {
	AppID  string // ServerPilot's id of the app, as in [tasks.CheckAppID]
	Domain string // as people write it; see [tasks.ParseDomain]
	Remove bool   // false: an addition
	// WWW overrides the worker's setting for this domain; empty leaves it to the setting.
	WWW    tasks.WWW
	SiteID int64 // WordPress's id of the site, for the webhook; 0 where there is none
	// Import takes names that are already on the list into the ledger; see
	// [tasks.Change]. Not for removals.
	Import bool
	// IfListed rejects an import of a domain that isn't on the list, rather than adding it.
	// It has no effect without Import.
	IfListed bool
	// Attempts is the limit of the domain's verification attempts, 1 to [tasks.MaxAttempts]; 0
	// leaves it to the worker's setting, whatever limit the domain had. See [tasks.Change]. Not
	// for removals.
	Attempts int
	// By is the operator's name for the domain's history, at most [tasks.MaxBy] characters;
	// empty for none.
	By string
}

// Receipt is the result of a request to add, remove or verify a domain.
type Receipt struct {
	AppID  string
	Domain string // in canonical form
	Seq    int64  // order number within the app, from 1; 0 if none was taken
	TaskID string // asynq's id of the task; empty if it wasn't enqueued
}

// Client enqueues requests. It is safe for concurrent use.
type Client struct {
	rdb     redis.UniversalClient
	asynq   *asynq.Client
	scripts *functions.Runner
	// apart: Redis keeps the queue and the app's number in different slots, as a Cluster does.
	// Then the number takes a round trip of its own.
	apart *atomic.Bool
}

// New returns a client on rdb. The caller closes rdb.
func New(rdb redis.UniversalClient) *Client {
	scripts := functions.NewRunner(rdb)
	c := &Client{rdb: rdb, asynq: asynq.NewClientFromRedisClient(errorRecorder{rdb, scripts}), scripts: scripts, apart: &atomic.Bool{}}
	if _, cluster := rdb.(*redis.ClusterClient); cluster {
		c.apart.Store(true)
	}
	return c
}

// changeTask is the task of one request.
type changeTask struct {
	taskType string
	payload  tasks.Change
}

// Enqueue puts the requests on the queue and returns a receipt for each, in the same
// order. Of two requests for a domain in one call, the later one wins.
//
// If a request is invalid, Enqueue enqueues nothing: the error wraps [ErrInvalid] and has
// a line for each invalid request. If Redis fails, or ctx ends, some requests may have
// been enqueued. The error then gives their number and wraps the first failure, with
// [ErrUnavailable] if Redis couldn't be reached; the other receipts have no TaskID.
// Enqueueing all requests again is safe, since the later order number wins.
func (c *Client) Enqueue(ctx context.Context, reqs ...Request) ([]Receipt, error) {
	changes, err := validate(reqs)
	if err != nil || len(changes) == 0 {
		return nil, err
	}
	receipts := make([]Receipt, len(changes))
	for i, ch := range changes {
		receipts[i] = Receipt{AppID: ch.payload.AppID, Domain: ch.payload.Domain}
	}
	if err := c.send(ctx, changes, receipts); err != nil {
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

// validate returns the requests as changes, without order number and time.
func validate(reqs []Request) ([]changeTask, error) {
	changes := make([]changeTask, len(reqs))
	var invalid []error
	for i, r := range reqs {
		domain, err := validateRequest(r)
		if err != nil {
			invalid = append(invalid, fmt.Errorf("request %d of %d: %w", i+1, len(reqs), err))
			continue
		}
		changes[i] = changeTask{
			taskType: tasks.TypeDomainAdd,
			payload:  tasks.Change{AppID: r.AppID, Domain: domain, WWW: r.WWW, SiteID: r.SiteID, Import: r.Import, IfListed: r.IfListed, Attempts: r.Attempts, By: r.By},
		}
		if r.Remove {
			changes[i].taskType = tasks.TypeDomainRemove
		}
	}
	if invalid != nil {
		return nil, fmt.Errorf("nothing was enqueued: %w:\n%w", ErrInvalid, errors.Join(invalid...))
	}
	return changes, nil
}

// validateRequest returns the request's domain in canonical form, or the first violation.
func validateRequest(r Request) (domain string, err error) {
	if err := tasks.CheckAppID(r.AppID); err != nil {
		return "", err
	}
	if r.WWW != "" {
		if _, err := tasks.ParseWWW(string(r.WWW)); err != nil {
			return "", err
		}
	}
	if r.Import && r.Remove {
		return "", errors.New("adopt is set in a removal; only an addition takes it")
	}
	if r.Attempts != 0 && r.Remove {
		return "", fmt.Errorf("attempts is %d in a removal; only an addition takes it", r.Attempts)
	}
	if err := errors.Join(tasks.CheckAttempts(r.Attempts), tasks.CheckBy(r.By)); err != nil {
		return "", err
	}
	return tasks.ParseDomain(r.Domain)
}

func (c *Client) enqueue(ctx context.Context, task *asynq.Task, opts ...asynq.Option) error {
	var scriptErr error
	_, err := c.asynq.EnqueueContext(withScriptError(ctx, &scriptErr), task, opts...)
	switch {
	case err == nil, errors.Is(err, asynq.ErrTaskIDConflict):
		// A conflict: go-redis sent it twice because the first answer was lost.
		return nil
	case scriptErr != nil:
		return classify(ctx, scriptErr)
	}
	return err
}
