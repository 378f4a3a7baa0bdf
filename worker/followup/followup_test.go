package followup

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

func newEnqueuer(t *testing.T) (Enqueuer, *asynq.Inspector) {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	t.Cleanup(func() { rdb.Close() })
	return New(rdb), asynq.NewInspectorFromRedisClient(rdb)
}

func TestTheSameTaskIsEnqueuedOnce(t *testing.T) {
	t.Parallel()
	e, inspector := newEnqueuer(t)
	for range 2 {
		if err := e.Sync(t.Context(), tasks.Sync{AppID: "app1", Wake: 7}); err != nil {
			t.Fatal(err)
		}
	}
	waiting, err := inspector.ListPendingTasks(tasks.QueueLists)
	if err != nil || len(waiting) != 1 || waiting[0].ID != (tasks.Sync{AppID: "app1", Wake: 7}).ID() || waiting[0].Timeout != syncTimeout {
		t.Errorf("%+v, %v", waiting, err)
	}
}

func TestAVerificationRunsNoSooner(t *testing.T) {
	t.Parallel()
	e, inspector := newEnqueuer(t)
	at := time.Now().Add(time.Hour).Truncate(time.Second).Add(time.Millisecond)
	record := listsync.Record{Domain: "shop.example.com", CheckSeq: 5, Attempt: 2, NextAttemptAt: &at}
	if err := e.Verify(t.Context(), "app1", record); err != nil {
		t.Fatal(err)
	}
	next := NextAttempt("app1", record)
	if next.Attempt != 3 || next.Seq != 5 || !next.DueAt.Equal(at) {
		t.Errorf("the next attempt is %+v", next)
	}
	// An attempt that was lost has another id: that of the first may still be held.
	if err := e.VerifyAgain(t.Context(), next, at); err != nil {
		t.Fatal(err)
	}
	found, err := inspector.ListScheduledTasks(tasks.QueueSSL)
	if err != nil || len(found) != 2 || found[0].ID == found[1].ID {
		t.Fatalf("%d tasks, %v", len(found), err)
	}
	for _, task := range found {
		// asynq's times are whole seconds.
		if task.NextProcessAt.Before(at) || task.NextProcessAt.Sub(at) >= time.Second {
			t.Errorf("%s runs at %s, and is due at %s", task.ID, task.NextProcessAt, at)
		}
	}
}

func TestNothingIsEnqueuedAfterTheEndOfItsContext(t *testing.T) {
	t.Parallel()
	e, inspector := newEnqueuer(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.Event(ended, tasks.Event{Type: tasks.AppBlocked, AppID: "app1", At: time.Now()}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if queues, err := inspector.Queues(); err != nil || len(queues) != 0 {
		t.Errorf("there are queues: %v, %v", queues, err)
	}
}
