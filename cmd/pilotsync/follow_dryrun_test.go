package main

import (
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"pilotsync/enqueue"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

func TestWaitingEndsWithWhatADryRunHasPlanned(t *testing.T) {
	t.Parallel()
	rdb := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	defer rdb.Close()
	ctx, l := t.Context(), ledger.New(rdb)
	f := newFollowed([]enqueue.Receipt{{AppID: "app1", Domain: "a.example.com", Seq: 7}})
	change := listsync.Pending{Change: tasks.Change{AppID: "app1", Domain: "a.example.com", Seq: 7}, RecordedAt: time.Now()}
	if _, err := l.Record(ctx, change, listsync.HistoryEntry{State: tasks.Pending}); err != nil {
		t.Fatal(err)
	}
	if ended, err := f.read(ctx, l); len(ended) != 0 || err != nil {
		t.Fatalf("before the dry run: %v, %v", ended, err)
	}
	lease, err := l.Acquire(ctx, "app1")
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Snapshot(ctx, "app1")
	if err != nil {
		t.Fatal(err)
	}
	planned := s.Pending["a.example.com"]
	planned.Preview = "would be put on the list"
	if _, err := l.RecordDryRun(ctx, lease, listsync.DryRunResult{Changes: []listsync.Pending{planned}}); err != nil {
		t.Fatal(err)
	}
	ended, err := f.read(ctx, l)
	if err != nil || len(ended) != 1 || ended[0].Reason != "dry run: would be put on the list" {
		t.Errorf("after it: %+v, %v", ended, err)
	}
	if err := f.failedErr(); err == nil || err.Error() != "1 of 1 stay pending: this is a dry run, and nothing was written" {
		t.Errorf("it ends with %v", err)
	}
}
