package dashboard

import (
	"log"
	"net"
	"net/http"
	"sync"
	"time"
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
// request has a user. Further connections are closed at once.
type boundedListener struct {
	net.Listener
	connections *quota
	errs        *log.Logger
	logged      time.Time // of Accept alone
}

func newBoundedListener(l net.Listener, errs *log.Logger) *boundedListener {
	return &boundedListener{Listener: l, connections: newQuota(maxConnections, maxConnectionsEach), errs: errs}
}

// Accept implements [net.Listener]. It is not for concurrent use.
func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		sender := clientAddress(conn.RemoteAddr().String())
		release, refusal := l.connections.try(sender)
		if refusal == 0 {
			return &boundedConn{Conn: conn, release: sync.OnceFunc(release)}, nil
		}
		_ = conn.Close() // nothing was sent on it
		l.note(sender, refusal)
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
	release func()
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
