package redisurl

import (
	"net"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"pilotsync/internal/loopback"
)

// Same reports whether two URLs lead to the same database of the same Redis, whatever
// their users: WordPress and a worker have different users. A host's name and its address
// are different, except those of this machine. URLs that [Open] refuses are
// the same only if they are equal.
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
		return opt.Network + " " + here(opt.Addr) + " " + strconv.Itoa(opt.DB)
	}
	p := split(raw)
	return p.scheme + " " + p.hosts + " " + p.rest
}

// here gives all loopback addresses of a port the same form.
func here(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr // of a socket
	}
	if loopback.Is(host) {
		host = "localhost"
	}
	return net.JoinHostPort(strings.ToLower(host), port)
}
