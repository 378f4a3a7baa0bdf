package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hibiken/asynq"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"pilotsync/tasks"
)

const (
	// eventAge is how long an event is tried: a WordPress that is down for a weekend
	// misses nothing.
	eventAge = 48 * time.Hour
	// eventLimit ends one sending.
	eventLimit = 20 * time.Second
	// eventPauseMax is the longest pause between two sendings, and the longest that
	// a webhook may ask for.
	eventPauseMax = time.Hour
)

// deliver handles event:deliver: one event, posted to its app's webhook. Only a
// 2xx answer is success; all else is tried again for two days, then archived.
func (w *Worker) deliver(ctx context.Context, t *asynq.Task) error {
	e, err := tasks.Decode[tasks.Event](t.Payload())
	if err != nil {
		return unread(err)
	}
	serving := w.roster.look()
	if serving.accounts[e.AppID] == nil {
		if elsewhere := w.leftToAnother(ctx, e.AppID); elsewhere != nil {
			return elsewhere
		}
		return sendLater(e, 0, fmt.Errorf("%w for app %s, whose event this is", errUnserved, e.AppID))
	}
	to := serving.endpoints[e.AppID]
	if to == nil {
		return never(fmt.Errorf("no webhook is configured for app %s (PILOTSYNC_WEBHOOK_URL)", e.AppID))
	}
	since, err := w.switchedOff(ctx, to)
	if err != nil {
		return err
	}
	if since != "" {
		return sendLater(e, 0, fmt.Errorf("the webhook at %s said at %s that it is gone (410); nothing is sent there until a worker is started", to.host, since))
	}
	if wait, cause := to.enter(time.Now()); wait > 0 {
		return sendLater(e, wait, fmt.Errorf("not sent, for an event before it failed: %w", cause))
	}
	// Whatever becomes of it, even a panic, the turn is given back.
	a := answer{verdict: unsaid}
	defer func() { to.done(time.Now(), a) }()
	began := time.Now()
	a = w.post(ctx, to, e.ID(), t.Payload())
	w.metrics.webhooks.WithLabelValues(a.verdict.label()).Inc()
	w.metrics.webhookSeconds.Observe(time.Since(began).Seconds())
	log := w.taskLog(ctx, e.AppID).WithFields(eventFields(e))
	switch a.verdict {
	case arrived:
		log.Info("webhook told")
		return nil
	case gone:
		first, err := w.switchOff(ctx, to)
		if err != nil {
			return errors.Join(a.err, err)
		}
		if first {
			log.Errorf("the webhook at %s says that it is gone (410): nothing is sent there any more until a worker is started; its events wait, each for two days", to.host)
		}
	}
	return sendLater(e, a.after, a.err)
}

// sendLater has an event sent again after a pause, or archived if it is too old.
func sendLater(e tasks.Event, atLeast time.Duration, err error) error {
	age := time.Since(e.At)
	if age >= eventAge {
		return never(fmt.Errorf("given up after %s: %w", age.Round(time.Minute), err))
	}
	if atLeast > 0 {
		atLeast += rounding
	}
	return &later{after: eventPause(age, atLeast, rand.Float64()), err: err}
}

// eventPause is the pause before an event of the given age is sent again: half
// its age, 5 s to an hour, unless the webhook needs longer, and up to a tenth
// more. The last one ends with eventAge, so that an event has all of it. jitter is
// in [0, 1).
func eventPause(age, atLeast time.Duration, jitter float64) time.Duration {
	pause := max(min(max(age/2, 5*time.Second), eventPauseMax), atLeast)
	pause += time.Duration(jitter * float64(pause) / 10)
	return max(min(pause, eventAge-age), time.Second)
}

// verdict is what an attempt to send says.
type verdict int

const (
	unsaid   verdict = iota // nothing: it was cut short by us
	arrived                 // the event is where it should be
	gone                    // the endpoint wants no events any more
	ailing                  // the endpoint is in trouble, whatever is sent
	declined                // it doesn't take this event, or not yet
)

// judge tells what a status means.
func judge(status int) verdict {
	switch {
	case status >= 200 && status <= 299:
		return arrived
	case status == http.StatusGone:
		return gone
	case status >= 500, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout:
		return ailing
	}
	return declined
}

// answer is what became of one sending.
type answer struct {
	verdict verdict
	after   time.Duration // not before this pause, where the webhook asked for one
	err     error         // unless it arrived; names the host only
}

// post sends a signed body.
func (w *Worker) post(ctx context.Context, to *endpoint, id string, body []byte) answer {
	limited, cancel := context.WithTimeout(ctx, eventLimit)
	defer cancel()
	req, err := signed(limited, to, id, body, time.Now())
	if err != nil {
		return answer{verdict: declined, err: err}
	}
	resp, err := w.poster.Do(req)
	if err != nil {
		var whole *url.Error
		if errors.As(err, &whole) {
			err = whole.Err // without the URL, which may hold a key
		}
		a := answer{verdict: ailing, err: fmt.Errorf("send to the webhook at %s: %w", to.host, err)}
		if ctx.Err() != nil {
			a.verdict = unsaid
		}
		return a
	}
	defer resp.Body.Close()
	// So that the connection can be used again; what is in the body doesn't matter.
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	a := answer{verdict: judge(resp.StatusCode), after: retryAfter(resp.Header.Get("Retry-After"), time.Now())}
	switch {
	case a.verdict == arrived:
	case resp.StatusCode >= 300 && resp.StatusCode <= 399:
		a.err = fmt.Errorf("the webhook at %s answered %d, a redirect, which is not followed: the setting must name the final address", to.host, resp.StatusCode)
	default:
		a.err = fmt.Errorf("the webhook at %s answered %d", to.host, resp.StatusCode)
	}
	return a
}

// signed makes the request, with a signature for each secret.
func signed(ctx context.Context, to *endpoint, id string, body []byte, now time.Time) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make the request to the webhook at %s", to.host) // not err, which quotes the URL
	}
	signatures := make([]string, len(to.Secrets))
	for i, secret := range to.Secrets {
		if signatures[i], err = secret.Sign(id, now, body); err != nil {
			return nil, fmt.Errorf("sign event %s: %w", id, err)
		}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "pilotsync")
	req.Header.Set(standardwebhooks.HeaderWebhookID, id)
	req.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	req.Header.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	return req, nil
}

// retryAfter reads the header of that name, seconds or a date; 0 for none. What a
// webhook may ask for ends at eventPauseMax.
func retryAfter(header string, now time.Time) time.Duration {
	header = strings.TrimSpace(header)
	seconds, err := strconv.ParseUint(header, 10, 64)
	if err == nil || errors.Is(err, strconv.ErrRange) { // out of range: the most there is
		return time.Duration(min(seconds, uint64(eventPauseMax/time.Second))) * time.Second
	}
	at, err := http.ParseTime(header)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), eventPauseMax)
}

// newPoster returns the webhooks' client, which follows no redirect: a signed
// event is for the address that was configured.
func newPoster() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = eventSlots
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
