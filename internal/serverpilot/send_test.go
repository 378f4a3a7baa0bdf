package serverpilot

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// jumpingClock is the real clock until it jumps far ahead, like the clock of a process that was
// stopped.
type jumpingClock struct{ jumped atomic.Bool }

func (c *jumpingClock) now() time.Time {
	if c.jumped.Load() {
		return time.Now().Add(time.Hour)
	}
	return time.Now()
}

func wantTooLate(t *testing.T, s *api, err error) {
	t.Helper()
	if e := AsError(err); e == nil || e.Kind != Retry || !errors.Is(err, ErrTooLate) {
		t.Errorf("error %v, want Retry and ErrTooLate", err)
	}
	if n := s.seen.Load(); n != 0 {
		t.Errorf("the server saw %d requests", n)
	}
}

func TestAWriteAfterItsDeadlineIsNotSent(t *testing.T) {
	t.Parallel()
	s := startAPI(t, answers(200, goodApp))
	c := s.client(t)
	c.dial = func(context.Context, string, string) (net.Conn, error) {
		t.Error("it even connects")
		return nil, errors.New("no")
	}
	for _, notAfter := range []time.Time{{}, time.Now(), time.Now().Add(-time.Hour), time.Now().Add(-time.Nanosecond).Round(0)} {
		_, err := c.SetDomains(t.Context(), "app1", nil, notAfter)
		wantTooLate(t, s, err)
	}
}

func TestAWriteStalledBeforeTheSendIsNotSent(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T, http.HandlerFunc) *api{"http": startAPI, "https": startTLSAPI} {
		for step, trace := range map[string]func(stall func()) *httptrace.ClientTrace{
			"before it connects": func(stall func()) *httptrace.ClientTrace {
				return &httptrace.ClientTrace{GetConn: func(string) { stall() }}
			},
			"once connected": func(stall func()) *httptrace.ClientTrace {
				return &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { stall() }}
			},
			"with the request in the buffer": func(stall func()) *httptrace.ClientTrace {
				return &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { stall() }}
			},
		} {
			t.Run(name+" "+step, func(t *testing.T) {
				t.Parallel()
				s := start(t, answers(200, goodApp))
				c := s.client(t)
				var clock jumpingClock
				c.now = clock.now
				ctx := httptrace.WithClientTrace(t.Context(), trace(func() { clock.jumped.Store(true) }))
				_, err := c.SetDomains(ctx, "app1", nil, soon())
				wantTooLate(t, s, err)
				if !clock.jumped.Load() {
					t.Error("the stall never happened")
				}
			})
		}
	}
}

func TestTheGuardChecksBothClocks(t *testing.T) {
	t.Parallel()
	now := time.Now()
	before, after := now.Add(-time.Second), now.Add(time.Second)
	for name, tc := range map[string]struct {
		monotonic, wall time.Time
		late            bool
	}{
		"in time by both": {after, after.Round(0), false},
		"late by the monotonic clock, wall set back": {before, after.Round(0), true},
		"late by the wall clock, machine suspended":  {after, before.Round(0), true},
		"at the very moment":                         {now, now.Round(0), true},
	} {
		g := &guard{now: func() time.Time { return now }, monotonic: tc.monotonic, wall: tc.wall}
		if g.late() != tc.late {
			t.Errorf("%s: late %v, want %v", name, g.late(), tc.late)
		}
	}
}

func TestNothingLeavesASealedGuard(t *testing.T) {
	t.Parallel()
	client, server := net.Pipe()
	defer func() { _, _ = client.Close(), server.Close() }()
	_ = client.SetDeadline(time.Now().Add(time.Minute)) // a write that gets through would hang, since nothing reads
	g := newGuard(time.Now, soon())
	conn := &guardedConn{Conn: client, guard: g}
	g.requestStarts()
	if g.seal() {
		t.Error("bytes may have been sent, though none were written")
	}
	if _, err := conn.Write([]byte("late")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("write: %v, want net.ErrClosed", err)
	}
}

// watchedConn is what the guard writes to; it calls before and after each write.
type watchedConn struct {
	net.Conn
	before, after func()
}

func (c *watchedConn) Write(p []byte) (int, error) {
	c.before()
	defer c.after()
	return c.Conn.Write(p)
}

func watch(c *Client, before, after func()) {
	dial := c.dial
	c.dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &watchedConn{conn, before, after}, nil
	}
}

func longList() []string {
	label := strings.Repeat("a", 60)
	var list []string
	for i := range 300 {
		list = append(list, fmt.Sprintf("n%d.%s.%s.%s.example.com", i, label, label, label))
	}
	return list
}

func TestALongListLeavesInOneWrite(t *testing.T) {
	t.Parallel()
	s := startAPI(t, answers(200, goodApp))
	c := s.client(t)
	var writes atomic.Int32
	watch(c, func() { writes.Add(1) }, func() {}) // before: the answer can overtake the return
	if _, err := c.SetDomains(t.Context(), "app1", longList(), soon()); err != nil {
		t.Fatal(err)
	}
	if n := writes.Load(); n != 1 {
		t.Errorf("%d writes, want 1", n)
	}
}

func TestAWriteStalledHalfwayIsUnknown(t *testing.T) {
	t.Parallel()
	s := startTLSAPI(t, answers(200, goodApp))
	c := s.client(t)
	var clock jumpingClock
	c.now = clock.now
	var started atomic.Bool
	watch(c, func() {}, func() {
		if started.Load() { // the first of several TLS records has left
			clock.jumped.Store(true)
		}
	})
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		WroteRequest: func(httptrace.WroteRequestInfo) { started.Store(true) },
	})
	_, err := c.SetDomains(ctx, "app1", longList(), soon())
	if e := AsError(err); e == nil || e.Kind != WriteUnknown || errors.Is(err, ErrTooLate) {
		t.Errorf("error %v, want Unknown and not ErrTooLate: a part was sent", err)
	}
}

func TestEachWriteHasItsOwnConnectionAndReadsShareOne(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T, http.HandlerFunc) *api{"http": startAPI, "https": startTLSAPI} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			peers := map[string]map[string]bool{http.MethodGet: {}, http.MethodPost: {}}
			s := start(t, func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				peers[r.Method][r.RemoteAddr] = true
				mu.Unlock()
				if r.ProtoMajor != 1 || r.Close != (r.Method == http.MethodPost) {
					t.Errorf("%s: %s, close %v", r.Method, r.Proto, r.Close)
				}
				answers(200, goodApp)(w, r)
			})
			c := s.client(t)
			for range 3 {
				if _, err := c.App(t.Context(), "app1"); err != nil {
					t.Fatal(err)
				}
				if _, err := c.SetDomains(t.Context(), "app1", nil, soon()); err != nil {
					t.Fatal(err)
				}
			}
			if len(peers[http.MethodGet]) != 1 || len(peers[http.MethodPost]) != 3 {
				t.Errorf("3 reads over %d connections, 3 writes over %d", len(peers[http.MethodGet]), len(peers[http.MethodPost]))
			}
		})
	}
}

func TestDroppedConnections(t *testing.T) {
	t.Parallel()
	cutOff := raw("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + goodApp[:50])

	for name, tc := range map[string]struct {
		client   func(*testing.T) *Client
		write    Kind
		sentinel error
	}{
		"no listener": {func(t *testing.T) *Client {
			s := startAPI(t, hang)
			s.Close()
			return testClientOf(t, s.URL)
		}, Retry, nil},
		"the certificate isn't trusted": {func(t *testing.T) *Client {
			s := startTLSAPI(t, hang)
			c := s.client(t)
			c.tls, c.reads.TLSClientConfig = &tls.Config{}, &tls.Config{}
			return c
		}, Retry, nil},
		"the other side doesn't speak TLS": {func(t *testing.T) *Client {
			return testClientOf(t, strings.Replace(startAPI(t, hang).URL, "http:", "https:", 1))
		}, Retry, nil},
		"the handshake hangs": {func(t *testing.T) *Client {
			return testClientOf(t, "https://"+silent(t))
		}, Retry, ErrTooLate},
		"dropped once the request is there": {func(t *testing.T) *Client {
			return startAPI(t, raw("")).client(t)
		}, WriteUnknown, nil},
		"dropped once the request is there, over TLS": {func(t *testing.T) *Client {
			return startTLSAPI(t, raw("")).client(t)
		}, WriteUnknown, nil},
		"dropped within the answer": {func(t *testing.T) *Client {
			return startAPI(t, cutOff).client(t)
		}, WriteUnknown, nil},
		"no answer": {func(t *testing.T) *Client {
			return startAPI(t, hang).client(t)
		}, WriteUnknown, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// Calls that hang must end by the limit; the others end without it, even on a busy
			// machine.
			limit := time.Minute
			if tc.sentinel != nil {
				limit = 2 * time.Second
			}
			c := tc.client(t)
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			_, err := c.App(ctx, "app1")
			if e := AsError(err); e == nil || e.Kind != Retry {
				t.Errorf("read: %v, want Retry", err)
			}
			for range 3 { // a busy machine may make one of them late
				began := time.Now()
				_, err = c.SetDomains(t.Context(), "app1", nil, began.Add(limit))
				if e := AsError(err); e == nil || e.Kind != tc.write {
					t.Errorf("write: %v, want %v", err, tc.write)
				}
				if tc.sentinel != nil && !errors.Is(err, tc.sentinel) {
					t.Errorf("write: %v, want %v", err, tc.sentinel)
				}
				// notAfter must end it; the other limit is ten times as long.
				if tc.sentinel == nil || time.Since(began) < CallTimeout {
					return
				}
			}
			t.Errorf("a write doesn't end at notAfter, %v from its start", limit)
		})
	}
}

// silent accepts connections and sends nothing; it returns its address.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		var conns []net.Conn
		for {
			conn, err := l.Accept()
			if err != nil {
				break
			}
			conns = append(conns, conn)
		}
		for _, conn := range conns {
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String()
}
