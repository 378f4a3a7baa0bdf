package certcheck

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/miekg/dns"
)

const (
	// queryTimeout limits one try of a query. At least queryTries are made, and one with
	// each of the system's resolvers.
	queryTimeout = 1200 * time.Millisecond
	queryTries   = 2
	// udpSize is the size of answers that no network fragments (DNS Flag Day 2020).
	udpSize = 1232
)

var errNoResolver = errors.New("this machine has no resolver")

// query asks the resolver one question, which package net can't: for another type, without
// following aliases, or for the details of a failure. With unchecked, the resolver leaves
// out DNSSEC's checks (the CD bit, RFC 4035). An error means that there was no answer.
func (c *Checker) query(ctx context.Context, name string, kind uint16, unchecked bool) (*dns.Msg, error) {
	servers, err := c.resolvers()
	if err != nil {
		return nil, err
	}
	question := new(dns.Msg).SetQuestion(dns.Fqdn(name), kind).SetEdns0(udpSize, false)
	question.CheckingDisabled = unchecked
	for try := 0; try < max(queryTries, len(servers)) && ctx.Err() == nil; try++ {
		server := servers[try%len(servers)]
		var reply *dns.Msg
		reply, err = exchange(ctx, "udp", server, question)
		if err == nil && reply.Truncated {
			reply, err = exchange(ctx, "tcp", server, question)
		}
		if err == nil {
			return reply, nil
		}
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return nil, err
}

// resolvers are the resolvers to ask, as host:port, the first one first.
func (c *Checker) resolvers() (servers []string, err error) {
	if c.cfg.DNS != "" {
		return []string{c.cfg.DNS}, nil
	}
	system, err := dns.ClientConfigFromFile("/etc/resolv.conf")
	if err != nil || len(system.Servers) == 0 {
		return nil, errNoResolver
	}
	for _, server := range system.Servers {
		servers = append(servers, net.JoinHostPort(server, system.Port))
	}
	return servers, nil
}

// exchange sends a question and reads its answer. It closes the connection when ctx ends, which
// package dns doesn't do.
func exchange(ctx context.Context, network, server string, question *dns.Msg) (*dns.Msg, error) {
	client := &dns.Client{Net: network, Timeout: queryTimeout}
	conn, err := client.DialContext(ctx, server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	reply, _, err := client.ExchangeWithConnContext(ctx, question, conn)
	return reply, err
}
