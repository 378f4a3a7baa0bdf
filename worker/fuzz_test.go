package worker_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"google.golang.org/protobuf/encoding/protowire"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/harness"
	"pilotsync/test/redistest"
	"pilotsync/worker/janitor"
	"pilotsync/worker/message"
)

// planted is what another program put on a queue.
type planted struct {
	queue, list, id string
	msg             []byte
}

// Whatever a producer puts on a queue, workers go on and lose nothing. Input that isn't raw
// becomes the payload of a message, which gets further.
func FuzzWhateverIsOnAQueueTheWorkerGoesOn(f *testing.F) {
	queues, lists := tasks.Queues(), []string{"pending", "active", "scheduled", "retry", "archived", "completed"}
	for _, seed := range []struct{ kind, payload string }{
		{tasks.TypeDomainAdd, `{"app_id":"app1","domain":"a.example.com","seq":1772366400123456,"requested_at":"2026-03-01T12:00:00Z"}`},
		{tasks.TypeDomainRemove, `{"app_id":"app1","domain":"a.example.com","seq":9007199254740991,"requested_at":"9999-12-31T00:00:00Z","v":1}`},
		{tasks.TypeDomainAdd, `{"app_id":"invented","domain":"a.example.com","seq":1772366400123456,"requested_at":"2026-03-01T12:00:00Z","v":99}`},
		{tasks.TypeAppSync, `{"app_id":"app1","wake":9223372036854775807}`},
		{tasks.TypeAppSync, `{"app_id":"invented","hour":1}`},
		{tasks.TypeSSLVerify, `{"app_id":"app1","domain":"a.example.com","seq":5,"attempt":2147483647,"due_at":"0001-01-01T00:00:00Z","watch":true}`},
		{tasks.TypeEventDeliver, `{"type":"domain.state","app_id":"app1","domain":"a.example.com","state":"done","at":"9999-12-31T00:00:00Z"}`},
		{tasks.TypeDomainCheck, `{"app_id":"app1","domain":"a.example.com","asked_at":"2026-03-01T12:00:00Z"}`},
		{"no.such", "\xff\x00"},
		{tasks.TypeDomainAdd, strings.Repeat("x", message.MaxSize)},
	} {
		for i := range queues {
			f.Add(uint8(i), uint8(i*5), seed.kind, seed.kind+":x", "pending", []byte(seed.payload), int64(i-1), false)
		}
	}
	for i := range lists {
		f.Add(uint8(0), uint8(i), "", "change:app1:a.example.com:1", "archived", []byte("{}"), int64(0), true)
		f.Add(uint8(1), uint8(i), tasks.TypeAppSync, strings.Repeat("\xff", message.MaxID+1), "", []byte(""), int64(math.MinInt64), false)
	}
	server := redistest.New(f)
	f.Fuzz(func(t *testing.T, queue, list uint8, kind, id, state string, payload []byte, number int64, raw bool) {
		p := planted{queue: queues[int(queue)%len(queues)], list: lists[int(list)%len(lists)], id: id, msg: payload}
		if !raw {
			fields := map[protowire.Number]int64{}
			for _, field := range []protowire.Number{5, 6, 8, 9, 12, 13} { // all that are integers
				fields[field] = number
			}
			p.msg = harness.Message(kind, id, p.queue, payload, fields)
		}
		goesOn(t, server.Addr, p, kind, state, number)
	})
}

func goesOn(t *testing.T, addr string, p planted, kind, state string, number int64) {
	sim, err := simulator.Start(simulator.Options{Apps: []simulator.App{{ID: "app1"}, {ID: "app2"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	f := setupOn(t, sim, addr)
	f.maintenance = 50 * time.Millisecond
	ctx := t.Context()
	if err := f.rdb.FlushAll(ctx).Err(); err != nil {
		t.Fatal(err)
	}
	const before, after = "honest-before.example.org", "honest-after.example.org"
	f.add("app1", before)
	prefix := "asynq:{" + p.queue + "}:"
	_, err = f.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.HSet(ctx, prefix+"t:"+p.id, "msg", p.msg, "state", state, "pending_since", number)
		if p.list == "pending" || p.list == "active" {
			pipe.RPush(ctx, prefix+p.list, p.id) // before the honest change
		} else {
			pipe.ZAdd(ctx, prefix+p.list, redis.Z{Score: float64(time.Now().Unix()) + 3600*float64(number%2), Member: p.id})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	cfg := f.config("app1", "app2")
	log := &harness.Log{Also: t.Output()}
	cfg.Log.SetOutput(log)
	first, second := f.start(cfg), f.start(cfg) // which also race for what they find
	settled := func(app, domain string) {
		t.Helper()
		f.await(domain+" is listed", func() bool { return slices.Contains(sim.List(app), domain) && f.view(app, domain).Pending == nil })
	}
	settled("app1", before)
	if _, err := f.client.Enqueue(ctx, enqueue.Request{AppID: "app2", Domain: after}); err != nil {
		t.Fatal(err)
	}
	settled("app2", after)
	first()
	second()
	if strings.Contains(log.String(), "panic") {
		t.Error("the worker panicked")
	}
	f.requireKept(p, kind)
}

// requireKept fails unless what was planted is still there, or was fulfilled.
func (f *fixture) requireKept(p planted, kind string) {
	f.t.Helper()
	if n, err := f.rdb.Exists(f.t.Context(), "asynq:{"+p.queue+"}:t:"+p.id).Result(); err != nil || n == 1 {
		return
	}
	all, _, err := janitor.NewQuarantine(f.rdb).List(f.t.Context(), 100)
	if err != nil {
		f.t.Fatal(err)
	}
	if len(all) > 0 { // with another id or message if it was given the right labels
		return
	}
	format, err := message.NewFormat()
	if err != nil {
		f.t.Fatal(err)
	}
	known := []string{tasks.TypeDomainAdd, tasks.TypeDomainRemove, tasks.TypeAppSync, tasks.TypeSSLVerify, tasks.TypeEventDeliver, tasks.TypeDomainCheck}
	if p.list == "completed" || format.Valid(p.msg) && slices.Contains(known, kind) {
		return // asynq deletes what it has completed
	}
	f.t.Errorf("the task %.100q of queue %s is neither on it nor in the quarantine, and can't have been completed", p.id, p.queue)
}
