package upgrade

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"
)

// received are the events that a webhook got from workers of all releases.
type received struct {
	mu         sync.Mutex
	byID       map[string]event // by webhook-id
	mismatched []string         // ids that came again with other content
}

type event struct {
	AppID  string    `json:"app_id"`
	Domain string    `json:"domain"`
	Seq    int64     `json:"seq"`
	State  string    `json:"state"`
	At     time.Time `json:"at"`
}

// webhook starts a webhook for the fixture's later workers.
func (f *fixture) webhook() *received {
	f.t.Helper()
	hook := &received{byID: map[string]event{}}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		var e event
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
			f.t.Errorf("an event: %v", err)
		}
		hook.mu.Lock()
		defer hook.mu.Unlock()
		id := r.Header.Get("webhook-id")
		if before, again := hook.byID[id]; again && before != e {
			hook.mismatched = append(hook.mismatched, id)
		}
		hook.byID[id] = e
	}))
	f.t.Cleanup(server.Close)
	f.env = append(f.env, "PILOTSYNC_WEBHOOK_URL="+server.URL, "PILOTSYNC_WEBHOOK_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	return hook
}

// last returns the latest event of each domain, by "APP DOMAIN".
func (h *received) last() map[string]event {
	h.mu.Lock()
	defer h.mu.Unlock()
	last := map[string]event{}
	for _, e := range h.byID {
		if of := e.AppID + " " + e.Domain; e.At.After(last[of].At) {
			last[of] = e
		}
	}
	return last
}
