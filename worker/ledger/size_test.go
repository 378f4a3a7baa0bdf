package ledger

import (
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"pilotsync/test/redistest"
	"pilotsync/worker/listsync"
)

// The shipped redis.conf takes no argument of more than 1 MiB. A burst has any number of changes.
func TestALargeCommitHasNoLargeArgument(t *testing.T) {
	t.Parallel()
	rdb := redis.NewClient(&redis.Options{Addr: redistest.New(t, "--proto-max-bulk-len", "1mb").Addr})
	t.Cleanup(func() { _ = rdb.Close() })
	l, ctx := New(rdb), t.Context()
	const changes = 2000
	var outcomes []listsync.Outcome
	var previews []listsync.Pending
	for i := range changes {
		c := change(fmt.Sprintf("%s%d.example.com", strings.Repeat("long.", 40), i), first+int64(i))
		if _, err := l.Record(ctx, c, event("asked")); err != nil {
			t.Fatal(err)
		}
		c.Version = encode(c)
		previews = append(previews, c)
		r := record(c.Domain, c.Seq)
		outcomes = append(outcomes, listsync.Outcome{Record: r, Notify: true})
	}
	lease, err := l.Acquire(ctx, testApp)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.RecordDryRun(ctx, lease, listsync.DryRunResult{Changes: previews}); err != nil {
		t.Errorf("the dry run: %v", err)
	}
	if err := rdb.HDel(ctx, key(testApp, "sync"), "dry_run").Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Wake(ctx, testApp); err != nil {
		t.Fatal(err)
	}
	if lease, err = l.Acquire(ctx, testApp); err != nil {
		t.Fatal(err)
	}
	if stale, err := l.Commit(ctx, lease, listsync.Commit{Outcomes: outcomes}); err != nil || len(stale) != 0 {
		t.Errorf("the commit: %v, %d domains left out", err, len(stale))
	}
	if n := rdb.HLen(ctx, key(testApp, "domains")).Val(); n != changes {
		t.Errorf("%d domains are in the ledger, want %d", n, changes)
	}
}
