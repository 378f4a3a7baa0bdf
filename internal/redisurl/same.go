package redisurl

import (
	"strconv"

	"github.com/redis/go-redis/v9"
)

// Same reports whether two URLs lead to the same database of the same Redis, whichever
// users they name: WordPress and a worker have users of their own. A host's name and
// its address count as two. URLs that [Open] refuses are the same only if they are equal.
func Same(a, b string) bool {
	if a == b {
		return true
	}
	first, second := databaseOf(a), databaseOf(b)
	return first != "" && first == second
}

// databaseOf names the database that a URL leads to; "" if the URL is refused.
func databaseOf(raw string) string {
	client, err := Open(raw)
	if err != nil {
		return ""
	}
	defer client.Close() // it never connected
	if single, ok := client.(*redis.Client); ok && single.Options().Network != "" && single.Options().Addr != "FailoverClient" {
		opt := single.Options()
		return opt.Network + " " + opt.Addr + " " + strconv.Itoa(opt.DB)
	}
	p := split(raw)
	return p.scheme + " " + p.hosts + " " + p.rest
}
