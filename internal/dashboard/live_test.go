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

func TestChangedNamesWhatDiffers(t *testing.T) {
	t.Parallel()
	got := map[string]bool{}
	for _, topic := range changed(snapshot{"a": "1", "b": "1", "gone": "1"}, snapshot{"a": "1", "b": "2", "new": "1"}) {
		got[topic] = true
	}
	if diff := cmp.Diff(map[string]bool{"b": true, "gone": true, "new": true}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// told waits for the next message.
func told(t *testing.T, w *subscriber) message {
	t.Helper()
	select {
	case <-w.pending:
	case <-time.After(soonEnough):
		t.Fatal("nothing is told")
	}
	return w.next()
}

// scene is what a hub looks at, changed by the test.
type scene struct {
	mu    sync.Mutex
	now   snapshot
	err   error
	looks int
}

func (s *scene) look(context.Context) (snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looks++
	seen := snapshot{}
	for topic, text := range s.now {
		seen[topic] = text
	}
	return seen, s.err
}

func (s *scene) change(now snapshot, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now, s.err = now, err
}

func TestWatchersAreToldWhatChanged(t *testing.T) {
	t.Parallel()
	s := &scene{now: snapshot{"app1": "1", "app2": "1", queuesTopic: "0"}}
	h := newHub(t.Context(), s.look)
	first, leave := h.subscribe()
	second, leaveToo := h.subscribe()
	want := func(w *subscriber, m message) {
		t.Helper()
		if diff := cmp.Diff(m, told(t, w)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	want(first, message{Apps: []string{"app1", "app2"}, Queues: true}) // what changed since their pages were made
	want(second, message{Apps: []string{"app1", "app2"}, Queues: true})
	s.change(snapshot{"app1": "1", "app2": "2", queuesTopic: "0"}, nil)
	want(first, message{Apps: []string{"app2"}})
	s.change(nil, errors.New("EOF"))
	want(first, message{Away: true})
	s.change(nil, errors.New("WRONGPASS invalid username-password pair or user is disabled."))
	want(first, message{Away: true, Refused: true})
	s.change(snapshot{"app1": "3", "app2": "2", queuesTopic: "0"}, nil)
	want(first, message{Apps: []string{"app1"}, Queues: true}) // Redis is back
	want(second, message{Apps: []string{"app1", "app2"}, Queues: true})
	leaveToo()
	leave()
	if h.stop != nil || len(h.subscribers) != 0 {
		t.Error("it looks although nobody watches")
	}

	// The next that comes has it look again.
	before := s.looks
	again, leave := h.subscribe()
	want(again, message{Apps: []string{"app1", "app2"}, Queues: true})
	leave()
	if s.looks == before {
		t.Error("nobody looked")
	}
}

func TestTheStreamTellsAndEndsWithItsReaderAndItsSite(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		end  func(reader, site context.CancelFunc)
	}{
		{"the reader goes", func(reader, _ context.CancelFunc) { reader() }},
		{"the site ends", func(_, site context.CancelFunc) { site() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ctx, site := context.WithCancel(context.Background())
			defer site()
			p := &server{hub: newHub(ctx, (&scene{now: snapshot{"app1": "1"}}).look)}
			server := httptest.NewServer(http.HandlerFunc(p.live))
			defer server.Close()
			reading, reader := context.WithCancel(context.Background())
			defer reader()
			req, err := http.NewRequestWithContext(reading, http.MethodGet, server.URL, nil)
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
			test.end(reader, site)
			await(t, "nobody watches any more", func() bool {
				p.hub.mu.Lock()
				defer p.hub.mu.Unlock()
				return len(p.hub.subscribers) == 0 && p.hub.stop == nil
			})
		})
	}
}
