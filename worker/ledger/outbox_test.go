package ledger

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

func TestTheOutboxKeepsEachEventUnderItsTimeUntilItIsSent(t *testing.T) {
	t.Parallel()
	l, _ := frozen(t)
	ctx := t.Context()
	lease := listsync.Lease{}
	sync := func(failure *listsync.Failure, outcomes ...listsync.Outcome) {
		t.Helper()
		var err error
		if lease, err = l.Acquire(ctx, testApp); err != nil {
			t.Fatal(err)
		}
		if failure == nil {
			if _, err = l.Commit(ctx, lease, listsync.Commit{Outcomes: outcomes}); err == nil {
				_, err = l.Release(ctx, lease)
			}
		} else {
			err = l.Fail(ctx, lease, failure)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Record(ctx, change("a.example.com", first), event("asked")); err != nil {
		t.Fatal(err)
	}
	unpaid := &listsync.Failure{Reason: "no card", Blocked: true, Since: start}
	sync(unpaid)
	sync(unpaid)
	r := record("a.example.com", first)
	r.SiteID, r.Certificate = 7, &listsync.Cert{NotAfter: start}
	r.Warnings = []tasks.Cause{{Code: tasks.CauseDNSMissing, Params: tasks.Params{Name: "www.a.example.com"}}}
	sync(nil, listsync.Outcome{Record: r, Notify: true})
	at := func(us int) time.Time { return start.Add(time.Duration(us) * time.Microsecond) }
	want := []OutboxEvent{
		{Event: tasks.Event{Type: tasks.AppBlocked, AppID: testApp, Reason: "no card", At: at(0),
			Cause:  tasks.Cause{Code: tasks.CauseAppBlocked, Params: tasks.Params{App: testApp, Message: "no card"}},
			Remedy: "Remove this cause, which blocks the app. Its changes then continue by themselves; none is lost."}},
		{Event: tasks.Event{Type: tasks.DomainState, AppID: testApp, Domain: "a.example.com", Seq: first, State: tasks.CheckingDNS,
			Names: []string{"a.example.com"}, SiteID: 7, CertificateUntil: start, Warnings: r.Warnings,
			Remedy: "Create an address record of www.a.example.com.", At: at(1)}},
		{Event: tasks.Event{Type: tasks.AppRecovered, AppID: testApp, Reason: "its domain list can be read and written again", At: at(2)}},
	}
	got := outbox(t, l, 10)
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(OutboxEvent{})); diff != "" {
		t.Fatalf("the outbox (-want +got):\n%s", diff)
	}
	if again := outbox(t, l, 2); len(again) != 2 || again[0].ID() != got[0].ID() {
		t.Errorf("read again, the first two are %+v", again)
	}
	for range 2 { // a second one finds it sent
		if err := l.RemoveFromOutbox(ctx, testApp, got[1]); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]OutboxEvent{want[0], want[2]}, outbox(t, l, 10), cmpopts.IgnoreUnexported(OutboxEvent{})); diff != "" {
		t.Errorf("the outbox after one was sent (-want +got):\n%s", diff)
	}
	for _, event := range got {
		if _, err := tasks.Decode[tasks.Event](tasks.Encode(event.Event)); err != nil {
			t.Errorf("an unknown event: %v", err)
		}
	}
}

func outbox(t *testing.T, l *Ledger, n int) []OutboxEvent {
	t.Helper()
	events, err := l.Outbox(t.Context(), testApp, n)
	if err != nil {
		t.Fatal(err)
	}
	return events
}
