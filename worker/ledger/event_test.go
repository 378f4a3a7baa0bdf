package ledger

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

// reported returns a ledger with a domain that is done, an app that was blocked and recovered, and
// their three events, which are in the outbox.
func reported(t *testing.T) (*Ledger, *redis.Client, []OutboxEvent) {
	t.Helper()
	l, server := frozen(t)
	rdb := client(t, server.Addr())
	if _, err := l.Record(t.Context(), change("a.example.com", first), event("asked")); err != nil {
		t.Fatal(err)
	}
	sync := func(failure *listsync.Failure, outcomes ...listsync.Outcome) {
		t.Helper()
		lease, err := l.Acquire(t.Context(), testApp)
		if err == nil && failure != nil {
			err = l.Fail(t.Context(), lease, failure)
		} else if err == nil {
			if _, err = l.Commit(t.Context(), lease, listsync.Commit{Outcomes: outcomes}); err == nil {
				_, err = l.Release(t.Context(), lease)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	sync(&listsync.Failure{Reason: "no card", Blocked: true, Since: start})
	r := record("a.example.com", first)
	r.State, r.SiteID, r.Certificate, r.ExpiryNotified = tasks.Done, 7, &listsync.Cert{NotAfter: start}, &start
	sync(nil, listsync.Outcome{Record: r, Notify: true})
	events := outbox(t, l, 10)
	if len(events) != 3 {
		t.Fatalf("the outbox has %+v", events)
	}
	return l, rdb, events
}

func TestWhatIsSentIsTheLedgersEventOfThatTime(t *testing.T) {
	t.Parallel()
	l, _, events := reported(t)
	if err := l.RemoveFromOutbox(t.Context(), testApp, events...); err != nil { // they are on the queue
		t.Fatal(err)
	}
	for _, want := range events {
		forged := tasks.Event{Type: tasks.AppBlocked, AppID: testApp, Domain: "a.example.com", State: tasks.Failed, Reason: "forged", At: want.At}
		got, err := l.Event(t.Context(), forged)
		if diff := cmp.Diff(want.Event, got); err != nil || diff != "" {
			t.Errorf("the event of %s (-want +got), %v:\n%s", want.At, err, diff)
		}
	}
}

func TestAnEventThatIsNotKeptSaysWhatTheLedgerSays(t *testing.T) {
	t.Parallel()
	l, rdb, events := reported(t)
	blocked, state, recovered := events[0].Event, events[1].Event, events[2].Event
	for _, e := range events {
		if err := l.RemoveEvent(t.Context(), e.Event); err != nil {
			t.Fatal(err)
		}
	}
	if n := rdb.Exists(t.Context(), key(testApp, "events")).Val(); n != 0 {
		t.Fatal("delivered events are kept")
	}
	expiring := state
	expiring.Type = tasks.CertificateExpiring
	removed := tasks.Event{Type: tasks.DomainState, AppID: testApp, Domain: "b.example.com", Seq: 5, State: tasks.Removed, Names: []string{},
		Reason: "taken off the list", Cause: tasks.Cause{Code: tasks.CauseRemoved}}
	now := start
	for _, test := range []struct {
		name  string
		given tasks.Event
		want  tasks.Event // the zero Event for none
		err   error
	}{
		{"another state", tasks.Event{Type: tasks.DomainState, Domain: "a.example.com", State: tasks.Failed, Reason: "forged", SiteID: 1}, state, nil},
		{"a certificate that was warned of", tasks.Event{Type: tasks.CertificateExpiring, Domain: "a.example.com"}, expiring, nil},
		{"a failure that is over", tasks.Event{Type: tasks.AppBlocked, Reason: "forged"}, recovered, nil},
		{"a recovery", tasks.Event{Type: tasks.AppRecovered, Reason: "forged"}, recovered, nil},
		{"a domain whose record is gone", tasks.Event{Type: tasks.DomainState, Domain: "b.example.com", Seq: 5, State: tasks.Removed}, removed, nil},
		{"a domain that isn't known", tasks.Event{Type: tasks.DomainState, Domain: "b.example.com", State: tasks.Done}, tasks.Event{}, ErrNoEvent},
		{"a loss that wasn't", tasks.Event{Type: tasks.LedgerLost, Ledger: "forged"}, tasks.Event{}, ErrNoEvent},
		{"a type of a later release", tasks.Event{Type: "domain.moved", Domain: "a.example.com"}, tasks.Event{}, tasks.ErrNewer},
		{"the year 9999", tasks.Event{Type: tasks.DomainState, Domain: "a.example.com", At: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}, tasks.Event{}, ErrNoEvent},
		{"a time after the last event and now", tasks.Event{Type: tasks.DomainState, Domain: "a.example.com", At: recovered.At.Add(time.Microsecond)}, tasks.Event{}, ErrNoEvent},
	} {
		test.given.AppID = testApp
		if test.given.At.IsZero() {
			test.given.At = now
		}
		if test.want.Type != "" {
			test.want.At = test.given.At
		}
		got, err := l.Event(t.Context(), test.given)
		if !errors.Is(err, test.err) {
			t.Errorf("%s: %v, want %v", test.name, err, test.err)
		} else if diff := cmp.Diff(test.want, got); err == nil && diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}

	// While the app is blocked, and a record is changed by an operation that emits nothing.
	rdb.HSet(t.Context(), key(testApp, "sync"), "alarm", "1", "trouble", "no card")
	got, err := l.Event(t.Context(), tasks.Event{Type: tasks.AppRecovered, AppID: testApp, At: blocked.At})
	if diff := cmp.Diff(blocked, got); err != nil || diff != "" {
		t.Errorf("while the app is blocked (-want +got), %v:\n%s", err, diff)
	}
	renewed := record("a.example.com", first)
	renewed.State, renewed.SiteID, renewed.ExpiryNotified = tasks.Done, 7, &start
	renewed.Certificate = &listsync.Cert{NotAfter: start.Add(time.Hour)}
	rdb.HSet(t.Context(), key(testApp, "domains"), "a.example.com", encode(renewed))
	got, err = l.Event(t.Context(), tasks.Event{Type: tasks.CertificateExpiring, AppID: testApp, Domain: "a.example.com", At: now})
	if err != nil || got.Type != tasks.DomainState || !got.CertificateUntil.Equal(start.Add(time.Hour)) {
		t.Errorf("of a renewed certificate: %+v, %v", got, err)
	}
	if _, err := l.Record(t.Context(), change("b.example.com", first+1), event("asked")); err != nil {
		t.Fatal(err)
	}
	if got, err := l.Event(t.Context(), tasks.Event{Type: tasks.DomainState, AppID: testApp, Domain: "b.example.com", State: tasks.Removed, At: now}); !errors.Is(err, ErrNoEvent) {
		t.Errorf("of a domain that was just requested: %+v, %v", got, err)
	}
}

func TestALossIsReportedWithThePresentIdentity(t *testing.T) {
	t.Parallel()
	l, _ := frozen(t)
	current, err := l.Identify(t.Context(), Identity{})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.NotifyLoss(t.Context(), testApp, current); err != nil {
		t.Fatal(err)
	}
	for _, event := range outbox(t, l, 1) {
		if err := l.RemoveEvent(t.Context(), event.Event); err != nil {
			t.Fatal(err)
		}
		forged := event.Event
		forged.Ledger = "forged"
		if got, err := l.Event(t.Context(), forged); err != nil || got.Ledger != current.ID {
			t.Errorf("it is %+v, %v", got, err)
		}
	}
}

func TestEventsAreKeptForThreeDays(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, l *Ledger, rdb *redis.Client) {
		now, err := l.Now(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for line, age := range map[string]time.Duration{"old": 73 * time.Hour, "recent": 71 * time.Hour} {
			rdb.ZAdd(t.Context(), key(testApp, "events"), redis.Z{Score: float64(now.Add(-age).UnixMicro()), Member: line})
		}
		if err := l.NotifyLoss(t.Context(), testApp, Identity{ID: "new"}); err != nil {
			t.Fatal(err)
		}
		kept := rdb.ZRange(t.Context(), key(testApp, "events"), 0, -1).Val()
		_, text, _ := strings.Cut(kept[len(kept)-1], " ")
		if len(kept) != 2 || kept[0] != "recent" || !json.Valid([]byte(text)) {
			t.Errorf("kept are %q", kept)
		}
	})
}
