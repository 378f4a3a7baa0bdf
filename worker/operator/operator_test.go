package operator

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

func setup(t *testing.T) (Operator, redis.UniversalClient, *miniredis.Miniredis) {
	t.Helper()
	mini := miniredis.RunT(t)
	rdb := redis.NewClient(&redis.Options{Addr: mini.Addr()})
	t.Cleanup(func() { rdb.Close() })
	return New(rdb), rdb, mini
}

// knownApp is an app with a pending change, whose sync task a worker runs.
func knownApp(t *testing.T, o Operator, rdb redis.UniversalClient) (id string) {
	t.Helper()
	ctx := t.Context()
	change := listsync.Pending{Change: tasks.Change{AppID: "app1", Domain: "shop.example.com", Seq: 1, RequestedAt: time.Now()}, RecordedAt: time.Now()}
	if _, err := ledger.New(rdb).Record(ctx, change, listsync.HistoryEntry{At: time.Now(), State: tasks.Pending, Cause: tasks.Cause{Code: tasks.CauseAdditionRequested}}); err != nil {
		t.Fatal(err)
	}
	if err := o.Sync(ctx, "app1"); err != nil {
		t.Fatal(err)
	}
	id, err := rdb.RPopLPush(ctx, "asynq:{lists}:pending", "asynq:{lists}:active").Result()
	if err == nil {
		err = rdb.HSet(ctx, "asynq:{lists}:t:"+id, "state", "active").Err()
	}
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestForgetAwaitsTheTaskThatAWorkerRuns(t *testing.T) {
	t.Parallel()
	o, rdb, mini := setup(t)
	id := knownApp(t, o, rdb)
	forgotten := make(chan error, 1)
	go func() { forgotten <- o.Forget(t.Context(), "app1") }()
	for mini.Exists("pilotsync:{app1}:pending") { // the ledger goes first
		select {
		case err := <-forgotten:
			t.Fatalf("it ended although the task runs: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	if active, err := mini.List("asynq:{lists}:active"); err != nil || len(active) != 1 {
		t.Errorf("active are %v, %v", active, err)
	}
	rdb.TxPipelined(t.Context(), func(p redis.Pipeliner) error { // its worker ends it
		p.LRem(t.Context(), "asynq:{lists}:active", 1, id)
		p.Del(t.Context(), "asynq:{lists}:t:"+id)
		return nil
	})
	if err := <-forgotten; err != nil {
		t.Error(err)
	}
	for _, key := range mini.Keys() {
		if strings.Contains(key, "app1") {
			t.Errorf("%s is left", key)
		}
	}
}

func TestForgetEndsWithItsContext(t *testing.T) {
	t.Parallel()
	o, rdb, mini := setup(t)
	knownApp(t, o, rdb)
	ctx, cancel := context.WithCancel(t.Context())
	forgotten := make(chan error, 1)
	go func() { forgotten <- o.Forget(ctx, "app1") }()
	for mini.Exists("pilotsync:{app1}:pending") {
		select {
		case err := <-forgotten:
			t.Fatalf("it ended although the task runs: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	cancel()
	if err := <-forgotten; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestAPausedAppIsNotSynced(t *testing.T) {
	t.Parallel()
	o, rdb, _ := setup(t)
	knownApp(t, o, rdb)
	if err := o.Pause(t.Context(), "app1", "ada"); err != nil {
		t.Fatal(err)
	}
	if err := o.Sync(t.Context(), "app1"); err == nil || !strings.Contains(err.Error(), "paused by ada") {
		t.Errorf("got %v", err)
	}
	if paused, err := o.Resume(t.Context(), "app1", "bob"); !paused || err != nil {
		t.Errorf("resumed %v, %v", paused, err)
	}
	if paused, err := o.Resume(t.Context(), "app1", "ada"); paused || err != nil {
		t.Errorf("resumed again: %v, %v", paused, err)
	}
	if err := o.Sync(t.Context(), "app1"); err != nil {
		t.Error(err)
	}
	audited, _, err := ledger.New(rdb).Audit(t.Context(), ledger.AuditQuery{App: "app1", Limit: 9})
	if err != nil {
		t.Fatal(err)
	}
	var actions []string
	for _, e := range audited {
		if e.Domain == "" {
			actions = append(actions, e.Action+" by "+e.By)
		}
	}
	if got := strings.Join(actions, ", "); got != "resume by bob, pause by ada" {
		t.Errorf("the audit has %q", got)
	}
	for _, by := range []string{"", "a\n"} {
		if _, err := o.Resume(t.Context(), "app1", by); err == nil {
			t.Errorf("%q resumes", by)
		}
	}
}
