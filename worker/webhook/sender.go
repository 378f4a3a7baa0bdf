package webhook

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"

	"pilotsync/tasks"
	"pilotsync/worker/share"
	"pilotsync/worker/taskerr"
)

const (
	// maxAge is how long an event is retried: a WordPress that is down for a weekend misses
	// no event.
	maxAge = 48 * time.Hour
	// maxAhead is how far in the future an event's time may be. Redis's clock and the worker's may
	// differ; another program may write any time.
	maxAhead = time.Hour
	// maxDelay is the longest delay between two requests for an event, unless the webhook
	// asks for more.
	maxDelay = time.Hour
)

// Sender delivers events.
type Sender struct {
	rdb     redis.UniversalClient
	client  *http.Client
	observe func(result string, took time.Duration)
	waits   *share.Waits
	log     *logrus.Entry
}

// NewSender returns a Sender. observe is called after each request, with one of [Results]. Events
// that wait for a slot of their endpoint are added to waits. The caller must close rdb.
func NewSender(rdb redis.UniversalClient, observe func(result string, took time.Duration), waits *share.Waits, log *logrus.Entry) *Sender {
	return &Sender{rdb: rdb, client: newClient(), observe: observe, waits: waits, log: log}
}

// newClient returns a client that follows no redirects: a signed event is only for the
// configured address.
func newClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = Parallel
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Close closes idle connections.
func (s *Sender) Close() { s.client.CloseIdleConnections() }

// Deliver posts an event to its app's webhook. Only a 2xx answer is success. Otherwise it is
// retried for two days and then archived, by an error of package taskerr. An event of an endpoint
// that has its share of the slots comes back later. log is that of the event.
func (s *Sender) Deliver(ctx context.Context, to *Endpoint, e tasks.Event, log *logrus.Entry) error {
	if to == nil {
		return taskerr.Permanent(fmt.Errorf("no webhook is configured for app %s (PILOTSYNC_WEBHOOK_URL)", e.AppID))
	}
	leave, err := to.share.Enter(ctx, s.waits.Add)
	if err != nil {
		return err
	}
	defer leave()
	since, err := s.switchedOff(ctx, to)
	if err != nil {
		return err
	}
	if since != "" {
		return RetryLater(e, 0, fmt.Errorf("the webhook at %s said at %s that it is gone (410); nothing is sent there until a worker is started", to.host, since))
	}
	if wait, cause := to.allow(time.Now()); wait > 0 {
		return RetryLater(e, wait, fmt.Errorf("not sent, since an earlier event failed: %w", cause))
	}
	// The breaker must know every outcome, even a panic.
	o := outcome{result: canceled}
	defer func() { to.record(time.Now(), o) }()
	began := time.Now()
	o = s.post(ctx, to, e.ID(), tasks.Encode(e))
	s.observe(o.result.label(), time.Since(began))
	switch o.result {
	case delivered:
		log.Info("event delivered")
		return nil
	case gone:
		first, err := s.switchOff(ctx, to)
		if err != nil {
			return errors.Join(o.err, err)
		}
		if first {
			log.Errorf("the webhook at %s says that it is gone (410): nothing is sent there any more until a worker is started; its events wait, each for two days", to.host)
		}
	}
	return RetryLater(e, o.retryAfter, o.err)
}

// RetryLater returns the error after which an event is sent again later, or archived if it is
// too old.
func RetryLater(e tasks.Event, atLeast time.Duration, err error) error {
	age := time.Since(e.At)
	if age < -maxAhead {
		return taskerr.Permanent(fmt.Errorf("its time, %s, is in the future: %w", e.At.Format(time.RFC3339), err))
	}
	if age >= maxAge {
		return taskerr.Permanent(fmt.Errorf("given up after %s: %w", age.Round(time.Minute), err))
	}
	if atLeast > 0 {
		atLeast += taskerr.Rounding
	}
	return taskerr.RetryAfter(delay(age, atLeast, rand.Float64()), err)
}

// delay returns the delay before an event is sent again. It is half the event's age, between 5
// s and an hour, and at least as long as the webhook asked for. Up to a tenth is added as
// jitter, which is in [0, 1). The last delay ends at maxAge, so each event is retried for the
// whole time.
func delay(age, atLeast time.Duration, jitter float64) time.Duration {
	d := max(min(max(age/2, 5*time.Second), maxDelay), atLeast)
	d += time.Duration(jitter * float64(d) / 10)
	return max(min(d, maxAge-age), time.Second)
}
