package dashboard

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"pilotsync/internal/quota"
	"pilotsync/internal/redisurl"
)

const (
	// pollInterval is the time between two polls. The changes of one interval are sent
	// together, and the browser loads its page once for them.
	pollInterval = time.Second
	// heartbeatInterval is how often an idle stream sends a comment. Proxies close
	// connections that are silent for a minute.
	heartbeatInterval = 20 * time.Second
	// sendLimit ends a stream whose client no longer reads.
	sendLimit = 10 * time.Second
	// maxNamed is how many apps a message names.
	maxNamed = 100
	// maxStreams is how many streams there are at a time, maxStreamsEach how many of one user. A
	// browser has one for each page of the dashboard that can be seen.
	maxStreams     = 500
	maxStreamsEach = 100
	// streamRetry is when a refused browser tries again.
	streamRetry = 30 * time.Second
)

// snapshot has a text for each topic. The text changes when the topic does.
type snapshot map[string]string

// snapshotReader takes snapshots of the ledger and the queues.
type snapshotReader struct {
	ledger Reader
	queues queueReader
}

// queuesTopic is the topic of everything that doesn't belong to one app. No app has this id.
const queuesTopic = "*"

func (r snapshotReader) take(ctx context.Context) (snapshot, error) {
	apps, err := r.ledger.AppStates(ctx)
	if err != nil {
		return nil, err
	}
	taken := snapshot{}
	for _, app := range apps {
		taken[app.ID] = app.Revision
	}
	queues, err := r.queues.Queues(ctx)
	if err != nil {
		return nil, err
	}
	workers, err := r.queues.Workers(ctx)
	if err != nil {
		return nil, err
	}
	quarantined, err := r.queues.Quarantined(ctx)
	if err != nil {
		return nil, err
	}
	taken[queuesTopic] = fmt.Sprint(queues, workers, quarantined)
	return taken, nil
}

// hub notifies subscribers of changes. It polls only while there are subscribers, and once
// for all of them.
type hub struct {
	ctx      context.Context
	fresh    *freshness
	snapshot func(context.Context) (snapshot, error)
	streams  *quota.Quota

	mu          sync.Mutex
	subscribers map[*subscriber]struct{}
	stop        context.CancelFunc // ends the poller; nil if there is none
	ended       chan struct{}      // closed when the poller has ended
}

// newHub returns a hub that takes snapshots with take, and whose streams end with ctx.
func newHub(ctx context.Context, fresh *freshness, take func(context.Context) (snapshot, error)) *hub {
	return &hub{ctx: ctx, fresh: fresh, snapshot: take, streams: quota.New(maxStreams, maxStreamsEach), subscribers: map[*subscriber]struct{}{}}
}

// subscriber collects changed topics until its stream sends them; a slow stream sends them
// together.
type subscriber struct {
	pending chan struct{} // has one element if there is something to send
	mu      sync.Mutex
	topics  map[string]bool // changed since the last message
	away    bool            // the last snapshot failed
	refused bool            // it failed because Redis refuses the login or a right
}

// message is one event of the stream.
type message struct {
	// Apps that changed, sorted.
	Apps []string `json:"apps,omitempty"`
	// All: too many apps changed to name them.
	All bool `json:"all,omitempty"`
	// Queues: the queues' figures or the workers changed.
	Queues bool `json:"queues,omitempty"`
	// Away: Redis doesn't answer, or refuses this dashboard.
	Away bool `json:"away,omitempty"`
	// Refused: Redis refuses this dashboard.
	Refused bool `json:"refused,omitempty"`
}

// subscribe adds a subscriber. The caller must call unsubscribe.
func (h *hub) subscribe() (s *subscriber, unsubscribe func()) {
	s = &subscriber{pending: make(chan struct{}, 1), topics: map[string]bool{}}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.subscribers[s] = struct{}{}
	h.fresh.stream(1)
	if h.stop == nil {
		ctx, stop := context.WithCancel(h.ctx)
		h.stop, h.ended = stop, make(chan struct{})
		go h.poll(ctx, h.ended) // the last unsubscribe ends it
	}
	return s, func() { h.unsubscribe(s) }
}

func (h *hub) unsubscribe(s *subscriber) {
	h.mu.Lock()
	delete(h.subscribers, s)
	h.fresh.stream(-1)
	if len(h.subscribers) > 0 || h.stop == nil {
		h.mu.Unlock()
		return
	}
	stop, ended := h.stop, h.ended
	h.stop = nil
	h.mu.Unlock()
	stop()
	<-ended
}

func (h *hub) poll(ctx context.Context, ended chan<- struct{}) {
	defer close(ended)
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	var last snapshot
	for {
		limited, cancel := context.WithTimeout(ctx, readLimit)
		h.fresh.begin()
		now, err := h.snapshot(limited)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			h.publish(nil, err)
		case last == nil:
			// Pages that were rendered before this snapshot may lack later changes.
			last = now
			h.publish(slices.Collect(maps.Keys(now)), nil)
		default:
			h.publish(changed(last, now), nil)
			last = now
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// changed returns the topics that differ between two snapshots.
func changed(before, after snapshot) []string {
	var topics []string
	for topic, text := range after {
		if old, known := before[topic]; !known || old != text {
			topics = append(topics, topic)
		}
	}
	for topic := range before {
		if _, known := after[topic]; !known {
			topics = append(topics, topic)
		}
	}
	return topics
}

// publish notifies all subscribers of the changed topics, or of the failure of the last
// snapshot.
func (h *hub) publish(topics []string, failure error) {
	_, refused := redisurl.AsRefused(nil, failure)
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.subscribers {
		s.notify(topics, failure != nil, refused)
	}
}

func (s *subscriber) notify(topics []string, away, refused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(topics) == 0 && away == s.away && refused == s.refused {
		return
	}
	if s.away && !away {
		topics = append(slices.Clone(topics), queuesTopic) // Redis is back: reload the page
	}
	for _, t := range topics {
		s.topics[t] = true
	}
	s.away, s.refused = away, refused
	select {
	case s.pending <- struct{}{}:
	default: // already pending
	}
}

// next returns the next message, and empties the collected topics.
func (s *subscriber) next() message {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := message{Away: s.away, Refused: s.refused, Queues: s.topics[queuesTopic]}
	delete(s.topics, queuesTopic)
	if m.All = len(s.topics) > maxNamed; !m.All {
		m.Apps = slices.Sorted(maps.Keys(s.topics))
	}
	clear(s.topics)
	return m
}

// live is the stream of server-sent events. A browser that reconnects also reloads its page,
// so no message needs to be repeated.
func (p *pageServer) live(w http.ResponseWriter, r *http.Request) {
	release, refusal := p.hub.streams.Try(userOf(r.Context()).Name)
	if refusal != 0 {
		refuse(w, refusal, streamRetry, fmt.Sprintf("There are too many live pages: %d at a time for a user, %d in all. Close some.\n", maxStreamsEach, maxStreams))
		return
	}
	defer release()
	out := http.NewResponseController(w)
	send := func(text string) bool {
		// Some writers, in tests and in HTTP/2, have no deadlines.
		_ = out.SetWriteDeadline(time.Now().Add(sendLimit))
		if _, err := fmt.Fprint(w, text); err != nil {
			return false
		}
		return out.Flush() == nil
	}
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	w.Header().Set("X-Accel-Buffering", "no") // keeps nginx from buffering the events
	s, unsubscribe := p.hub.subscribe()
	defer unsubscribe()
	heartbeat := time.NewTicker(heartbeatInterval)
	defer heartbeat.Stop()
	if !send("retry: 2000\n\n") {
		return
	}
	for {
		text := ": still here\n\n"
		select {
		case <-r.Context().Done():
			return
		case <-p.hub.ctx.Done():
			return
		case <-heartbeat.C:
		case <-s.pending:
			b, err := json.Marshal(s.next())
			if err != nil {
				return // can't happen: strings and booleans always encode
			}
			text = "data: " + string(b) + "\n\n"
		}
		if !send(text) {
			return
		}
	}
}
