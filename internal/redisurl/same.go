package redisurl

import (
	"net"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"pilotsync/internal/loopback"
)

// Same reports whether two URLs lead to the same database of the same Redis. It ignores users,
// since WordPress and a worker have different ones. A host's name and its address count as
// different, except for this machine. URLs that [Open] refuses must be equal.
func Same(a, b string) bool {
	if a == b {
		return true
	}
	first, second := databaseOf(a), databaseOf(b)
	return first != "" && first == second
}

// databaseOf returns an identifier of the URL's database; "" if the URL is refused.
func databaseOf(raw string) string {
	client, err := Open(raw)
	if err != nil {
		return ""
	}
	defer client.Close() // it never connected
	if single, ok := client.(*redis.Client); ok && single.Options().Network != "" && single.Options().Addr != "FailoverClient" {
		opt := single.Options()
		return opt.Network + " " + comparableAddr(opt.Addr) + " " + strconv.Itoa(opt.DB)
	}
	p := split(raw)
	return p.scheme + " " + p.hosts + " " + p.rest
}

// comparableAddr gives all loopback addresses of a port the same form.
func comparableAddr(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr // of a socket
	}
	if loopback.Is(host) {
		host = "localhost"
	}
	return net.JoinHostPort(strings.ToLower(host), port)
}
