package worker_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/operator"
)

func TestADomainGoesFromRequestToCertificate(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1", Domains: []string{"byhand.example.net"}}}})
	f.start(f.config("app1"))
	f.add("app1", "good.example.com", "nodns.example.com", "nocert.example.com", "refused.example.com", "*.wild.example.com")
	want := map[string]tasks.State{
		"good.example.com": tasks.Done, "nodns.example.com": tasks.Failed, "nocert.example.com": tasks.DoneWithoutSSL,
		"refused.example.com": tasks.Rejected, "*.wild.example.com": tasks.DoneWithoutSSL,
	}
	f.await("all states are final", func() bool { return cmp.Equal(f.states("app1"), want) })
	list := f.sim.List("app1")
	if list[0] != "byhand.example.net" {
		t.Errorf("the name set by hand moved: %v", list)
	}
	slices.Sort(list)
	wantList := []string{"*.wild.example.com", "byhand.example.net", "good.example.com", "nocert.example.com", "nodns.example.com",
		"www.good.example.com", "www.nocert.example.com", "www.nodns.example.com"}
	if diff := cmp.Diff(wantList, list); diff != "" {
		t.Errorf("the list (-want +got):\n%s", diff)
	}
	if n := f.sim.Calls("app1", simulator.WriteSSL); n != 1 {
		t.Errorf("AutoSSL was turned on %d times", n)
	}
	history, err := f.ledger.History(t.Context(), "app1", "nodns.example.com")
	if err != nil {
		t.Fatal(err)
	}
	var way []tasks.State
	for _, e := range slices.Backward(history) {
		way = append(way, e.State)
	}
	if diff := cmp.Diff([]tasks.State{tasks.Pending, tasks.CheckingDNS, tasks.CheckingDNS, tasks.CheckingDNS, tasks.Failed}, way); diff != "" {
		t.Errorf("the history of nodns.example.com (-want +got):\n%s", diff)
	}
}

// A change of another app begins and ends while the burst's first read or write is held. So it
// doesn't wait for the burst. bench measures how long it takes.
func TestABurstOnOneAppNeedsFewWritesAndDelaysNoOther(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		held    simulator.Call
		workers int
		writes  int // at most: what is recorded during a write takes another one
	}{
		{simulator.ReadApp, 1, 1},
		{simulator.WriteList, 1, 2},
		{simulator.WriteList, 4, 2},
	} {
		t.Run(fmt.Sprintf("%s held, %d workers", tt.held, tt.workers), func(t *testing.T) {
			t.Parallel()
			f := setup(t, simulator.Options{Apps: []simulator.App{{ID: "big"}, {ID: "small"}}})
			cfg := f.config("big", "small")
			cfg.SSLDelays = []time.Duration{time.Hour}
			for range tt.workers {
				f.start(cfg)
			}
			burst := func() ledger.App {
				app, err := f.ledger.App(t.Context(), "big")
				if err != nil {
					t.Fatal(err)
				}
				return app
			}
			release := make(chan struct{})
			f.sim.FailNext("big", tt.held, simulator.Fault{Kind: simulator.Slow, Until: release})

			// Most of the burst is recorded before the call is held, since a worker gives
			// a call up after 20 s.
			operator := operator.New(f.rdb)
			if err := operator.Pause(t.Context(), "big", "test"); err != nil {
				t.Fatal(err)
			}
			all := names(60)
			f.add("big", all[:50]...)
			f.await("most of the burst is recorded", func() bool { return burst().Pending == 50 })
			if _, err := operator.Resume(t.Context(), "big", "ada"); err != nil {
				t.Fatal(err)
			}
			f.await("the call is held", func() bool { return f.sim.Calls("big", tt.held) == 1 })
			f.add("big", all[50:]...)
			f.add("small", "www.single.example.com")
			f.awaitState("small", "www.single.example.com", tasks.CheckingDNS)
			if app := burst(); !app.Leased || app.Failure != nil {
				t.Errorf("the burst's sync ended before the other app's change was done: %+v, trouble %+v", app, app.Failure)
			}
			f.await("all of the burst is recorded", func() bool { return burst().Pending == len(all) })
			close(release)
			f.await("the burst is listed", func() bool { return len(f.sim.List("big")) == len(all) && burst().Pending == 0 })
			if writes := f.sim.Calls("big", simulator.WriteList); writes > tt.writes {
				t.Errorf("%d names took %d list writes; at most %d are allowed", len(all), writes, tt.writes)
			}
			if o := f.sim.Overlaps(); len(o) > 0 {
				t.Errorf("%d list writes overlapped, the first: %+v", len(o), o[0])
			}
		})
	}
}

// This holds for any number of workers, since each write makes ServerPilot configure the web
// server anew.
func TestAListIsWrittenAtMostTwiceASecond(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	for range 4 {
		f.start(f.config("app1"))
	}
	for i := 0; len(f.sim.History("app1")) < 4; i++ {
		domain := fmt.Sprintf("www.shop%03d.example.com", i%300)
		f.add("app1", domain)
		f.await(domain+" is recorded", func() bool { return f.view("app1", domain).Seq > 0 })
	}
	history := f.sim.History("app1")
	for i, next := range history[1:] {
		// Redis counts in milliseconds.
		if pause := next.ReceivedAt.Sub(history[i].AnsweredAt); pause < 495*time.Millisecond {
			t.Errorf("write %d came %s after the answer to the one before", next.Index, pause)
		}
	}
}

func TestARepeatedAdditionChangesNothing(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	f.start(f.config("app1"))
	f.add("app1", "shop.example.com")
	f.awaitState("app1", "shop.example.com", tasks.Done)
	before, writes := f.view("app1", "shop.example.com"), f.sim.Calls("app1", simulator.WriteList)
	f.add("app1", "shop.example.com")
	f.await("the second request is handled", func() bool {
		v := f.view("app1", "shop.example.com")
		return v.Pending == nil && v.Seq > before.Seq
	})
	after := f.view("app1", "shop.example.com")
	if after.State != tasks.Done || after.Record.Attempt != before.Record.Attempt || after.Reason != before.Reason {
		t.Errorf("asking again changed the domain: %+v, was %+v", after, before)
	}
	if n := f.sim.Calls("app1", simulator.WriteList); n != writes {
		t.Errorf("asking again wrote the list: %d writes, was %d", n, writes)
	}
}

func TestARemovedDomainIsNotVerifiedAndCanComeBack(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	f.start(f.config("app1"))
	f.add("app1", "nodns.example.com")
	f.await("one attempt was made", func() bool { return f.view("app1", "nodns.example.com").Record.Attempt == 1 })
	if _, err := f.client.Enqueue(t.Context(), enqueue.Request{AppID: "app1", Domain: "nodns.example.com", Remove: true}); err != nil {
		t.Fatal(err)
	}
	f.awaitState("app1", "nodns.example.com", tasks.Removed)
	if list := f.sim.List("app1"); len(list) != 0 {
		t.Errorf("still on the list: %v", list)
	}
	f.add("app1", "nodns.example.com")
	f.await("it starts from the first attempt", func() bool {
		v := f.view("app1", "nodns.example.com")
		return v.State.Checking() && v.Record.Attempt == 1
	})
	f.awaitState("app1", "nodns.example.com", tasks.Failed)
	history, err := f.ledger.History(t.Context(), "app1", "nodns.example.com")
	if err != nil {
		t.Fatal(err)
	}
	attempts := 0
	for _, e := range history {
		if e.Attempt > 0 {
			attempts++
		}
	}
	if attempts != 4 { // one before the removal, three after it came back
		t.Errorf("%d attempts in the history, want 4: %+v", attempts, history)
	}
}

func TestAnAppWithoutAnAccountWaitsAndSaysSo(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}, {ID: "app2"}}})
	stop := f.start(f.config("app1"))
	f.add("app2", "shop.example.com")
	f.await("the reason names the apps", func() bool {
		v := f.view("app2", "shop.example.com")
		return v.State == tasks.Pending && strings.Contains(v.Reason, "app2") && strings.Contains(v.Reason, "the apps served are app1")
	})
	stop()
	f.start(f.config("app1", "app2"))
	f.awaitState("app2", "shop.example.com", tasks.Done)
}

func TestABlockedAccountKeepsItsChangesAndRecovers(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	f.sim.SetAccountStatus(402)
	stop := f.start(f.config("app1"))
	f.add("app1", "shop.example.com")
	f.await("the reason tells what to do", func() bool {
		v := f.view("app1", "shop.example.com")
		return v.State == tasks.Pending && strings.Contains(v.Reason, "card")
	})
	app, err := f.ledger.App(t.Context(), "app1")
	if err != nil || app.Failure == nil || !app.Failure.Blocked {
		t.Fatalf("the app isn't blocked: %+v, %v", app, err)
	}
	f.sim.SetAccountStatus(0)
	// A starting worker retries blocked apps without delay: the cause may be fixed.
	stop()
	f.start(f.config("app1"))
	f.awaitState("app1", "shop.example.com", tasks.Done)
	if app, err = f.ledger.App(t.Context(), "app1"); err != nil || app.Failure != nil {
		t.Errorf("the trouble is still noted: %+v, %v", app.Failure, err)
	}
}

func TestABadPayloadIsArchivedWithItsReason(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	f.start(f.config("app1"))
	client, inspector := asynq.NewClientFromRedisClient(f.rdb), asynq.NewInspectorFromRedisClient(f.rdb)
	var invented []any
	for i := range ledger.MaxDomains {
		invented = append(invented, fmt.Sprint(i, ".example.com"), 1)
	}
	if err := f.rdb.HSet(t.Context(), "pilotsync:{crowded}:seqs", invented...).Err(); err != nil {
		t.Fatal(err)
	}
	poison := []struct{ queue, kind, payload, reason string }{
		{tasks.QueueDomains, tasks.TypeDomainAdd, "not JSON", "not the JSON"},
		{tasks.QueueDomains, tasks.TypeDomainAdd, `{"app_id":"app1","domain":"x","seq":1,"requested_at":"2026-01-01T00:00:00Z"}`, "domain"},
		{tasks.QueueDomains, tasks.TypeDomainRemove, `{"app_id":"app1","domain":"x.example.com","requested_at":"2026-01-01T00:00:00Z"}`, "seq"},
		{tasks.QueueDomains, tasks.TypeDomainRemove, `{"app_id":"app1","domain":"shop.example.com","seq":9007199254740992,"requested_at":"2026-01-01T00:00:00Z"}`, "order number 9007199254740992 of change:app1:shop.example.com:9007199254740992 was never issued"},
		{tasks.QueueDomains, tasks.TypeDomainAdd, `{"app_id":"crowded","domain":"x.example.com","seq":1,"requested_at":"2026-01-01T00:00:00Z"}`, "takes no more"},
		{tasks.QueueDomains, "domain:rename", `{}`, "no such task type"},
		{tasks.QueueLists, tasks.TypeAppSync, `{"app_id":"a/b","wake":1}`, "app_id"},
		{tasks.QueueSSL, tasks.TypeSSLVerify, `{"app_id":"app1","domain":"x.example.com","seq":1,"attempt":0}`, "attempt"},
		{tasks.QueueEvents, tasks.TypeEventDeliver, `[]`, "JSON"},
		{tasks.QueueChecks, tasks.TypeDomainCheck, `{"app_id":"app1","domain":"x.example.com"}`, "asked_at"},
	}
	for _, p := range poison {
		info, err := client.Enqueue(asynq.NewTask(p.kind, []byte(p.payload)), asynq.Queue(p.queue))
		if err != nil {
			t.Fatal(err)
		}
		f.await(p.kind+" "+p.payload+" is archived", func() bool {
			now, err := inspector.GetTaskInfo(p.queue, info.ID)
			return err == nil && now.State == asynq.TaskStateArchived && strings.Contains(now.LastErr, p.reason)
		})
	}
	f.add("app1", "shop.example.com")
	f.awaitState("app1", "shop.example.com", tasks.Done)
}

func TestAnotherWorkerContinuesAStoppedWorkersTasks(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{Latency: 300 * time.Millisecond})
	cfg := f.config("app1")
	stop := f.start(cfg)
	f.add("app1", names(5)...)
	f.await("a call is under way", func() bool { return f.sim.Calls("app1", simulator.ReadApp) > 0 })
	stop()
	app, err := f.ledger.App(t.Context(), "app1")
	if err != nil || app.Leased {
		t.Errorf("the lease is still held: %+v, %v", app, err)
	}
	f.start(cfg)
	f.await("the rest is listed", func() bool { return len(f.sim.List("app1")) == 5 })
	if o := f.sim.Overlaps(); len(o) > 0 {
		t.Errorf("%d list writes overlapped, the first: %+v", len(o), o[0])
	}
}
