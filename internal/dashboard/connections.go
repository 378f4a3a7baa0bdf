package dashboard

import (
	"container/list"
	"context"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"pilotsync/internal/quota"
)

const (
	// maxConnections is how many connections an address has at a time, maxConnectionsEach how many
	// from one sender. They leave room beside all streams. A proxy counts as one sender.
	maxConnections     = 1000
	maxConnectionsEach = 600
	// refusalLogInterval limits the log lines about refused connections.
	refusalLogInterval = time.Minute
)

// boundedListener bounds how many connections there are at a time. Each takes memory before its
// request has a user. A further one takes the place of the oldest one without a request of a user.
// If there is none, it is closed at once.
type boundedListener struct {
	net.Listener
	connections *quota.Quota
	errs        *log.Logger
	logged      time.Time // of Accept alone

	mu      sync.Mutex
	waiting list.List // of *boundedConn without a request of a user, the longest wait first
}

func newBoundedListener(l net.Listener, errs *log.Logger) *boundedListener {
	return &boundedListener{Listener: l, connections: quota.New(maxConnections, maxConnectionsEach), errs: errs}
}

// Accept implements [net.Listener]. It is not for concurrent use.
func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		sender := clientAddress(conn.RemoteAddr().String())
		release, refusal := l.connections.Try(sender)
		for refusal != 0 && l.closeWaiting(sender, refusal) {
			release, refusal = l.connections.Try(sender)
		}
		if refusal == 0 {
			return &boundedConn{Conn: conn, sender: sender, release: sync.OnceFunc(release)}, nil
		}
		_ = conn.Close() // nothing was sent on it
		l.note(sender, refusal)
	}
}

// closeWaiting closes the connection that waits longest: of the sender if it has too many, otherwise
// of all. It reports whether there was one.
func (l *boundedListener) closeWaiting(sender string, refusal int) bool {
	l.mu.Lock()
	var longest *boundedConn
	for e := l.waiting.Front(); e != nil && longest == nil; e = e.Next() {
		c := e.Value.(*boundedConn) // the list has nothing else
		if refusal == http.StatusServiceUnavailable || c.sender == sender {
			longest = c
		}
	}
	l.mu.Unlock()
	if longest == nil {
		return false
	}
	l.setWaiting(longest, false)
	_ = longest.Close() // package http closes it again
	return true
}

// track is a server's ConnState.
func (l *boundedListener) track(conn net.Conn, state http.ConnState) {
	if c, ok := conn.(*boundedConn); ok && state != http.StateActive { // then it may still have no user
		l.setWaiting(c, state == http.StateNew || state == http.StateIdle)
	}
}

// keepKey is the key of a function in a request's context, for [keepConnection].
type keepKey struct{}

// withKeep is a server's ConnContext.
func (l *boundedListener) withKeep(ctx context.Context, conn net.Conn) context.Context {
	c, ok := conn.(*boundedConn)
	if !ok {
		return ctx
	}
	return context.WithValue(ctx, keepKey{}, func() { l.setWaiting(c, false) })
}

// keepConnection keeps a request's connection from being closed for others before the response.
func keepConnection(ctx context.Context) {
	if keep, ok := ctx.Value(keepKey{}).(func()); ok { // a test's request may have none
		keep()
	}
}

func (l *boundedListener) setWaiting(c *boundedConn, waits bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.place != nil {
		l.waiting.Remove(c.place)
		c.place = nil
	}
	if waits {
		c.place = l.waiting.PushBack(c)
	}
}

func (l *boundedListener) note(sender string, refusal int) {
	if time.Since(l.logged) < refusalLogInterval {
		return
	}
	l.logged = time.Now()
	if refusal == http.StatusTooManyRequests {
		l.errs.Printf("dashboard: %s has %d connections to %s, and gets no more", sender, maxConnectionsEach, l.Addr())
	} else {
		l.errs.Printf("dashboard: there are %d connections to %s, and %s gets none", maxConnections, l.Addr(), sender)
	}
}

// boundedConn gives its place back when it is closed.
type boundedConn struct {
	net.Conn
	sender  string
	release func()
	place   *list.Element // among those that wait; nil if it doesn't
}

// Close implements [net.Conn].
func (c *boundedConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}

// CloseWrite lets package http send a response to a request that it doesn't read to its end.
func (c *boundedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
