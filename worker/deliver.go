package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hibiken/asynq"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"pilotsync/tasks"
)

// Webhook is where state changes are told; the zero value tells nobody.
type Webhook struct {
	URL string
	// Secrets sign each event, as Standard Webhooks 1.0 has it; several while one
	// is being replaced by another.
	Secrets []*standardwebhooks.Webhook
}

// eventAge is how long an event is tried: a WordPress that is down for a
// weekend misses nothing.
const eventAge = 48 * time.Hour

// eventLimit ends one delivery.
const eventLimit = 20 * time.Second

// deliver handles event:deliver: one state change posted to the webhook. Only a
// 2xx answer is success; all else is tried again for two days, then archived.
func (w *Worker) deliver(ctx context.Context, t *asynq.Task) error {
	e, err := tasks.Decode[tasks.Event](t.Payload())
	if err != nil {
		return never(err)
	}
	if w.webhook.URL == "" {
		return never(errors.New("no webhook is configured (PILOTSYNC_WEBHOOK_URL)"))
	}
	err = w.post(ctx, e.ID(), t.Payload())
	if err == nil {
		w.taskLog(ctx, e.AppID).WithField("domain", e.Domain).WithField("seq", e.Seq).WithField("state", e.State).Info("webhook told")
		return nil
	}
	age := time.Since(e.At)
	if age > eventAge {
		return never(fmt.Errorf("given up after %s: %w", age.Round(time.Minute), err))
	}
	return &later{after: min(max(age/2, 5*time.Second), time.Hour), err: err}
}

// post sends a signed body.
func (w *Worker) post(ctx context.Context, id string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, eventLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.webhook.URL, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("post event %s: %w", id, err)
	}
	now := time.Now()
	signatures := make([]string, len(w.webhook.Secrets))
	for i, secret := range w.webhook.Secrets {
		if signatures[i], err = secret.Sign(id, now, body); err != nil {
			return fmt.Errorf("sign event %s: %w", id, err)
		}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(standardwebhooks.HeaderWebhookID, id)
	req.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	req.Header.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	resp, err := w.poster.Do(req)
	if err != nil {
		return fmt.Errorf("post event %s: %w", id, err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)); err != nil {
		return fmt.Errorf("post event %s: read the answer: %w", id, err)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("post event %s: the webhook answered %s", id, resp.Status)
	}
	return nil
}

// newPoster returns the webhook's client, which follows no redirect: a signed
// event is for the address that was configured.
func newPoster() *http.Client {
	return &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}
