package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Limits of the calls of SCAN, each of which takes Redis about a millisecond. Redis scans in an
// order that doesn't depend on names, so a sample shows keys that other programs have in
// quantity.
const (
	scanCount  = 1000
	scanRounds = 20
)

// keySample is a sample of the names of a database's keys.
type keySample struct {
	seen    int
	foreign map[string]int // keys of other programs, by the beginning of their name
	err     error
}

// readKeys reads names of keys, not all if there are many.
func readKeys(ctx context.Context, rdb redis.UniversalClient) keySample {
	k := keySample{foreign: map[string]int{}}
	for cursor, round := uint64(0), 0; round == 0 || cursor != 0 && round < scanRounds; round++ {
		keys, next, err := rdb.Scan(ctx, cursor, "", scanCount).Result()
		if err != nil {
			k.err = err
			return k
		}
		for _, key := range keys {
			k.seen++
			if !ownKey(key) {
				k.foreign[beginning(key)]++
			}
		}
		cursor = next
	}
	return k
}

// ownKey reports whether a key is asynq's, pilotsync's or the rate limiter's.
func ownKey(key string) bool {
	return slices.ContainsFunc([]string{"asynq:", "pilotsync:", "rate:"}, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
}

// beginning returns the part of a foreign key that can be shown. The text after its first colon
// may be a secret, such as the id of a session.
func beginning(key string) string {
	end := strings.IndexFunc(key, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-' && r != '.'
	})
	if end < 0 {
		end = len(key)
	}
	return key[:min(end, 20)] + "…"
}

// evaluateKeys: a program that shares the database may empty it, as WordPress's object
// cache does.
func evaluateKeys(n node) Result {
	k := n.keys
	switch {
	case redis.IsPermissionError(k.err):
		return ok(CheckKeys, "keys of other programs were not looked for: this user of Redis may not list keys (SCAN)")
	case k.err != nil:
		return warning(CheckKeys, unseen("SCAN", "whether other programs use this database", k.err), "Make sure that nothing else uses this database of Redis.")
	case len(k.foreign) == 0:
		return ok(CheckKeys, fmt.Sprintf("no other program has keys in this database (%d were checked)", k.seen))
	}
	total, kinds := 0, make([]string, 0, len(k.foreign))
	for kind, n := range k.foreign {
		total += n
		kinds = append(kinds, kind)
	}
	slices.SortFunc(kinds, func(a, b string) int {
		if k.foreign[a] != k.foreign[b] {
			return k.foreign[b] - k.foreign[a]
		}
		return strings.Compare(a, b)
	})
	return warning(CheckKeys, fmt.Sprintf("%d of the %d keys that were checked in this database belong to other programs (%s): if one of them empties it, as caches do, queue and ledger are lost",
		total, k.seen, strings.Join(kinds[:min(len(kinds), 3)], ", ")),
		"Give pilotsync a Redis of its own (see deployments/redis), or at least another database, in REDIS_URL and in WordPress's PILOTSYNC_REDIS_URL.")
}
