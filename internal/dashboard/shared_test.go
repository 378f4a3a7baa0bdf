package dashboard

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

// countedLedger counts the reads of all apps.
type countedLedger struct {
	fakeLedger
	reads int
}

func (c *countedLedger) AppStates(ctx context.Context, ids ...string) ([]ledger.App, error) {
	c.reads++
	return c.fakeLedger.AppStates(ctx, ids...)
}

func TestPagesShareReadsUntilSomethingChanges(t *testing.T) {
	t.Parallel()
	fresh, l := &freshness{}, &countedLedger{}
	shared := newSharedLedger(t.Context(), l, fresh)
	page := func(want int, when string) {
		t.Helper()
		if _, err := shared.AppStates(t.Context()); err != nil || l.reads != want {
			t.Errorf("%s: the apps were read %d times, want %d (%v)", when, l.reads, want, err)
		}
	}
	page(1, "without a stream")
	page(2, "without a stream, again")
	fresh.stream(1)
	page(3, "with a first stream")
	page(3, "with a stream, again")
	fresh.begin()
	page(4, "after a change")
	page(4, "after a change, again")
	fresh.stream(-1)
	page(5, "without streams")
	page(6, "without streams, again")
}

// sentCommands counts the commands that a client sends.
type sentCommands struct{ n atomic.Int64 }

func (c *sentCommands) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c *sentCommands) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.n.Add(1)
		return next(ctx, cmd)
	}
}

func (c *sentCommands) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if cmds[0].Name() != "hello" { // a new connection
			c.n.Add(int64(len(cmds)))
		}
		return next(ctx, cmds)
	}
}

// restedApps returns a Redis with apps of one domain each, all of which changed long ago.
func restedApps(t *testing.T, apps int) *redis.Client {
	t.Helper()
	// With the race detector miniredis may read 200 apps for seconds.
	rdb := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr(), ReadTimeout: time.Minute})
	t.Cleanup(func() { _ = rdb.Close() })
	l := ledger.New(rdb)
	for i := range apps {
		changeDomain(t, l, fmt.Sprintf("app%03d", i), int64(i+1))
	}
	const marks = "pilotsync:{agenda}:changed"
	for i := range apps {
		rdb.ZIncrBy(t.Context(), marks, float64(-time.Hour.Milliseconds()), fmt.Sprintf("app%03d", i))
	}
	if _, err := l.AppStates(t.Context()); err != nil || rdb.ZCard(t.Context(), marks).Val() != 0 {
		t.Fatalf("the apps haven't rested: %v", err)
	}
	return rdb
}

func changeDomain(t *testing.T, l *ledger.Ledger, app string, seq int64) {
	t.Helper()
	change := listsync.Pending{Change: tasks.Change{AppID: app, Domain: "shop.example.com", Seq: seq, RequestedAt: noon}, RecordedAt: noon}
	if _, err := l.Record(t.Context(), change, listsync.HistoryEntry{At: noon, State: tasks.Pending}); err != nil {
		t.Fatal(err)
	}
}

// In a second one app changes, the hub reads, and all viewers load their page.
func TestASecondOfViewersTakesFewCommands(t *testing.T) {
	t.Parallel()
	costs := map[string]int64{}
	for _, apps := range []int{20, 200} {
		for _, viewers := range []int{1, 20} {
			rdb := restedApps(t, apps)
			sent := &sentCommands{}
			rdb.AddHook(sent)
			fresh := &freshness{}
			shared, queues := newSharedLedger(t.Context(), ledger.New(rdb), fresh), newSharedQueues(t.Context(), newQueueInspector(rdb), fresh)
			p := &pageServer{reader: shared, queues: queues, fresh: fresh, templates: newPageTemplates(), now: time.Now,
				log: testLog(t.Output()).WithField("test", t.Name())}
			mux := http.NewServeMux()
			p.register(mux)
			hub := snapshotReader{shared, queues}
			fresh.stream(1)
			producer := ledger.New(redis.NewClient(rdb.Options()))
			var before snapshot
			for second := range int64(4) {
				changeDomain(t, producer, "app007", time.Now().UnixMicro()+second)
				sent.n.Store(0)
				fresh.begin()
				now, err := hub.take(t.Context())
				if err != nil || before != nil && len(changed(before, now)) != 1 {
					t.Fatalf("%v changed (%v)", changed(before, now), err)
				}
				before = now
				for range viewers {
					checkAnswer(t, sendRequest(mux, "GET", "/", nil), 200, "shop.example.com")
				}
			}
			costs[fmt.Sprintf("%d apps, %d viewers", apps, viewers)] = sent.n.Load()
		}
	}
	for what, n := range costs {
		if n != costs["20 apps, 1 viewers"] || n > 30 {
			t.Errorf("%s send %d commands; all: %v", what, n, costs)
		}
	}
}
