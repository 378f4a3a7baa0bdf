//go:build adversary

package adversary

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"pilotsync/internal/simulator"
	"pilotsync/test/harness"
)

// login tries a password from one of the machine's loopback addresses, and returns the status.
func (s *served) login(sender net.IP, user, password string) (int, error) {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: sender}}
	client := &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.page+"/", nil)
	if err != nil {
		return 0, err
	}
	req.SetBasicAuth(user, password)
	res, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode, res.Body.Close()
}

func TestInventedNamesDoNotResetAUsersWrongPasswords(t *testing.T) {
	t.Parallel()
	f := newFixture(t, simulator.Options{})
	f.worker()
	web := f.web(harness.UserFile)
	const tries, interval = 10, 10 * time.Second // of a user
	sender := func(n int) net.IP { return net.IPv4(127, byte(1+n>>16), byte(n>>8), byte(n)) }
	begin := time.Now()
	for i := range tries {
		if status, err := web.login(sender(i), "viewer", "wrong"); status != 401 {
			t.Fatalf("try %d is answered %d, %v", i, status, err)
		}
	}
	var flood errgroup.Group
	flood.SetLimit(32)
	var counted atomic.Int64
	for i := range 9000 { // from 900 senders
		flood.Go(func() error {
			status, err := web.login(sender(1000+i/tries), fmt.Sprint("invented", i), "wrong")
			if status == 401 {
				counted.Add(1)
			}
			return err
		})
	}
	if err := flood.Wait(); err != nil {
		t.Fatal(err)
	}
	if n := counted.Load(); n < 8500 {
		t.Fatalf("only %d tries were counted: the test tests nothing", n)
	}
	took := 0
	for i := range 2 * tries {
		status, err := web.login(sender(5000+i), "viewer", "wrong")
		if err != nil {
			t.Fatal(err)
		}
		if status == 401 {
			took++
		}
	}
	if most := int(time.Since(begin)/interval) + 1; took > most {
		t.Errorf("%d more tries were allowed after %s, want %d at most", took, time.Since(begin), most)
	}
	f.requireService()
}

func TestAReboundNameReadsNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t, simulator.Options{})
	page := f.address()
	worker := f.worker("PILOTSYNC_LISTEN=" + page)
	get := func(address, path, host string) (int, string) {
		s := &served{t: t, page: address}
		return s.ask(t.Context(), "viewer", http.MethodGet, path, func(r *http.Request) { r.Host = host })
	}
	for address, paths := range map[string][]string{worker.health: {"/metrics", "/healthz", "/readyz"}, "http://" + page: {"/", "/domains", "/live", "/asynqmon/api/queues"}} {
		for _, path := range paths {
			if status, body := get(address, path, "rebound.example.com"); status != 403 || strings.Contains(body, "app1") || strings.Contains(body, "pilotsync_") {
				t.Errorf("%s%s under a foreign name is answered %d %.200s", address, path, status, body)
			}
		}
	}
	if status, body := get(worker.health, "/metrics", "localhost"); status != 200 || !strings.Contains(body, "pilotsync_") {
		t.Errorf("under localhost the metrics are answered %d %.200s", status, body)
	}
	f.requireService()
}

// 300 headers of 1 MB ended a worker, since each is in memory before a password is checked.
func TestConnectionsOfStrangersFillNoMemory(t *testing.T) {
	t.Parallel()
	f := newFixture(t, simulator.Options{})
	page := f.address()
	worker := f.worker("PILOTSYNC_LISTEN="+page, "PILOTSYNC_AUTH="+harness.KeyFile(t, 0o700, 0o600, harness.UserFile))
	worker.page = "http://" + page
	const senders, each, size = 4, 600, 1 << 20
	header := "X-Filler: " + strings.Repeat("x", 4<<10) + "\r\n"
	var flood errgroup.Group
	for i := range senders * each {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1, 1, byte(1+i%senders))}}
		conn, err := dialer.DialContext(t.Context(), "tcp", page)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		flood.Go(func() error {
			// An error means that the dashboard closed it.
			_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n")
			for sent := 0; sent < size && err == nil; sent += len(header) {
				_, err = io.WriteString(conn, header)
			}
			return nil
		})
	}
	_ = flood.Wait()
	harness.AwaitTrue(t, "the dashboard answers again", func() bool {
		status, _ := worker.ask(t.Context(), "viewer", "GET", "/", nil)
		return status == 200
	})
	f.requireService()
}
