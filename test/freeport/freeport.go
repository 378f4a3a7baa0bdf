// Package freeport finds loopback addresses for servers of tests and benchmarks that get theirs on
// the command line, so that the system can't choose. Such an address also serves where no server
// must answer.
package freeport

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"syscall"
)

// The ports that are tried. They are below the ephemeral ports (from 32768 on Linux, from 49152
// elsewhere). An outgoing connection could take one of those before the process starts, or while
// it is stopped.
const (
	first = 10000
	last  = 32767
	tries = 100
)

// Addr returns a 127.0.0.1:PORT on which no process listens, for TCP. Another process can still
// take it, so the caller should try again with another address if its server can't start.
func Addr() (string, error) {
	for range tries {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(first+rand.IntN(last-first+1)))
		l, err := net.Listen("tcp", addr)
		switch {
		case errors.Is(err, syscall.EADDRINUSE):
			continue
		case err != nil:
			return "", fmt.Errorf("check whether %s is free: %w", addr, err)
		}
		if err := l.Close(); err != nil {
			return "", fmt.Errorf("close %s: %w", addr, err)
		}
		return addr, nil
	}
	return "", fmt.Errorf("none of %d ports from %d to %d is free", tries, first, last)
}
