//go:build adversary

package adversary

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/harness"
)

// receiver is a webhook's endpoint that keeps what it gets.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []string
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.bodies = append(r.bodies, string(body))
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) events(t *testing.T) (all []tasks.Event) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, body := range r.bodies {
		var e tasks.Event
		if err := json.Unmarshal([]byte(body), &e); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		all = append(all, e)
	}
	return all
}

// The dashboard's user of Redis may write to the queues, whose tasks workers sign and send.
func TestTheDashboardsUserCannotMakeUpEvents(t *testing.T) {
	t.Parallel()
	f, hook := newFixture(t, simulator.Options{CertDelay: time.Millisecond}), newReceiver(t)
	f.worker("PILOTSYNC_WEBHOOK_URL="+hook.URL+"/", "PILOTSYNC_WEBHOOK_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "PILOTSYNC_SSL_DELAYS=1s,1s,1s")
	f.requireListed("app1")
	done := func() bool {
		for _, e := range hook.events(t) {
			if e.Domain == "honest1.example.com" && e.State == tasks.Done {
				return true
			}
		}
		return false
	}
	harness.AwaitTrue(t, "the honest domain is reported", done)
	page, now := f.as("page"), time.Now().UTC().Truncate(time.Microsecond)
	forged := []tasks.Event{
		{Type: tasks.DomainState, Domain: "honest1.example.com", Seq: 1, State: tasks.Failed, Reason: "forged", At: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)},
		{Type: tasks.AppBlocked, Reason: "forged", At: now.Add(time.Hour)},
		{Type: tasks.LedgerLost, Ledger: "forged", Reason: "forged", At: now},
		{Type: tasks.DomainState, Domain: "never-requested.example.com", Seq: 1, State: tasks.Done, Reason: "forged", At: now},
		{Type: tasks.DomainState, Domain: "honest1.example.com", Seq: 1, State: tasks.Failed, Reason: "forged", At: now},
		{Type: tasks.CertificateExpiring, Domain: "honest1.example.com", Seq: 1, State: tasks.Done, Reason: "forged", At: now.Add(time.Microsecond)},
	}
	for i, e := range forged {
		e.AppID = "app1"
		id := fmt.Sprintf("event:app1:%d", i)
		plant(t.Context(), page, tasks.QueueEvents, id, harness.Message(tasks.TypeEventDeliver, id, tasks.QueueEvents, tasks.Encode(e), nil))
	}
	harness.AwaitTrue(t, "the forged events ended", func() bool {
		for i := range forged {
			state, err := f.admin.HGet(t.Context(), fmt.Sprintf("asynq:{events}:t:event:app1:%d", i), "state").Result()
			if err == nil && state != "archived" && state != "completed" {
				return false
			}
		}
		return true
	})
	for _, denied := range [][]any{
		{"RPUSH", "pilotsync:{app1}:outbox", "1 {}"}, {"ZADD", "pilotsync:{app1}:events", 1, "1 {}"}, {"SET", "pilotsync:{app1}:told", "9e15"},
		{"HSET", "pilotsync:{app1}:domains", "honest1.example.com", "{}"},
	} {
		if err := page.Do(t.Context(), denied...).Err(); err == nil || !strings.Contains(err.Error(), "NOPERM") {
			t.Errorf("%v: %v", denied, err)
		}
	}
	for _, e := range hook.events(t) {
		if e.At.After(time.Now().Add(time.Minute)) || e.Reason == "forged" || e.State == tasks.Failed || e.Ledger != "" || e.Type == tasks.AppBlocked || strings.HasPrefix(e.Domain, "never") {
			t.Errorf("a worker signed and sent %+v", e)
		}
	}
	f.requireService()
}
