package worker_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/harness"
	"pilotsync/worker/listsync"
	"pilotsync/worker/webhook"
)

const (
	oldSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	newSecret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
)

func target(t *testing.T, url string, secrets ...string) webhook.Target {
	t.Helper()
	hook := webhook.Target{URL: url}
	for _, s := range secrets {
		secret, err := standardwebhooks.NewWebhook(s)
		if err != nil {
			t.Fatal(err)
		}
		hook.Secrets = append(hook.Secrets, secret)
	}
	return hook
}

// receiver is a WordPress that receives events.
type receiver struct {
	*httptest.Server
	t *testing.T

	mu         sync.Mutex
	status     int // its answer; 0 for success
	calls      int
	deliveries []delivery // the accepted events
}

type delivery struct {
	id, body string
	event    tasks.Event
}

// elsewhere is the path to which a receiver redirects.
const elsewhere = "/elsewhere"

func newReceiver(t *testing.T) *receiver {
	s := &receiver{t: t}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *receiver) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if r.URL.Path == elsewhere {
		s.t.Error("the redirect was followed")
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Error(err)
	}
	for _, raw := range []string{oldSecret, newSecret} {
		secret, err := standardwebhooks.NewWebhook(raw)
		if err != nil {
			s.t.Error(err)
		} else if err := secret.Verify(body, r.Header); err != nil {
			s.t.Errorf("the signature of %s with one of the secrets: %v", body, err)
		}
	}
	e, err := tasks.Decode[tasks.Event](body)
	if err != nil {
		s.t.Error(err)
	}
	id := r.Header.Get("webhook-id")
	if id != e.ID() {
		s.t.Errorf("the webhook-id is %q, that of the event %q", id, e.ID())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.status != 0 {
		rw.Header().Set("Location", elsewhere)
		if s.status == http.StatusTooManyRequests {
			rw.Header().Set("Retry-After", "1800")
		}
		rw.WriteHeader(s.status)
		return
	}
	s.deliveries = append(s.deliveries, delivery{id, string(body), e})
}

func (s *receiver) answer(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
}

// delivered returns the accepted events, sorted by their time, and the number of calls.
func (s *receiver) delivered() (got []delivery, calls int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	got = slices.Clone(s.deliveries)
	slices.SortStableFunc(got, func(a, b delivery) int { return a.event.At.Compare(b.event.At) })
	return got, s.calls
}

// states returns the delivered states of a domain, in the order of the events' times.
func (s *receiver) states(domain string) (states []tasks.State) {
	got, _ := s.delivered()
	for _, d := range got {
		if d.event.Domain == domain {
			states = append(states, d.event.State)
		}
	}
	return states
}

// enqueueEvents enqueues events as a worker does.
func (f *fixture) enqueueEvents(app string, n int) (ids []string) {
	f.t.Helper()
	client := asynq.NewClientFromRedisClient(f.rdb)
	for range n {
		e := tasks.Event{Type: tasks.AppBlocked, AppID: app, Reason: "a test", At: time.Now().Truncate(time.Microsecond).UTC()}
		_, err := client.Enqueue(asynq.NewTask(tasks.TypeEventDeliver, tasks.Encode(e)), asynq.Queue(tasks.QueueEvents),
			asynq.TaskID(e.ID()), asynq.MaxRetry(10), asynq.Retention(time.Hour))
		if err != nil {
			f.t.Fatal(err)
		}
		ids = append(ids, e.ID())
	}
	return ids
}

func (f *fixture) events(failed bool) []webhook.Info {
	f.t.Helper()
	events, err := webhook.NewEvents(f.rdb).List(f.t.Context(), failed)
	if err != nil {
		f.t.Fatal(err)
	}
	return events
}

func TestEveryStateOfADomainIsDeliveredOnce(t *testing.T) {
	t.Parallel()
	f, s := setup(t, simulator.Options{CertDelay: 2 * time.Second}), newReceiver(t)
	cfg := f.config("app1")
	cfg.Webhook = target(t, s.URL, oldSecret, newSecret)
	for range 2 {
		f.start(cfg)
	}
	f.add("app1", "good.example.com", "nodns.example.com", "refused.example.com")
	f.await("all have come to an end", func() bool {
		return cmp.Equal(f.states("app1"), map[string]tasks.State{"good.example.com": tasks.Done, "nodns.example.com": tasks.Failed, "refused.example.com": tasks.Rejected})
	})
	if _, err := f.client.Enqueue(t.Context(), enqueue.Request{AppID: "app1", Domain: "good.example.com", Remove: true, SiteID: 7}); err != nil {
		t.Fatal(err)
	}
	f.awaitState("app1", "good.example.com", tasks.Removed)
	want := map[string][]tasks.State{}
	total := 0
	for domain := range f.states("app1") {
		history, err := f.ledger.History(t.Context(), "app1", domain)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range slices.Backward(history) {
			if e.State != tasks.Pending && (len(want[domain]) == 0 || want[domain][len(want[domain])-1] != e.State) {
				want[domain] = append(want[domain], e.State)
				total++
			}
		}
	}
	f.await("all events are delivered", func() bool { got, _ := s.delivered(); return len(got) >= total })
	for domain, states := range want {
		if diff := cmp.Diff(states, s.states(domain)); diff != "" {
			t.Errorf("the delivered states of %s (-want +got):\n%s", domain, diff)
		}
	}
	if got, _ := s.delivered(); len(got) != total || got[len(got)-1].event.SiteID != 7 {
		t.Errorf("the delivered events are %+v", got)
	}
	f.await("the outbox is empty", func() bool { return f.rdb.LLen(t.Context(), "pilotsync:{app1}:outbox").Val() == 0 })
}

// More users of Redis may write to the queue than to the ledger.
func TestAForgedEventSaysNothingButTheTruth(t *testing.T) {
	t.Parallel()
	f, s := setup(t, simulator.Options{}), newReceiver(t)
	cfg := f.config("app1")
	cfg.Webhook = target(t, s.URL, oldSecret, newSecret)
	f.start(cfg)
	f.add("app1", "good.example.com")
	f.await("its events are delivered", func() bool {
		return cmp.Equal(s.states("good.example.com"), []tasks.State{tasks.CheckingDNS, tasks.Done})
	})
	f.await("delivered events aren't kept", func() bool { return f.rdb.Exists(t.Context(), "pilotsync:{app1}:events").Val() == 0 })
	honest, _ := s.delivered()
	now, future := time.Now().UTC().Truncate(time.Microsecond), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	client := asynq.NewClientFromRedisClient(f.rdb)
	for i, e := range []tasks.Event{
		{Type: tasks.DomainState, Domain: "good.example.com", Seq: 1, State: tasks.Failed, Reason: "forged", At: future},
		{Type: tasks.AppBlocked, Reason: "forged", At: now.Add(time.Hour)},
		{Type: tasks.DomainState, Domain: "unknown.example.com", Seq: 1, State: tasks.Done, Reason: "forged", At: now},
		{Type: tasks.LedgerLost, Ledger: "forged", Reason: "forged", At: now},
		{Type: tasks.DomainState, Domain: "good.example.com", State: tasks.Failed, Seq: 9e15, SiteID: 9, Reason: "forged", At: now},
		{Type: tasks.AppBlocked, Reason: "forged", At: now.Add(time.Microsecond)},
	} {
		e.AppID = "app1"
		if _, err := client.Enqueue(asynq.NewTask(tasks.TypeEventDeliver, tasks.Encode(e)), asynq.Queue(tasks.QueueEvents), asynq.TaskID(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	f.await("four are given up, and two say what the ledger says", func() bool {
		got, _ := s.delivered()
		return len(f.events(true)) == 4 && len(got) == len(honest)+2
	})
	for _, e := range f.events(true) {
		if !strings.Contains(e.Error, "the ledger has no such event") {
			t.Errorf("%s failed with %s", e.ID, e.Error)
		}
	}
	got, _ := s.delivered()
	for _, d := range got {
		if strings.Contains(d.body, "forged") || d.event.Type == tasks.AppBlocked || d.event.State == tasks.Failed {
			t.Errorf("delivered is %s", d.body)
		}
	}
	want := honest[len(honest)-1].event
	want.At = now
	if diff := cmp.Diff(want, got[len(honest)].event); diff != "" {
		t.Errorf("the event of the domain (-want +got):\n%s", diff)
	}
}

func TestEventsOfADeadWorkersOutboxAreDeliveredOnce(t *testing.T) {
	t.Parallel()
	f, s := setup(t, simulator.Options{}), newReceiver(t)
	ctx := t.Context()
	lease := listsync.Lease{}
	steps := []func() error{
		func() error { _, err := f.ledger.Wake(ctx, "app1"); return err },
		func() (err error) { lease, err = f.ledger.Acquire(ctx, "app1"); return err },
		func() error { return f.ledger.Fail(ctx, lease, &listsync.Failure{Reason: "no card", Blocked: true}) },
		func() (err error) { lease, err = f.ledger.Acquire(ctx, "app1"); return err },
		func() error { _, err := f.ledger.Commit(ctx, lease, listsync.Commit{}); return err },
		func() error { _, err := f.ledger.Release(ctx, lease); return err },
	}
	for i, step := range steps {
		if err := step(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	outbox, err := f.ledger.Outbox(ctx, "app1", 10)
	if err != nil || len(outbox) != 2 {
		t.Fatalf("the outbox: %+v, %v", outbox, err)
	}
	// The worker died after it enqueued the first.
	if _, err := asynq.NewClientFromRedisClient(f.rdb).Enqueue(asynq.NewTask(tasks.TypeEventDeliver, tasks.Encode(outbox[0].Event)),
		asynq.Queue(tasks.QueueEvents), asynq.TaskID(outbox[0].ID()), asynq.Retention(time.Hour)); err != nil {
		t.Fatal(err)
	}
	cfg := f.config("app1")
	cfg.Webhook = target(t, s.URL, oldSecret, newSecret)
	f.start(cfg)
	f.await("both events are delivered", func() bool { got, _ := s.delivered(); return len(got) == 2 })
	f.await("the outbox is empty", func() bool { return f.rdb.LLen(ctx, "pilotsync:{app1}:outbox").Val() == 0 })
	if got, calls := s.delivered(); calls != 2 || got[0].id != outbox[0].ID() || got[1].id != outbox[1].ID() {
		t.Errorf("the delivered events are %+v", got)
	}
}

func TestAWebhookThatIsDownLosesNoEvent(t *testing.T) {
	t.Parallel()
	f, s := setup(t, simulator.Options{}), newReceiver(t)
	s.answer(http.StatusServiceUnavailable)
	cfg := f.config("app1")
	cfg.Webhook = target(t, s.URL, oldSecret, newSecret)
	stop := f.start(cfg)
	ids := f.enqueueEvents("app1", 20)
	f.add("app1", "good.example.com")
	f.awaitState("app1", "good.example.com", tasks.Done) // whatever the webhook does
	if got, calls := s.delivered(); calls == 0 || len(got) != 0 {
		t.Fatalf("%d calls, of which %d went well: the test tests nothing", calls, len(got))
	}
	stop() // the next worker knows only what Redis has
	s.answer(0)
	f.start(cfg)
	f.await("all events are delivered", func() bool { got, _ := s.delivered(); return len(got) == len(ids)+2 })
	if got := s.states("good.example.com"); !cmp.Equal(got, []tasks.State{tasks.CheckingDNS, tasks.Done}) {
		t.Errorf("the delivered states of good.example.com are %v", got)
	}
}

func TestAWebhookThatIsGoneIsSwitchedOffUntilAWorkerIsStarted(t *testing.T) {
	t.Parallel()
	f, s := setup(t, simulator.Options{}), newReceiver(t)
	s.answer(http.StatusGone)
	cfg := f.config("app1")
	cfg.Webhook = target(t, s.URL, oldSecret, newSecret)
	var log harness.Log
	cfg.Log.SetOutput(&log)
	if err := f.ledger.RecordFailure(t.Context(), "app1", listsync.Failure{Reason: "a test", Since: time.Now()}); err != nil {
		t.Fatal(err)
	}
	stop := f.start(cfg)
	f.enqueueEvents("app1", 1)
	f.await("the log has the error", func() bool { return strings.Contains(log.String(), "says that it is gone (410)") })
	f.await("the failing app is retried", func() bool { return f.rdb.Exists(t.Context(), "pilotsync:{app1}:retried").Val() == 1 })
	f.enqueueEvents("app1", 5)
	waits := func() bool {
		events := f.events(false)
		return len(events) == 6 && !slices.ContainsFunc(events, func(e webhook.Info) bool {
			return e.Delivery != webhook.Retrying || !strings.Contains(e.Error, "410")
		})
	}
	f.await("all wait, and say why", waits)
	if _, calls := s.delivered(); calls != 1 {
		t.Errorf("it was called %d times", calls)
	}
	if n := strings.Count(log.String(), "level=error"); n != 1 {
		t.Errorf("it was logged %d times:\n%s", n, &log)
	}
	stop()
	// They are due in hours, so only a worker's start can send them sooner.
	for _, id := range f.rdb.ZRange(t.Context(), "asynq:{events}:retry", 0, -1).Val() {
		f.rdb.ZAdd(t.Context(), "asynq:{events}:retry", redis.Z{Score: float64(time.Now().Add(time.Hour).Unix()), Member: id})
	}
	s.answer(0)
	f.start(cfg)
	f.await("all events are delivered", func() bool { got, _ := s.delivered(); return len(got) == 6 })
}

func TestADelayThatAWebhookAsksForIsKept(t *testing.T) {
	t.Parallel()
	f, s := setup(t, simulator.Options{}), newReceiver(t)
	s.answer(http.StatusTooManyRequests)
	cfg := f.config("app1")
	cfg.Webhook = target(t, s.URL, oldSecret, newSecret)
	f.start(cfg)
	retried := func(n int) func() bool {
		return func() bool {
			events := f.events(false)
			return len(events) == n && !slices.ContainsFunc(events, func(e webhook.Info) bool { return e.Delivery != webhook.Retrying })
		}
	}
	f.enqueueEvents("app1", 1)
	f.await("the first is put off", retried(1))
	f.enqueueEvents("app1", 3)
	f.await("so are the others", retried(4))
	for _, e := range f.events(false) {
		if wait := time.Until(e.NextAt); wait < 29*time.Minute || wait > 34*time.Minute || !strings.Contains(e.Error, "429") {
			t.Errorf("%s is sent again in %s: %s", e.ID, wait, e.Error)
		}
	}
	if _, calls := s.delivered(); calls != 1 {
		t.Errorf("it was called %d times", calls)
	}
}

func TestNoEventIsSentToAnotherAddress(t *testing.T) {
	t.Parallel()
	f, redirecting := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}, {ID: "app2"}, {ID: "app3"}, {ID: "app4"}}}), newReceiver(t)
	redirecting.answer(http.StatusPermanentRedirect)
	untrusted := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("an event was sent to a server with an untrusted certificate")
	}))
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0) // it logs the failed handshake
	untrusted.StartTLS()
	t.Cleanup(untrusted.Close)
	cfg := f.config("app1", "app2", "app3")
	cfg.Webhooks = map[string]webhook.Target{"app1": target(t, redirecting.URL, oldSecret, newSecret), "app2": target(t, untrusted.URL, oldSecret)}
	f.start(cfg)
	want := map[string]string{"app1": "a redirect", "app2": "certificate", "app3": "no webhook is configured", "app4": "no account is configured"}
	for app := range want {
		f.enqueueEvents(app, 1)
	}
	f.await("each says why it was not sent", func() bool {
		events := f.events(false)
		return len(events) == len(want) && !slices.ContainsFunc(events, func(e webhook.Info) bool {
			return !strings.Contains(e.Error, want[e.Event.AppID])
		})
	})
	if failed := f.events(true); len(failed) != 1 || failed[0].Event.AppID != "app3" || failed[0].Delivery != webhook.DeliveryFailed {
		t.Errorf("failed are %+v", failed)
	}
}

func TestABlockedAppAndItsRecoveryHaveOneEventEach(t *testing.T) {
	t.Parallel()
	f, s := setup(t, simulator.Options{}), newReceiver(t)
	cfg := f.config("app1")
	cfg.Webhook = target(t, s.URL, oldSecret, newSecret)
	f.sim.SetAccountStatus(402)
	f.add("app1", "shop.example.com")
	for fails := range 3 { // a starting worker retries blocked apps without delay
		stop := f.start(cfg)
		f.await("it failed again", func() bool {
			app, err := f.ledger.App(t.Context(), "app1")
			return err == nil && app.Fails > fails
		})
		f.await("the event is delivered", func() bool { got, _ := s.delivered(); return len(got) > 0 })
		stop()
	}
	f.sim.SetAccountStatus(0)
	stop := f.start(cfg)
	f.awaitState("app1", "shop.example.com", tasks.Done)
	f.await("all events are delivered", func() bool { got, _ := s.delivered(); return len(got) >= 4 })
	stop()
	f.start(cfg)
	f.add("app1", "shop.example.com") // a repeated addition: one more sync, without an app event
	f.await("it is handled", func() bool {
		app, err := f.ledger.App(t.Context(), "app1")
		return err == nil && app.Pending == 0 && !app.Awake
	})
	got, _ := s.delivered()
	var kinds []string
	for _, d := range got {
		kinds = append(kinds, string(d.event.Type)+" "+string(d.event.State))
	}
	slices.Sort(kinds) // the domain's first state and the recovery are of one step
	want := []string{"app.blocked ", "app.recovered ", "domain.state checking-dns", "domain.state done"}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if got[0].event.Type != tasks.AppBlocked || !strings.Contains(got[0].event.Reason, "card") {
		t.Errorf("the first is %+v; want why the app is blocked", got[0].event)
	}
}

func TestAReplayedEventIsTheSameAsBefore(t *testing.T) {
	t.Parallel()
	f, s := setup(t, simulator.Options{}), newReceiver(t)
	if events := f.events(false); len(events) != 0 {
		t.Errorf("an empty Redis has the events %+v", events)
	}
	cfg := f.config("app1")
	cfg.Webhook = target(t, s.URL, oldSecret, newSecret)
	f.start(cfg)
	ids := f.enqueueEvents("app1", 2)
	delivered := func() bool {
		events := f.events(false)
		return !slices.ContainsFunc(events, func(e webhook.Info) bool { return e.Delivery != webhook.Delivered || e.Delivered.IsZero() })
	}
	f.await("both are delivered", delivered)
	events := webhook.NewEvents(f.rdb)
	if err := events.Replay(t.Context(), ids[0], "event:app1:1", "nonsense"); !errors.Is(err, webhook.ErrUnknown) ||
		!strings.Contains(err.Error(), "event:app1:1, nonsense") {
		t.Errorf("replaying what isn't there: %v", err)
	}
	if err := events.Replay(t.Context(), ids[0], ids[0]); err != nil {
		t.Fatal(err)
	}
	f.await("one is delivered again", func() bool { got, _ := s.delivered(); return len(got) > 2 && delivered() })
	if got, _ := s.delivered(); len(got) != 3 || got[0].id != ids[0] || got[1].id != ids[0] || got[0].body != got[1].body {
		t.Errorf("the delivered events are %+v", got)
	}

	s.answer(http.StatusNotFound)
	failing := f.enqueueEvents("app1", 1)[0]
	f.await("one waits", func() bool {
		return slices.ContainsFunc(f.events(false), func(e webhook.Info) bool { return e.ID == failing && e.Delivery == webhook.Retrying })
	})
	if err := asynq.NewInspectorFromRedisClient(f.rdb).ArchiveTask(tasks.QueueEvents, failing); err != nil {
		t.Fatal(err)
	}
	if failed := f.events(true); len(failed) != 1 || failed[0].ID != failing || !strings.Contains(failed[0].Error, "404") {
		t.Errorf("failed are %+v", failed)
	}
	s.answer(0)
	if err := events.Replay(t.Context(), failing); err != nil {
		t.Fatal(err)
	}
	f.await("what failed is delivered", func() bool { got, _ := s.delivered(); return len(got) == 4 })
}
