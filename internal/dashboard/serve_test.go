package dashboard

import (
	"bufio"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// startServing runs Serve with h until the test ends or stop is called. It returns the
// server's URL and a client.
func startServing(t *testing.T, h http.Handler) (url string, client *http.Client, stop func() error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, listener, h, log.New(io.Discard, "", 0)) }()
	client = &http.Client{Transport: &http.Transport{}}
	stopped := false
	stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-ended
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
		client.CloseIdleConnections()
	})
	return "http://" + listener.Addr().String(), client, stop
}

func TestServeEndsWithItsContext(t *testing.T) {
	t.Parallel()
	url, client, stop := startServing(t, newTestDashboard(t, nil).Handler())
	resp, err := client.Get(url + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("status %s", resp.Status)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestServedAtRecognisesOnlyAPilotsync(t *testing.T) {
	t.Parallel()
	addr := func(h http.Handler) string {
		url, _, _ := startServing(t, h)
		return strings.TrimPrefix(url, "http://")
	}
	users, err := ParseUsers([]byte("ada:" + hashOf(t, "password") + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	pilotsync := addr(newTestDashboard(t, nil).Handler())
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for _, test := range []struct {
		name, addr string
		want       bool
	}{
		{"without a login", pilotsync, true},
		{"with a login, and health elsewhere", addr(newTestDashboard(t, func(cfg *Config) { cfg.Users, cfg.HealthApart = users, true }).Handler()), true},
		{"another program", addr(http.NotFoundHandler()), false},
		{"a redirect to a pilotsync", addr(http.RedirectHandler("http://"+pilotsync+"/healthz", http.StatusFound)), false},
		{"nothing", closed.Addr().String(), false},
	} {
		if got := ServedAt(t.Context(), test.addr); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

func TestServeReturnsTheListenersError(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	err = Serve(t.Context(), listener, http.NotFoundHandler(), log.New(io.Discard, "", 0))
	if err == nil || !strings.Contains(err.Error(), listener.Addr().String()) {
		t.Errorf("error is %v; want one with the address", err)
	}
}

// dial opens a connection to a server from one of the machine's loopback addresses.
func dial(t *testing.T, url string, from net.IP) net.Conn {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: from}}
	conn, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestASendersConnectionsLeaveSomeToOthers(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	busy := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		keepConnection(r.Context())
		arrived <- struct{}{}
		<-r.Context().Done()
	})
	mux := http.NewServeMux()
	mux.Handle("/busy", busy)
	mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) {})
	// Without the time limits of Serve, in which a busy machine may not open so many connections.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	bounded := newBoundedListener(listener, log.New(io.Discard, "", 0))
	server := &http.Server{Handler: mux, ConnState: bounded.track, ConnContext: bounded.withKeep}
	done := make(chan error, 1)
	go func() { done <- server.Serve(bounded) }()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	url := "http://" + listener.Addr().String()
	ask := func(path, from string) net.Conn {
		conn := dial(t, url, net.ParseIP(from))
		_, _ = io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
		return conn
	}
	answer := func(conn net.Conn) string {
		response, _ := io.ReadAll(conn) // an error means that the server closed it
		return string(response)
	}
	for range maxConnectionsEach {
		ask("/busy", "127.0.0.1")
		<-arrived
	}
	if got := answer(ask("/", "127.0.0.1")); got != "" {
		t.Errorf("connection %d of a sender is answered %q", maxConnectionsEach+1, got)
	}
	if got := answer(ask("/", "127.0.0.2")); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		t.Errorf("another sender is answered %q", got)
	}
	for range maxConnections - maxConnectionsEach {
		ask("/busy", "127.0.0.2")
		<-arrived
	}
	if got := answer(ask("/", "127.0.0.3")); got != "" {
		t.Errorf("connection %d is answered %q", maxConnections+1, got)
	}
}

// Two senders with idle connections or requests without an end kept all others out.
func TestOnlyRequestsOfUsersKeepOthersOut(t *testing.T) {
	t.Parallel()
	users, err := ParseUsers([]byte("ada:" + hashOf(t, "password") + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, sent := range map[string]string{
		"nothing": "", "part of a header": "GET / HTTP/1.1\r\n",
		"a body without an end": "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n",
		"an earlier request":    "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			url, client, _ := startServing(t, newTestDashboard(t, func(c *Config) { c.Users = users }).Handler())
			for i := range maxConnections {
				conn := dial(t, url, net.IPv4(127, 0, 0, byte(2+i%2)))
				_, _ = io.WriteString(conn, sent)
			}
			for range 2 {
				resp, err := client.Get(url + "/healthz")
				if err != nil {
					t.Fatal(err)
				}
				_ = resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					t.Errorf("the sender of another request is answered %s", resp.Status)
				}
				client.CloseIdleConnections()
			}
		})
	}
}

func TestAHeadersSizeIsBounded(t *testing.T) {
	t.Parallel()
	url, client, _ := startServing(t, newTestDashboard(t, nil).Handler())
	for size, want := range map[int]int{maxHeader - 1<<10: http.StatusOK, maxHeader + 8<<10: http.StatusRequestHeaderFieldsTooLarge} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/healthz", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Filler", strings.Repeat("x", size))
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("a header of %d bytes is answered %s, want %d", size, resp.Status, want)
		}
	}
}

// stream writes a line, and then waits for the end of its request.
func stream(ended chan<- struct{}) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		_, _ = io.WriteString(w, "first\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
}

func TestTheStreamEndsWhenTheServerStops(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	site := newTestDashboard(t, nil)
	url, client, stop := startServing(t, site.recoverPanics(securityHeaders(allowLongStream(stream(ended)))))
	resp, err := client.Get(url + livePath)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	if line, err := lines.ReadString('\n'); err != nil || line != "first\n" {
		t.Fatalf("read %q, %v", line, err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	// After its limit the server would cut the connection.
	if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
		t.Errorf("the stream ends with %q, %v", rest, err)
	}
	<-ended
}

// deadlineRecorder records the deadlines that are set.
type deadlineRecorder struct {
	http.ResponseWriter
	read, write []time.Time
}

func (d *deadlineRecorder) SetReadDeadline(t time.Time) error { d.read = append(d.read, t); return nil }
func (d *deadlineRecorder) SetWriteDeadline(t time.Time) error {
	d.write = append(d.write, t)
	return nil
}

func TestOnlyTheStreamHasNoTimeLimits(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]int{livePath: 1, "/": 0, "/live/other": 0} {
		d := &deadlineRecorder{}
		site := newTestDashboard(t, nil)
		h := site.recoverPanics(allowLongStream(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
		sendRequest(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			d.ResponseWriter = w
			h.ServeHTTP(d, r)
		}), "GET", path, nil)
		if len(d.read) != want || len(d.write) != want || want == 1 && (!d.read[0].IsZero() || !d.write[0].IsZero()) {
			t.Errorf("%s: read deadlines %v, write deadlines %v", path, d.read, d.write)
		}
	}
}
