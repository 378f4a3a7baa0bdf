package dashboard

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
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
