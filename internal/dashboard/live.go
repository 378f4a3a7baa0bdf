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

	"pilotsync/internal/redisurl"
)

const (
	// pollInterval is the pause between two looks for news. What is told of at
	// most once in it is what browsers load a page for.
	pollInterval = time.Second
	// heartbeatInterval is how often a silent stream shows that it is alive; proxies
	// close connections that are silent for a minute.
	heartbeatInterval = 20 * time.Second
	// sendLimit ends a stream whose reader takes nothing any more.
	sendLimit = 10 * time.Second
)

// take is what there is to see: a text for each topic, which changes with it.
type snapshot map[string]string

// snapshotReader looks at the ledger and at the queues.
type snapshotReader struct {
	read   Reader
	queues queueReader
}

// queuesTopic stands for everything that isn't one app's. No app has such an id.
const queuesTopic = "*"

func (o snapshotReader) take(ctx context.Context) (snapshot, error) {
	revisions, err := o.read.Revisions(ctx)
	if err != nil {
		return nil, err
	}
	l := snapshot(maps.Clone(revisions))
	if l == nil {
		l = snapshot{}
	}
	queues, err := o.queues.Queues(ctx)
	if err != nil {
		return nil, err
	}
	workers, err := o.queues.Workers(ctx)
	if err != nil {
		return nil, err
	}
	quarantined, err := o.queues.Quarantined(ctx)
	if err != nil {
		return nil, err
	}
	for i := range queues {
		queues[i].Oldest = 0 // it changes by itself
	}
	for i := range workers {
		workers[i].Busy = 0 // so do these: a beat of asynq's
	}
	l[queuesTopic] = fmt.Sprint(queues, workers, quarantined)
	return l, nil
}

// hub tells watchers what changed. It looks only while somebody watches, and once
// for all of them.
type hub struct {
	ctx      context.Context
	snapshot func(context.Context) (snapshot, error)

	mu          sync.Mutex
	subscribers map[*subscriber]struct{}
	stop        context.CancelFunc // ends the poller; nil if there is none
	ended       chan struct{}      // closed when the poller is gone
}

// newHub returns a hub whose streams end with ctx.
func newHub(ctx context.Context, looks func(context.Context) (snapshot, error)) *hub {
	return &hub{ctx: ctx, snapshot: looks, subscribers: map[*subscriber]struct{}{}}
}

// subscriber gathers what it wasn't told yet; a slow one gets it all at once later.
type subscriber struct {
	pending chan struct{} // holds one mark at most
	mu      sync.Mutex
	// topics that changed; away: the last look failed.
	topics map[string]bool
	away   bool
	// refused: it failed since Redis refuses the login or a right.
	refused bool
}

// message is one event of the stream.
type message struct {
	// Apps that changed, sorted.
	Apps []string `json:"apps,omitempty"`
	// Queues: the queues' figures or the workers changed.
	Queues bool `json:"queues,omitempty"`
	// Away: Redis doesn't answer, or refuses this dashboard.
	Away bool `json:"away,omitempty"`
	// Refused: it refuses this dashboard.
	Refused bool `json:"refused,omitempty"`
}

// subscribe adds a watcher; the caller must leave.
func (h *hub) subscribe() (w *subscriber, leave func()) {
	w = &subscriber{pending: make(chan struct{}, 1), topics: map[string]bool{}}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.subscribers[w] = struct{}{}
	if h.stop == nil {
		ctx, stop := context.WithCancel(h.ctx)
		h.stop, h.ended = stop, make(chan struct{})
		go h.poll(ctx, h.ended) // ended by the last that leaves
	}
	return w, func() { h.unsubscribe(w) }
}

func (h *hub) unsubscribe(w *subscriber) {
	h.mu.Lock()
	delete(h.subscribers, w)
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
		now, err := h.snapshot(limited)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			h.publish(nil, err)
		case last == nil:
			// A page that was made before this look may lack what happened between.
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

// changed are the topics that differ.
func changed(was, is snapshot) []string {
	var topics []string
	for topic, text := range is {
		if old, known := was[topic]; !known || old != text {
			topics = append(topics, topic)
		}
	}
	for topic := range was {
		if _, known := is[topic]; !known {
			topics = append(topics, topic)
		}
	}
	return topics
}

// notify tells all watchers what changed, or why the last look failed.
func (h *hub) publish(topics []string, failure error) {
	_, refused := redisurl.AsRefused(nil, failure)
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.subscribers {
		w.notify(topics, failure != nil, refused)
	}
}

func (w *subscriber) notify(topics []string, away, refused bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(topics) == 0 && away == w.away && refused == w.refused {
		return
	}
	if w.away && !away {
		topics = append(slices.Clone(topics), queuesTopic) // back again: have the page look
	}
	for _, t := range topics {
		w.topics[t] = true
	}
	w.away, w.refused = away, refused
	select {
	case w.pending <- struct{}{}:
	default: // marked already
	}
}

// next returns what there is to tell.
func (w *subscriber) next() message {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := message{Away: w.away, Refused: w.refused, Queues: w.topics[queuesTopic]}
	delete(w.topics, queuesTopic)
	m.Apps = slices.Sorted(maps.Keys(w.topics))
	clear(w.topics)
	return m
}

// live is the stream of server-sent events. A browser that reconnects loads its
// page anew, so nothing needs to be told twice.
func (p *server) live(w http.ResponseWriter, r *http.Request) {
	out := http.NewResponseController(w)
	send := func(text string) bool {
		// Some writers, of tests and of HTTP/2, have no deadlines; the others get one.
		_ = out.SetWriteDeadline(time.Now().Add(sendLimit))
		if _, err := fmt.Fprint(w, text); err != nil {
			return false
		}
		return out.Flush() == nil
	}
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would keep the events to itself
	watcher, leave := p.hub.subscribe()
	defer leave()
	beat := time.NewTicker(heartbeatInterval)
	defer beat.Stop()
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
		case <-beat.C:
		case <-watcher.pending:
			b, err := json.Marshal(watcher.next())
			if err != nil {
				return // strings and truth values always encode
			}
			text = "data: " + string(b) + "\n\n"
		}
		if !send(text) {
			return
		}
	}
}
