//go:build linux

package main

import (
	"context"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// vanishingHost forwards connections to Redis until its host vanishes. From then on nothing
// answers, not even a connection attempt.
type vanishingHost struct {
	t        *testing.T
	listener *net.TCPListener
	mu       sync.Mutex
	conns    []net.Conn
	vanished bool
}

func newVanishingHost(t *testing.T, redis string) *vanishingHost {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &vanishingHost{t: t, listener: l.(*net.TCPListener)}
	t.Cleanup(func() {
		_ = l.Close()
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, c := range h.conns {
			_ = c.Close()
		}
	})
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", redis)
			if err != nil {
				_ = in.Close()
				continue
			}
			h.mu.Lock()
			h.conns = append(h.conns, in, out)
			h.mu.Unlock()
			go h.forward(in, out)
			go h.forward(out, in)
		}
	}()
	return h
}

func (h *vanishingHost) forward(from, to net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		h.mu.Lock()
		vanished := h.vanished
		h.mu.Unlock()
		if vanished {
			return // both connections stay open
		}
		if _, writeErr := to.Write(buf[:n]); err != nil || writeErr != nil {
			_, _ = from.Close(), to.Close()
			return
		}
	}
}

// vanish stops the forwarding, and fills the listener's accept queue. Linux then drops further
// attempts, which wait for their time limits.
func (h *vanishingHost) vanish() {
	h.t.Helper()
	h.mu.Lock()
	h.vanished = true
	h.mu.Unlock()
	addr := h.listener.Addr().(*net.TCPAddr)
	_ = h.listener.Close()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		h.t.Fatal(err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Port: addr.Port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		h.t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		h.t.Fatal(err)
	}
	for { // until one isn't accepted
		limited, cancel := context.WithTimeout(h.t.Context(), time.Second)
		c, err := (&net.Dialer{}).DialContext(limited, "tcp4", addr.String())
		cancel()
		if err != nil {
			return
		}
		h.t.Cleanup(func() { _ = c.Close() })
	}
}

// asynq's loops end one after the other, and each may wait for several dials. Without a limit of
// its own the worker would take minutes.
func TestAWorkerStopsInTimeThoughTheHostOfRedisHasVanished(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	host := newVanishingHost(t, f.redis.Addr)
	f.env = append(f.env, "REDIS_URL=redis://"+host.listener.Addr().String()+"/0")
	w := f.start("worker")
	poll(t, "the worker is ready", func() (bool, error) { return strings.Contains(w.Written(), "is ready"), nil })
	host.vanish()
	code := w.Terminate()
	if code != 0 || !strings.Contains(w.Written(), "stopped without an answer from Redis") {
		t.Errorf("exit code %d:\n%s", code, w.Written())
	}
}
