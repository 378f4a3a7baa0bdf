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
	"pilotsync/worker/taskerr"
)

const (
	// maxAge is how long an event is retried: a WordPress that is down for a weekend
	// misses nothing.
	maxAge = 48 * time.Hour
	// maxDelay is the longest delay between two requests for an event, unless the webhook
	// asks for more.
	maxDelay = time.Hour
)

// Sender delivers events.
type Sender struct {
	rdb     redis.UniversalClient
	client  *http.Client
	observe func(result string, took time.Duration)
	log     *logrus.Entry
}

// NewSender returns a Sender that sends at most parallel events at once. Observe is
// called after each request, with one of [Results]. rdb stays the caller's to close.
func NewSender(rdb redis.UniversalClient, parallel int, observe func(result string, took time.Duration), log *logrus.Entry) *Sender {
	return &Sender{rdb: rdb, client: newClient(parallel), observe: observe, log: log}
}

// newClient returns a client that follows no redirect: a signed event is for the address
// that was configured.
func newClient(parallel int) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = parallel
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Close closes idle connections.
func (s *Sender) Close() { s.client.CloseIdleConnections() }

// Deliver posts an event to its app's webhook. Only a 2xx answer is success. All else is
// retried for two days and then archived: the error is one of package taskerr. log is
// that of the event.
func (s *Sender) Deliver(ctx context.Context, to *Endpoint, e tasks.Event, payload []byte, log *logrus.Entry) error {
	if to == nil {
		return taskerr.Permanent(fmt.Errorf("no webhook is configured for app %s (PILOTSYNC_WEBHOOK_URL)", e.AppID))
	}
	since, err := s.switchedOff(ctx, to)
	if err != nil {
		return err
	}
	if since != "" {
		return RetryLater(e, 0, fmt.Errorf("the webhook at %s said at %s that it is gone (410); nothing is sent there until a worker is started", to.host, since))
	}
	if wait, cause := to.allow(time.Now()); wait > 0 {
		return RetryLater(e, wait, fmt.Errorf("not sent, for an event before it failed: %w", cause))
	}
	// The breaker is told of every outcome, even a panic.
	o := outcome{result: canceled}
	defer func() { to.record(time.Now(), o) }()
	began := time.Now()
	o = s.post(ctx, to, e.ID(), payload)
	s.observe(o.result.label(), time.Since(began))
	switch o.result {
	case delivered:
		log.Info("webhook told")
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

// RetryLater returns the error by which an event is sent again after a delay, or archived
// if it is too old.
func RetryLater(e tasks.Event, atLeast time.Duration, err error) error {
	age := time.Since(e.At)
	if age >= maxAge {
		return taskerr.Permanent(fmt.Errorf("given up after %s: %w", age.Round(time.Minute), err))
	}
	if atLeast > 0 {
		atLeast += taskerr.Rounding
	}
	return taskerr.RetryAfter(delay(age, atLeast, rand.Float64()), err)
}

// delay is the time before an event of the given age is sent again: half its age, 5 s to
// an hour, longer if the webhook asks for it, and up to a tenth more. The last delay
// ends with maxAge, so that an event has all of it. jitter is in [0, 1).
func delay(age, atLeast time.Duration, jitter float64) time.Duration {
	d := max(min(max(age/2, 5*time.Second), maxDelay), atLeast)
	d += time.Duration(jitter * float64(d) / 10)
	return max(min(d, maxAge-age), time.Second)
}
