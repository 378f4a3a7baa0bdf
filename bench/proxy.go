package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// proxy forwards TCP connections and counts them. Before Redis, it also counts commands.
type proxy struct {
	proxyOptions
	addr string

	listener net.Listener
	running  sync.WaitGroup

	mu      sync.Mutex
	open    map[net.Conn]bool // each of the callers' connections
	waiting int               // for the target
	most    int               // that waited at once
	arrived []time.Time
	turns   int
	seen    traffic
}

// proxyOptions are what a proxy does besides forwarding.
type proxyOptions struct {
	target string
	// If quiet isn't 0, a caller's bytes are held until none has come for that long, and then
	// forwarded as one turn. A caller that waits for an answer is quiet, so turns are round trips.
	quiet time.Duration
	// connectDelay delays each connection, as to a target on another machine.
	connectDelay time.Duration
	// latency is how long each answer takes to come back: the time of a round trip.
	latency time.Duration
	// redis: the target is a Redis, whose commands are counted.
	redis bool
}

// traffic is what went through a proxy before Redis.
type traffic struct {
	commands int   // that callers sent; those that scripts call aren't seen
	trips    int   // commands sent while no other command of their connection waited for an answer
	read     int64 // bytes of the answers
}

// since is the traffic after an earlier one.
func (t traffic) since(before traffic) traffic {
	return traffic{t.commands - before.commands, t.trips - before.trips, t.read - before.read}
}

// newProxy starts a proxy.
func newProxy(opt proxyOptions) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start a proxy: %w", err)
	}
	p := &proxy{proxyOptions: opt, addr: l.Addr().String(), listener: l, open: map[net.Conn]bool{}}
	p.running.Go(p.accept)
	return p, nil
}

// traffic is what went through so far.
func (p *proxy) traffic() traffic {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen
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
	p.delayConnection()
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return // the caller sees its connection end
	}
	defer server.Close()
	sent, answers := p.counters()
	var back sync.WaitGroup
	back.Go(func() {
		p.answer(conn, io.TeeReader(server, answers))
		_ = conn.Close()
	})
	if p.quiet == 0 {
		_, _ = io.Copy(server, io.TeeReader(conn, sent)) // either side may end
	} else {
		p.forwardTurns(conn, server)
	}
	_ = server.Close()
	back.Wait()
}

// counters count what the two sides of a connection to Redis send.
func (p *proxy) counters() (sent, answers io.Writer) {
	if !p.redis {
		return io.Discard, io.Discard
	}
	unanswered := 0
	return &respCounter{whole: func(bool) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.seen.commands++
			if unanswered == 0 {
				p.seen.trips++
			}
			unanswered++
		}}, &respCounter{whole: func(pushed bool) {
			p.mu.Lock()
			defer p.mu.Unlock()
			if !pushed {
				unanswered--
			}
		}}
}

// answer forwards the target's bytes, each after the way back.
func (p *proxy) answer(conn io.Writer, server io.Reader) {
	type chunk struct {
		due   time.Time
		bytes []byte
	}
	onTheWay := make(chan chunk, 1000)
	var writing sync.WaitGroup
	writing.Go(func() {
		for c := range onTheWay {
			time.Sleep(time.Until(c.due))
			_, _ = conn.Write(c.bytes) // the caller may have gone
		}
	})
	for buffer := make([]byte, 64<<10); ; {
		n, err := server.Read(buffer)
		p.mu.Lock()
		p.seen.read += int64(n)
		p.mu.Unlock()
		if n > 0 {
			onTheWay <- chunk{time.Now().Add(p.latency), bytes.Clone(buffer[:n])}
		}
		if err != nil {
			break
		}
	}
	close(onTheWay)
	writing.Wait()
}

// delayConnection waits as long as a connection to the target takes.
func (p *proxy) delayConnection() {
	add := func(n int) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.waiting += n
		p.most = max(p.most, p.waiting)
	}
	add(1)
	defer add(-1)
	time.Sleep(p.connectDelay)
}

// forwardTurns forwards the caller's bytes turn by turn.
func (p *proxy) forwardTurns(conn, server net.Conn) {
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
