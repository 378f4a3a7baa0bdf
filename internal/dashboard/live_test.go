package dashboard

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestChangedReturnsTheTopicsThatDiffer(t *testing.T) {
	t.Parallel()
	got := map[string]bool{}
	for _, topic := range changed(snapshot{"a": "1", "b": "1", "gone": "1"}, snapshot{"a": "1", "b": "2", "new": "1"}) {
		got[topic] = true
	}
	if diff := cmp.Diff(map[string]bool{"b": true, "gone": true, "new": true}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// nextMessage waits for the next message.
func nextMessage(t *testing.T, w *subscriber) message {
	t.Helper()
	select {
	case <-w.pending:
	case <-time.After(testTimeout):
		t.Fatal("there is no message")
	}
	return w.next()
}

// fakeSnapshots returns the snapshot that the test has set.
type fakeSnapshots struct {
	mu    sync.Mutex
	now   snapshot
	err   error
	taken int
}

func (s *fakeSnapshots) take(context.Context) (snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken++
	seen := snapshot{}
	for topic, text := range s.now {
		seen[topic] = text
	}
	return seen, s.err
}

func (s *fakeSnapshots) set(now snapshot, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now, s.err = now, err
}

func TestSubscribersAreNotifiedOfChanges(t *testing.T) {
	t.Parallel()
	s := &fakeSnapshots{now: snapshot{"app1": "1", "app2": "1", queuesTopic: "0"}}
	h := newHub(t.Context(), &freshness{}, s.take)
	first, unsubscribe := h.subscribe()
	second, unsubscribeSecond := h.subscribe()
	want := func(w *subscriber, m message) {
		t.Helper()
		if diff := cmp.Diff(m, nextMessage(t, w)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	want(first, message{Apps: []string{"app1", "app2"}, Queues: true}) // changes since the pages were rendered
	want(second, message{Apps: []string{"app1", "app2"}, Queues: true})
	s.set(snapshot{"app1": "1", "app2": "2", queuesTopic: "0"}, nil)
	want(first, message{Apps: []string{"app2"}})
	s.set(nil, errors.New("EOF"))
	want(first, message{Away: true})
	s.set(nil, errors.New("WRONGPASS invalid username-password pair or user is disabled."))
	want(first, message{Away: true, Refused: true})
	s.set(snapshot{"app1": "3", "app2": "2", queuesTopic: "0"}, nil)
	want(first, message{Apps: []string{"app1"}, Queues: true}) // Redis is back
	want(second, message{Apps: []string{"app1", "app2"}, Queues: true})
	unsubscribeSecond()
	unsubscribe()
	if h.stop != nil || len(h.subscribers) != 0 {
		t.Error("the hub polls without subscribers")
	}

	// The next subscriber starts the poller again.
	before := s.taken
	again, unsubscribe := h.subscribe()
	want(again, message{Apps: []string{"app1", "app2"}, Queues: true})
	unsubscribe()
	if s.taken == before {
		t.Error("the hub took no snapshot")
	}
}

func TestTheStreamEndsWithItsReaderOrItsDashboard(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		end  func(cancelReader, closeDashboard context.CancelFunc)
	}{
		{"the reader disconnects", func(cancelReader, _ context.CancelFunc) { cancelReader() }},
		{"the dashboard closes", func(_, closeDashboard context.CancelFunc) { closeDashboard() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ctx, closeDashboard := context.WithCancel(context.Background())
			defer closeDashboard()
			p := &pageServer{hub: newHub(ctx, &freshness{}, (&fakeSnapshots{now: snapshot{"app1": "1"}}).take)}
			server := httptest.NewServer(http.HandlerFunc(p.live))
			defer server.Close()
			readerCtx, cancelReader := context.WithCancel(context.Background())
			defer cancelReader()
			req, err := http.NewRequestWithContext(readerCtx, http.MethodGet, server.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := server.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if kind := resp.Header.Get("Content-Type"); kind != "text/event-stream; charset=utf-8" {
				t.Errorf("it is %s", kind)
			}
			const want = "retry: 2000\n\ndata: {\"apps\":[\"app1\"]}\n\n"
			got := make([]byte, 0, len(want))
			for len(got) < len(want) {
				b := make([]byte, len(want)-len(got))
				n, err := resp.Body.Read(b)
				if got = append(got, b[:n]...); err != nil {
					t.Fatalf("%q, %v", got, err)
				}
			}
			if diff := cmp.Diff(want, string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			test.end(cancelReader, closeDashboard)
			await(t, "there are no subscribers", func() bool {
				p.hub.mu.Lock()
				defer p.hub.mu.Unlock()
				return len(p.hub.subscribers) == 0 && p.hub.stop == nil
			})
		})
	}
}

func TestStreamsAreBoundedForEachUser(t *testing.T) {
	t.Parallel()
	users := testUsers(t)
	site := newTestDashboard(t, func(cfg *Config) { cfg.Users = users })
	url, client, _ := startServing(t, site.Handler())
	open := func(ctx context.Context, name, password string) *http.Response {
		t.Helper()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+livePath, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth(name, password)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	ctx, closeAll := context.WithCancel(t.Context())
	defer closeAll()
	for range maxStreamsEach {
		resp := open(ctx, "viewer", "view-password")
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("a stream is answered %s", resp.Status)
		}
	}
	refused := open(t.Context(), "viewer", "view-password")
	text, _ := io.ReadAll(refused.Body)
	refused.Body.Close()
	if refused.StatusCode != http.StatusTooManyRequests || refused.Header.Get("Retry-After") != "30" || !strings.Contains(string(text), "Close some.") {
		t.Errorf("one stream more is answered %s %q", refused.Status, text)
	}
	other, end := context.WithCancel(t.Context())
	resp := open(other, "actor", "act-password")
	resp.Body.Close()
	end()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("the stream of another user is answered %s", resp.Status)
	}
	closeAll()
	await(t, "a new stream of the first user", func() bool {
		ctx, end := context.WithCancel(t.Context())
		defer end()
		again := open(ctx, "viewer", "view-password")
		defer again.Body.Close()
		return again.StatusCode == http.StatusOK
	})
}

// A client that announces a body and sends none held its connection for ever.
func TestAStreamTakesNeitherABodyNorAnotherMethod(t *testing.T) {
	t.Parallel()
	site := newTestDashboard(t, nil)
	for _, test := range []struct {
		name, method string
		change       func(*http.Request)
		status       int
	}{
		{"POST", "POST", nil, http.StatusMethodNotAllowed},
		{"HEAD, whose stream would send nothing", "HEAD", nil, http.StatusMethodNotAllowed},
		{"GET with a body", "GET", func(r *http.Request) { r.ContentLength = 1 << 40 }, http.StatusBadRequest},
		{"GET with a body of unknown length", "GET", func(r *http.Request) { r.ContentLength = -1 }, http.StatusBadRequest},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := &deadlineRecorder{}
			rec := sendRequest(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				d.ResponseWriter = w
				site.Handler().ServeHTTP(d, r)
			}), test.method, livePath, test.change)
			checkAnswer(t, rec, test.status, "The stream takes")
			if len(d.read)+len(d.write) > 0 {
				t.Errorf("its time limits were changed: %v, %v", d.read, d.write)
			}
		})
	}
}
