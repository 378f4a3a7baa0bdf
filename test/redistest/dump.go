package redistest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// Dump is every key and whole value of Redis's database 0, for tests that search it. miniredis's
// own Dump cuts values off after some 60 characters.
func Dump(t testing.TB, rdb redis.Cmdable) string {
	t.Helper()
	ctx := t.Context()
	keys, err := rdb.Keys(ctx, "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, key := range keys {
		kind, err := rdb.Type(ctx, key).Result()
		if err != nil {
			t.Fatal(err)
		}
		var value any
		switch kind {
		case "none": // it has expired meanwhile
			continue
		case "string":
			value, err = rdb.Get(ctx, key).Result()
		case "hash":
			value, err = rdb.HGetAll(ctx, key).Result()
		case "list":
			value, err = rdb.LRange(ctx, key, 0, -1).Result()
		case "set":
			value, err = rdb.SMembers(ctx, key).Result()
		case "zset":
			value, err = rdb.ZRange(ctx, key, 0, -1).Result()
		default:
			t.Fatalf("%s is a %s, which Dump can't read", key, kind)
		}
		if err != nil && !errors.Is(err, redis.Nil) {
			t.Fatalf("read %s: %v", key, err)
		}
		fmt.Fprintln(&all, key, value)
	}
	return all.String()
}
