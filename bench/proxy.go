package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// proxy forwards TCP connections and counts them.
type proxy struct {
	addr string

	listener net.Listener
	target   string
	quiet    time.Duration // silence of a caller that ends a turn; 0 for no turns
	latency  time.Duration // before each connection to the target
	running  sync.WaitGroup

	mu      sync.Mutex
	open    map[net.Conn]bool // each of the callers' connections
	waiting int               // for the target
	most    int               // that waited at once
	arrived []time.Time
	turns   int
}

// newProxy starts a proxy for target. If quiet isn't 0, a caller's bytes are held until none has
// come for that long, and then forwarded as one turn. A caller that waits for an answer is quiet,
// so turns are round trips. latency delays each connection, as to a target on another machine.
func newProxy(target string, quiet, latency time.Duration) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start a proxy: %w", err)
	}
	p := &proxy{addr: l.Addr().String(), listener: l, target: target, quiet: quiet, latency: latency, open: map[net.Conn]bool{}}
	p.running.Go(p.accept)
	return p, nil
}

// roundTrips is the number of round trips so far.
func (p *proxy) roundTrips() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.turns
}

// connections are the times of all connections, and the most that waited for the target at once.
// Only those are certain to be in use: a closed one stays open until the proxy notices.
func (p *proxy) connections() (arrived []time.Time, most int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]time.Time(nil), p.arrived...), p.most
}

// close ends all connections and waits for that.
func (p *proxy) close() {
	_ = p.listener.Close()
	p.mu.Lock()
	for conn := range p.open {
		_ = conn.Close()
	}
	p.mu.Unlock()
	p.running.Wait()
}

func (p *proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		p.mu.Lock()
		p.open[conn] = true
		p.arrived = append(p.arrived, time.Now())
		p.mu.Unlock()
		p.running.Go(func() { p.forward(conn) })
	}
}

// forward forwards bytes until either side closes.
func (p *proxy) forward(conn net.Conn) {
	defer func() {
		_ = conn.Close()
		p.mu.Lock()
		delete(p.open, conn)
		p.mu.Unlock()
	}()
	p.delay()
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return // the caller sees its connection end
	}
	defer server.Close()
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(conn, server) // either side may end
		_ = conn.Close()
	})
	if p.quiet == 0 {
		_, _ = io.Copy(server, conn)
	} else {
		p.inTurns(conn, server)
	}
	_ = server.Close()
	back.Wait()
}

// delay waits for the latency, and counts the connections that wait at once.
func (p *proxy) delay() {
	add := func(n int) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.waiting += n
		p.most = max(p.most, p.waiting)
	}
	add(1)
	defer add(-1)
	time.Sleep(p.latency)
}

// inTurns forwards the caller's bytes turn by turn.
func (p *proxy) inTurns(conn, server net.Conn) {
	var held []byte
	buffer := make([]byte, 64<<10)
	for {
		var limit time.Time
		if len(held) > 0 {
			limit = time.Now().Add(p.quiet)
		}
		_ = conn.SetReadDeadline(limit) // fails only if it is closed, which the read reports
		n, err := conn.Read(buffer)
		held = append(held, buffer[:n]...)
		var timeout net.Error
		switch {
		case err == nil:
			continue
		case !errors.As(err, &timeout) || !timeout.Timeout():
			_, _ = server.Write(held) // a close, which has no answer: no turn
			return
		}
		p.mu.Lock()
		p.turns++
		p.mu.Unlock()
		if _, err := server.Write(held); err != nil {
			return
		}
		held = nil
	}
}
