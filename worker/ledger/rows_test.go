package ledger

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"

	"pilotsync/test/redistest"
	"pilotsync/worker/listsync"
)

// interrupted runs a function between the commands of each pipeline, as Redis runs those of other
// clients.
type interrupted struct{ between func() }

func (i interrupted) DialHook(next redis.DialHook) redis.DialHook { return next }

func (i interrupted) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (i interrupted) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		for n := range cmds {
			if err := next(ctx, cmds[n:n+1]); err != nil {
				return err
			}
			i.between()
		}
		return nil
	}
}

func TestADomainWhoseFirstSyncEndsMeanwhileIsFound(t *testing.T) {
	t.Parallel()
	rdb := client(t, redistest.New(t).Addr)
	ctx, l := t.Context(), New(rdb)
	if _, err := l.Record(ctx, change("new.example.com", first), event("asked")); err != nil {
		t.Fatal(err)
	}
	lease, err := l.Acquire(ctx, testApp)
	if err != nil {
		t.Fatal(err)
	}
	reader := redis.NewClient(rdb.Options())
	defer reader.Close()
	reader.AddHook(interrupted{func() {
		r := record("new.example.com", first)
		if _, err := l.Commit(ctx, lease, listsync.Commit{Outcomes: []listsync.Outcome{{Record: r}}}); err != nil {
			t.Error(err)
		}
	}})
	views, _, err := New(reader).Lookup(ctx, []string{testApp}, []string{"new.example.com"})
	if err != nil || len(views) != 1 {
		t.Errorf("%d domains are found (%v), want the one that was pending and is recorded now", len(views), err)
	}
}
