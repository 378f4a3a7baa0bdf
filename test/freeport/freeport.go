// Package freeport finds addresses on loopback for processes that are told theirs
// on the command line, and so can't let the system choose: servers that tests and
// benchmarks run. What is found does as well for an address where nobody is to be.
package freeport

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"syscall"
)

// The ports that are tried. They lie below those that systems give to who asks for
// any, outgoing connections above all (from 32768 on Linux, from 49152 elsewhere): one
// of those could take a port between our look and the process's start, or while the
// process is stopped for a while, and one on a busy machine does.
const (
	first = 10000
	last  = 32767
	tries = 100
)

// Addr returns a 127.0.0.1:PORT on which nobody listens, for TCP. Another process
// can still choose the same; so who starts a server should try again with another.
func Addr() (string, error) {
	for range tries {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(first+rand.IntN(last-first+1)))
		l, err := net.Listen("tcp", addr)
		switch {
		case errors.Is(err, syscall.EADDRINUSE):
			continue
		case err != nil:
			return "", fmt.Errorf("look whether %s is free: %w", addr, err)
		}
		if err := l.Close(); err != nil {
			return "", fmt.Errorf("let go of %s: %w", addr, err)
		}
		return addr, nil
	}
	return "", fmt.Errorf("none of %d ports from %d to %d is free", tries, first, last)
}
