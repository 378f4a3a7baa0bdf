package listsync

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pilotsync/tasks"
)

func TestADryRunSaysWhatASyncWouldDo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		on   *fixture
		tell func(f *fixture)
		want map[string]string // previews by domain
	}{
		{"an addition", newFixture(), func(f *fixture) { f.add("a.com", tasks.WWWNever) },
			map[string]string{"a.com": "would be put on the list"}},
		{"an addition with its www form", newFixture(), func(f *fixture) { f.add("a.com", "") },
			map[string]string{"a.com": "would be put on the list, with www.a.com"}},
		{"an addition of a listed domain", newFixture("A.com", "www.a.com"), func(f *fixture) { f.add("a.com", "") },
			map[string]string{"a.com": "is on the list already"}},
		{"an addition of a listed domain without its www form", newFixture("a.com"), func(f *fixture) { f.add("a.com", "") },
			map[string]string{"a.com": "is on the list already; www.a.com would be put on the list"}},
		{"a wildcard", newFixture(), func(f *fixture) { f.add("*.a.com", "") },
			map[string]string{"*.a.com": "would be put on the list"}},
		{"a removal", newFixture("a.com"), func(f *fixture) { f.remove("a.com") },
			map[string]string{"a.com": "would be taken off the list"}},
		{"a removal with its www form", newFixture(), func(f *fixture) { f.add("a.com", ""); f.sync(); f.remove("a.com") },
			map[string]string{"a.com": "would be taken off the list, with www.a.com"}},
		{"a removal whose www form was set by hand", newFixture("a.com", "www.a.com"), func(f *fixture) { f.remove("a.com") },
			map[string]string{"a.com": "would be taken off the list"}},
		{"a removal of an unlisted domain", newFixture("b.com"), func(f *fixture) { f.remove("a.com") },
			map[string]string{"a.com": "is not on the list"}},
		{"a removal of a name that another domain needs", newFixture("a.com", "www.a.com"),
			func(f *fixture) { f.add("a.com", ""); f.sync(); f.remove("www.a.com"); f.add("a.com", "") },
			map[string]string{"a.com": "is on the list already",
				"www.a.com": "would end without a write: no longer mapped by itself; the name stays on the list for a.com"}},
		{"a protected name", newFixture("a.com"), func(f *fixture) {
			f.rules.Protected = []string{"a.com"}
			f.add("a.com", "")
			f.sync()
			f.remove("a.com")
		}, map[string]string{"a.com": "would be refused: a.com is protected (PILOTSYNC_PROTECTED): it is never taken off the list"}},
		{"a full list", full(Limit), func(f *fixture) { f.add("a.com", "") },
			map[string]string{"a.com": "would be rejected: the app's list holds 300 names of at most 300; a.com would need 2 more"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.tell(c.on)
			p := evaluateDryRun(c.on.input())
			got := map[string]string{}
			for _, change := range p.Changes {
				got[change.Domain] = change.Preview
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestADryRunReadsOnceAndChangesNothing(t *testing.T) {
	t.Parallel()
	r := setup("hand.net", "old.com")
	r.fixture.add("a.com", "")
	r.fixture.remove("old.com")
	before := r.fixture.snapshot()
	p, err := r.syncer.DryRun(context.Background(), app)
	if err != nil {
		t.Fatal(err)
	}
	r.checkCalls(t, "ready read")
	if p.Listed != 2 || !slices.Equal(p.Added, []string{"a.com"}) || !slices.Equal(p.Removed, []string{"old.com"}) {
		t.Errorf("the preview is %+v", p)
	}
	r.checkList(t, "hand.net old.com")
	r.checkStates(t, map[string]tasks.State{"a.com": tasks.Pending, "old.com": tasks.Pending})
	after := r.fixture.snapshot()
	for domain, change := range after.Pending {
		change.Preview = ""
		after.Pending[domain] = change
	}
	if diff := cmp.Diff(before, after); diff != "" || len(r.enqueuer.enqueued) > 0 {
		t.Errorf("the ledger was changed, or %v was enqueued (-before +after):\n%s", r.enqueuer.enqueued, diff)
	}
	var idle *NotAcquired
	if _, err := r.syncer.DryRun(context.Background(), app); !errors.As(err, &idle) || !idle.Idle {
		t.Errorf("the dry run left a pending task: %v", err)
	}
}

func TestAChangeDuringADryRunIsPlannedToo(t *testing.T) {
	t.Parallel()
	r := setup()
	r.fixture.add("a.com", "")
	r.fixture.before = once("RecordDryRun", func() { r.fixture.add("b.com", "") })
	if _, err := r.syncer.DryRun(context.Background(), app); err != nil {
		t.Fatal(err)
	}
	r.checkCalls(t, "ready read ready read")
	for domain, change := range r.fixture.pending {
		if change.Preview != "would be put on the list" {
			t.Errorf("%s: %q", domain, change.Preview)
		}
	}
}

func TestADryRunThatLostItsLeaseRecordsNothing(t *testing.T) {
	t.Parallel()
	r := setup()
	r.fixture.add("a.com", "")
	r.api.during = func(string) {
		r.fixture.mu.Lock()
		defer r.fixture.mu.Unlock()
		r.fixture.until = r.clock.now() // another sync may acquire the lease
		r.fixture.token = "another"
	}
	if _, err := r.syncer.DryRun(context.Background(), app); !errors.Is(err, ErrLeaseLost) {
		t.Errorf("a dry run without its lease: %v", err)
	}
	if r.fixture.pending["a.com"].Preview != "" {
		t.Error("the preview was recorded")
	}
}
