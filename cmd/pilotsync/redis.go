package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/internal/redisurl"
)

// redisPatience is how long a command that a person waits for tries to reach Redis.
const redisPatience = 5 * time.Second

// redisSettings say where Redis is. The default isn't a tag, for it would hide
// whether the variable was set beside its file form.
type redisSettings struct {
	RedisURL     string `name:"redis-url" env:"REDIS_URL" group:"Redis" placeholder:"URL" help:"Where Redis is; also rediss://, redis-socket:///path, redis-sentinel://h1,h2/0?master=NAME and redis-cluster://h1,h2. Default: redis://127.0.0.1:6379/0."`
	RedisURLFile string `name:"redis-url-file" env:"REDIS_URL_FILE" group:"Redis" placeholder:"FILE" help:"File to read the URL from. Default: none."`
}

const defaultRedisURL = "redis://127.0.0.1:6379/0"

// open returns a client that hasn't connected, or nil where a setting is wrong,
// and the URL as it may be shown.
func (s redisSettings) open(w *wrong, read readFile) (client redis.UniversalClient, shown string) {
	url, ok := read.either(w, "REDIS_URL", s.RedisURL, s.RedisURLFile)
	if !ok {
		return nil, ""
	}
	if url == "" {
		url = defaultRedisURL
	}
	client, err := redisurl.Open(url)
	if err != nil {
		w.say("REDIS_URL", "is wrong: "+err.Error())
		return nil, ""
	}
	return client, redisurl.Redacted(url)
}

// connect returns a client of a Redis that answered just now.
func (s redisSettings) connect(ctx context.Context, out *streams) (redis.UniversalClient, error) {
	w := wrong{}
	client, shown := s.open(&w, os.ReadFile)
	if err := w.err(); err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, redisPatience)
	defer cancel()
	err := client.Ping(limited).Err()
	if refused, is := redisurl.AsRefused(client, err); is {
		err = redisRefused(shown, refused)
	} else if err == nil {
		redisurl.NameUser(client)
		s.noteUnused(limited, out, client, shown)
		return client, nil
	} else {
		err = fmt.Errorf("no answer from Redis at %s, which REDIS_URL (--redis-url) names: %w", shown, err)
	}
	_ = client.Close() // the cause is known already
	return nil, err
}

// noteUnused names a Redis that was only assumed, since no URL is set, and that no worker
// ever used: another was probably meant.
func (s redisSettings) noteUnused(ctx context.Context, out *streams, client redis.UniversalClient, shown string) {
	if s.RedisURL != "" || s.RedisURLFile != "" {
		return
	}
	if known, err := client.SCard(ctx, "pilotsync:apps").Result(); err != nil || known > 0 {
		return // a user who may not see that has another Redis's URL
	}
	out.notice("note: REDIS_URL isn't set, and no worker has used the Redis at %s", shown)
}

// mayNotRead reports whether a user of Redis lacks the right to read the ledger. A
// transaction reports that as aborted.
func mayNotRead(err error) bool {
	return redis.HasErrorPrefix(err, "NOPERM") || redis.HasErrorPrefix(err, "EXECABORT")
}

// redisRefused is about a Redis that answers, but not to us.
func redisRefused(shown string, err error) error {
	return usageError{fmt.Errorf("REDIS_URL (--redis-url) is %q; it takes the user and password that this Redis knows: %w", shown, err)}
}
