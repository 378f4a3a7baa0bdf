//go:build adversary

package adversary

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"pilotsync/internal/simulator"
	"pilotsync/test/harness"
)

// ask sends a request to the dashboard as one of harness.UserFile's users, and returns the status
// and the beginning of the body. change may change the request.
func (s *served) ask(ctx context.Context, user, method, path string, change func(*http.Request)) (int, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, s.page+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.SetBasicAuth(user, "password")
	req.Close = true
	if change != nil {
		change(req)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return res.StatusCode, string(body)
}

// The memory limit ends a dashboard that loads what a viewer asks for.
func TestAViewerCannotHaveAsynqmonLoadEverything(t *testing.T) {
	t.Parallel()
	f := newFixture(t, simulator.Options{})
	f.worker()
	web := f.web(harness.UserFile)
	const large, n = 900_000, 300
	for i := range n {
		id := fmt.Sprintf("large%03d", i)
		msg := harness.Message("large", id, "lists", make([]byte, large), nil)
		pipe := f.admin.Pipeline()
		pipe.HSet(t.Context(), "asynq:{lists}:t:"+id, "msg", msg, "state", "archived")
		pipe.Do(t.Context(), "ZADD", "asynq:{lists}:archived", time.Now().Unix(), id)
		if _, err := pipe.Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	const list = "/asynqmon/api/queues/lists/archived_tasks"
	var all sync.WaitGroup
	for range 20 { // at a time
		all.Go(func() {
			for query, want := range map[string]int{"?size=1000": 400, "?size=-1": 400, "?size=100": 422, "": 422} {
				if status, body := web.ask(t.Context(), "viewer", "GET", list+query, nil); status != want && status != 429 && status != 503 {
					t.Errorf("%s is answered %d %.200s, want %d", query, status, body, want)
				}
			}
			for page := range 5 {
				if status, body := web.ask(t.Context(), "viewer", "GET", fmt.Sprintf("%s?size=4&page=%d", list, page+1), nil); status != 200 && status != 429 && status != 503 {
					t.Errorf("four tasks are answered %d %.200s", status, body)
				}
			}
		})
	}
	all.Wait()
	if status, body := web.ask(t.Context(), "viewer", "GET", "/asynqmon/api/redis_info", nil); status != 403 || strings.Contains(body, "redis_version") {
		t.Errorf("a viewer's INFO is answered %d %.200s", status, body)
	}
	if status, _ := web.ask(t.Context(), "viewer", "GET", "/", nil); status != 200 {
		t.Errorf("then the dashboard answers %d", status)
	}
	f.requireService()
}

func TestAViewerCannotHoldAllLiveStreams(t *testing.T) {
	t.Parallel()
	f := newFixture(t, simulator.Options{})
	f.worker()
	const others = 4
	users := harness.UserFile
	viewer, _, _ := strings.Cut(strings.TrimPrefix(users, "viewer"), "\n")
	for i := range others {
		users += fmt.Sprintf("viewer%d%s\n", i, viewer)
	}
	web := f.web(users)
	// The body of a stream has no end, so only its header is read.
	stream := func(ctx context.Context, user string) int {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, web.page+"/live", nil)
		if err != nil {
			t.Error(err)
			return 0
		}
		req.SetBasicAuth(user, "password")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Error(err)
			return 0
		}
		if res.StatusCode != http.StatusOK {
			res.Body.Close()
		} else {
			context.AfterFunc(ctx, func() { res.Body.Close() })
		}
		return res.StatusCode
	}
	ctx, closeAll := context.WithCancel(t.Context())
	statuses := map[int]int{}
	for range 5000 {
		statuses[stream(ctx, "viewer")]++
	}
	if want := map[int]int{200: 100, 429: 4900}; !maps.Equal(statuses, want) {
		t.Errorf("5,000 streams are answered %v, want %v", statuses, want)
	}
	if status := stream(ctx, "actor"); status != 200 {
		t.Errorf("another user's stream is answered %d", status)
	}
	clear(statuses)
	for i := range others {
		for range 101 {
			statuses[stream(ctx, fmt.Sprint("viewer", i))]++
		}
	}
	if want := map[int]int{200: 500 - 101, 429: others - 1, 503: 2}; !maps.Equal(statuses, want) {
		t.Errorf("the streams of %d others are answered %v, want %v: 500 in all", others, statuses, want)
	}
	if status, _ := web.ask(t.Context(), "viewer", "GET", "/", nil); status != 200 {
		t.Errorf("a page is answered %d", status)
	}
	closeAll()
	harness.AwaitTrue(t, "the viewer has streams again", func() bool {
		ctx, end := context.WithCancel(t.Context())
		defer end()
		return stream(ctx, "viewer") == 200
	})
	f.requireService()
}

// A request that announces a body and sends none held a connection for ever.
func TestAStreamsConnectionEndsWithoutItsBody(t *testing.T) {
	t.Parallel()
	f := newFixture(t, simulator.Options{})
	f.worker()
	web := f.web(harness.UserFile)
	for _, method := range []string{"POST", "GET"} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(web.page, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "%s /live HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic dmlld2VyOnBhc3N3b3Jk\r\nContent-Length: 1000000\r\n\r\n", method)
		if err := conn.SetReadDeadline(time.Now().Add(harness.Limit)); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(bufio.NewReader(conn)) // until the server closes it
		if err != nil || strings.Contains(string(answer), " 200 ") || !strings.HasPrefix(string(answer), "HTTP/1.1 4") {
			t.Errorf("%s with a body that never comes: %v, %.300s", method, err, answer)
		}
	}
	f.requireService()
}

// These held before, and must hold.
func TestAWebPageCannotActThroughAnActorsBrowser(t *testing.T) {
	t.Parallel()
	f := newFixture(t, simulator.Options{})
	f.worker()
	web := f.web(harness.UserFile)
	f.requireListed("app1")
	from := func(site string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Origin", site)
			r.Header.Set("Sec-Fetch-Site", "cross-site")
		}
	}
	for _, path := range []string{"/apps/app1/pause", "/domains/app1/honest1.example.com/remove"} {
		if status, _ := web.ask(t.Context(), "actor", "POST", path, from("https://evil.example.com")); status != 403 {
			t.Errorf("POST %s from another site is answered %d", path, status)
		}
		if status, _ := web.ask(t.Context(), "viewer", "POST", path, nil); status != 403 {
			t.Errorf("POST %s of a viewer is answered %d", path, status)
		}
	}
	const script = "<script>alert(1)</script>"
	if _, body := web.ask(t.Context(), "viewer", "GET", "/domains?q="+script, nil); strings.Contains(body, script) {
		t.Error("a page repeats a script")
	}
	f.requireService()
}
