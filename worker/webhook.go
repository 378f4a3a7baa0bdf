package worker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"pilotsync/tasks"
)

// Webhook is where events are told; the zero value tells nobody.
type Webhook struct {
	URL string
	// Secrets sign each event, as Standard Webhooks 1.0 has it; several while one
	// is being replaced by another.
	Secrets []*standardwebhooks.Webhook
}

// endpoint is a Webhook at work.
type endpoint struct {
	Webhook
	host    string // for errors and logs: the rest of a URL may hold a key
	field   string // of the URL in switchedOffKey
	*health        // of the URL
}

// endpoints returns the endpoint of each app that has one. Apps with the same
// URL share its health, whatever their secrets, also with those from before.
func endpoints(cfg Config, apps []string, before map[string]*endpoint) (map[string]*endpoint, error) {
	byURL, byApp := map[string]*health{}, map[string]*endpoint{}
	for _, e := range before {
		byURL[e.URL] = e.health
	}
	for _, app := range apps {
		hook, own := cfg.Webhooks[app]
		if !own {
			hook = cfg.Webhook
		}
		if hook.URL == "" {
			continue
		}
		u, err := url.Parse(hook.URL)
		if err != nil {
			return nil, fmt.Errorf("the webhook's URL of app %s can't be read", app) // not err, which quotes it
		}
		if byURL[hook.URL] == nil {
			byURL[hook.URL] = &health{}
		}
		sum := sha256.Sum256([]byte(hook.URL))
		byApp[app] = &endpoint{Webhook: hook, host: u.Host, field: hex.EncodeToString(sum[:]), health: byURL[hook.URL]}
	}
	return byApp, nil
}

// health keeps an endpoint that doesn't answer from taking all the slots for
// events: after a failure nothing is sent there for a while, and then one event
// at a time until one arrives. It is this worker's own view.
type health struct {
	mu     sync.Mutex
	fails  int       // in a row; those of calls that were under way together count once
	until  time.Time // nothing is sent before
	trying bool      // the one event is under way
	cause  error     // of the last failure
}

const (
	coolOffMin = 5 * time.Second
	coolOffMax = 5 * time.Minute
)

// enter asks for leave to send. Where wait isn't 0, not before that, because of
// cause; else done is to be called with the outcome.
func (h *health) enter(now time.Time) (wait time.Duration, cause error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.fails == 0:
		return 0, nil
	case now.Before(h.until):
		return h.until.Sub(now), h.cause
	case h.trying:
		return coolOffMin, h.cause
	}
	h.trying = true
	return 0, nil
}

// done tells what became of a sending. After one that failed through the
// endpoint's fault nothing is sent for a while, at least as long as it asked for.
func (h *health) done(now time.Time, a answer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.trying = false
	switch a.verdict {
	case unsaid:
	case arrived, gone, declined: // it answers
		h.fails, h.until, h.cause = 0, time.Time{}, nil
	case ailing:
		h.cause = a.err
		if !now.Before(h.until) {
			h.fails++
		}
		pause := max(min(coolOffMin<<min(h.fails-1, 16), coolOffMax), a.after)
		if until := now.Add(pause); until.After(h.until) {
			h.until = until
		}
	}
}

// switchedOffKey holds, by the hash of its URL, when an endpoint answered that it
// is gone for good. Nothing is sent there, by any worker, until one is started.
const switchedOffKey = "pilotsync:webhooks:off"

// switchOff reports whether it was this call that did it.
func (w *Worker) switchOff(ctx context.Context, e *endpoint) (bool, error) {
	first, err := w.rdb.HSetNX(ctx, switchedOffKey, e.field, time.Now().UTC().Format(time.RFC3339)).Result()
	if err != nil {
		return false, fmt.Errorf("switch the webhook at %s off: %w", e.host, err)
	}
	return first, nil
}

// switchedOff returns since when an endpoint is switched off; empty if it isn't.
func (w *Worker) switchedOff(ctx context.Context, e *endpoint) (since string, err error) {
	since, err = w.rdb.HGet(ctx, switchedOffKey, e.field).Result()
	if err != nil && err != redis.Nil {
		return "", fmt.Errorf("look up whether the webhook at %s is switched off: %w", e.host, err)
	}
	return since, nil
}

// switchOn is for a worker that starts: whoever starts one may just have mended
// what was gone. What waits is sent at once then.
func (w *Worker) switchOn(ctx context.Context) error {
	fields := map[string]bool{}
	for _, e := range w.roster.look().endpoints {
		fields[e.field] = true
	}
	if len(fields) == 0 {
		return nil
	}
	n, err := w.rdb.HDel(ctx, switchedOffKey, slices.Collect(maps.Keys(fields))...).Result()
	if err != nil {
		return fmt.Errorf("switch the webhooks on: %w", err)
	}
	if n == 0 {
		return nil
	}
	w.log.Info("a webhook that was gone is tried again")
	if _, err := asynq.NewInspectorFromRedisClient(w.rdb).RunAllRetryTasks(tasks.QueueEvents); err != nil {
		return fmt.Errorf("send at once what waits for the webhook: %w", err)
	}
	return nil
}
