package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/enqueue"
	"pilotsync/internal/config"
	"pilotsync/internal/redisurl"
	"pilotsync/internal/safefile"
	"pilotsync/internal/terminal"
	"pilotsync/worker/ledger"
)

// redisTimeout is how long a command that a person waits for tries to reach Redis.
const redisTimeout = 5 * time.Second

// redisFlags are the flags of each command that uses Redis.
type redisFlags struct{ config.RedisSettings }

// database is a Redis that answered, and the ledger in it.
type database struct {
	rdb    redis.UniversalClient
	ledger *ledger.Ledger
}

// enqueue enqueues changes. If Redis didn't answer, the error says that the command
// can be given again: "to … again is safe".
func (db database) enqueue(ctx context.Context, command string, reqs ...enqueue.Request) ([]enqueue.Receipt, error) {
	receipts, err := enqueue.New(db.rdb).Enqueue(ctx, reqs...)
	return receipts, safeToRepeat(err, command)
}

func safeToRepeat(err error, command string) error {
	if errors.Is(err, enqueue.ErrUnavailable) {
		return fmt.Errorf("%w\nTo %s again is safe", err, command)
	}
	return err
}

// withLedger connects to Redis, calls do, and closes the connection.
func (f redisFlags) withLedger(ctx context.Context, s *terminal.Streams, do func(database) error) error {
	rdb, err := f.connect(ctx, s)
	if err != nil {
		return err
	}
	defer func() { _ = rdb.Close() }() // nothing is left to send
	return do(database{rdb, ledger.New(rdb)})
}

// connect returns a client of a Redis that answered just now.
func (f redisFlags) connect(ctx context.Context, s *terminal.Streams) (redis.UniversalClient, error) {
	p := config.NewParser(safefile.Read)
	set := f.RedisSettings.Parse(p)
	if err := p.Err(); err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	err := set.Client.Ping(limited).Err()
	refused, isRefused := redisurl.AsRefused(set.Client, err)
	switch {
	case isRefused:
		err = redisRefused(set.Shown, refused)
	case err != nil:
		err = fmt.Errorf("no answer from Redis at %s, which REDIS_URL (--redis-url) names: %w", set.Shown, err)
	default:
		redisurl.NameUser(set.Client)
		f.noteUnused(limited, s, set)
		return set.Client, nil
	}
	set.Close()
	return nil, err
}

// noteUnused names the default Redis if no worker ever used it: another was probably
// meant.
func (f redisFlags) noteUnused(ctx context.Context, s *terminal.Streams, set config.Redis) {
	if f.RedisURL != "" || f.RedisURLFile != "" {
		return
	}
	if known, err := set.Client.SCard(ctx, "pilotsync:apps").Result(); err != nil || known > 0 {
		return // a user who may not see that has another Redis's URL
	}
	s.Noticef("note: REDIS_URL isn't set, and no worker has used the Redis at %s", set.Shown)
}

// mayNotRead reports whether a user of Redis lacks the right to read the ledger. A
// transaction reports that as aborted.
func mayNotRead(err error) bool {
	return redis.HasErrorPrefix(err, "NOPERM") || redis.HasErrorPrefix(err, "EXECABORT")
}

// redisRefused is about a Redis that answers, but refuses us.
func redisRefused(shown string, err error) error {
	return usageError{fmt.Errorf("REDIS_URL (--redis-url) is %q; it takes the user and password that this Redis knows: %w", shown, err)}
}
