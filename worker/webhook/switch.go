package webhook

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
)

// switchedOffKey has, by the hash of its URL, when an endpoint answered that it is gone. No
// worker sends events there until one is started or reloaded.
const switchedOffKey = "pilotsync:webhooks:off"

// SwitchedOff returns how many webhooks answered that they are gone.
func SwitchedOff(ctx context.Context, rdb redis.UniversalClient) (int, error) {
	n, err := rdb.HLen(ctx, switchedOffKey).Result()
	if err != nil {
		return 0, fmt.Errorf("count the webhooks that are switched off: %w", err)
	}
	return int(n), nil
}

// switchOff reports whether the endpoint wasn't switched off before.
func (s *Sender) switchOff(ctx context.Context, e *Endpoint) (bool, error) {
	first, err := s.rdb.HSetNX(ctx, switchedOffKey, e.urlHash, time.Now().UTC().Format(time.RFC3339)).Result()
	if err != nil {
		return false, fmt.Errorf("switch the webhook at %s off: %w", e.host, err)
	}
	return first, nil
}

// switchedOff returns when an endpoint was switched off; "" if it isn't.
func (s *Sender) switchedOff(ctx context.Context, e *Endpoint) (since string, err error) {
	since, err = s.rdb.HGet(ctx, switchedOffKey, e.urlHash).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return "", fmt.Errorf("read whether the webhook at %s is switched off: %w", e.host, err)
	}
	return since, nil
}

// SwitchOn switches the endpoints on again after a start or a reload, since a webhook may have
// been repaired. Waiting events are then sent without delay.
func (s *Sender) SwitchOn(ctx context.Context, endpoints map[string]*Endpoint) error {
	fields := map[string]bool{}
	for _, e := range endpoints {
		fields[e.urlHash] = true
	}
	if len(fields) == 0 {
		return nil
	}
	n, err := s.rdb.HDel(ctx, switchedOffKey, slices.Collect(maps.Keys(fields))...).Result()
	if err != nil {
		return fmt.Errorf("switch the webhooks on: %w", err)
	}
	if n == 0 {
		return nil
	}
	s.log.Info("a webhook that was gone is tried again")
	if _, err := asynq.NewInspectorFromRedisClient(s.rdb).RunAllRetryTasks(tasks.QueueEvents); err != nil {
		return fmt.Errorf("send the waiting events of the webhook: %w", err)
	}
	return nil
}
