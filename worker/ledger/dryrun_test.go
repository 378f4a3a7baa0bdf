package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"pilotsync/worker/listsync"
)

// previewed records the previews of changes. It removes the dry run's mark, whose time
// varies, and returns it as text.
func previewed(changes ...listsync.Pending) func(context.Context, *Ledger) string {
	return func(ctx context.Context, l *Ledger) string {
		changes := slices.Clone(changes)
		for i := range changes {
			changes[i].Version, changes[i].Preview = encode(changes[i]), "would be put on the list"
		}
		released, err := l.RecordDryRun(ctx, mine, listsync.DryRunResult{Listed: 4, Added: []string{"a.example.com"}, Changes: changes})
		said := outcome(fmt.Sprintf("released %t", released), err)
		app, err := l.App(ctx, testApp)
		if err != nil {
			return err.Error()
		}
		if d := app.DryRun; d != nil {
			said += fmt.Sprintf(", %d to add, %d to remove", d.Added, d.Removed)
			l.rdb.HDel(ctx, key(testApp, "sync"), "dry_run")
		}
		return said
	}
}

func TestADryRunRecordsPreviewsAndReleasesTheLease(t *testing.T) {
	t.Parallel()
	a := change("a.example.com", first)
	b := change("b.example.com", first+1)
	foretold := func(p listsync.Pending, more string) string {
		// With its fields sorted, as Go writes a map.
		s := fmt.Sprintf(`{"app_id":"app1","domain":"%s",%s"preview":"would be put on the list","recorded_at":"2026-03-01T12:00:00Z","remove":false,"requested_at":"2026-03-01T12:00:00Z","seq":%d,"v":1}`, p.Domain, more, p.Seq)
		return s
	}
	const done = ", 1 to add, 0 to remove"
	later := strings.Replace(encode(a), `{`, `{"later":9007199254740993,`, 1)
	runScripts(t, []script{
		{name: "the change stays pending, with its preview", before: state{"sync": leased(nil), "pending": hash{a.Domain: encode(a)}},
			do: previewed(a), want: "released true" + done,
			after: state{"sync": hash{"wake": "1"}, "pending": hash{a.Domain: foretold(a, "")}}},
		{name: "with nothing pending only the lease and the wake are cleared", before: state{"sync": leased(nil)}, do: previewed(), want: "released true" + done,
			after: state{"sync": hash{"wake": "1"}}},
		{name: "a write in flight and what it claims stay", before: state{"sync": leased(hash{"landing": "-5s", "claim": `["x"]`})}, do: previewed(), want: "released true" + done,
			after: state{"sync": hash{"wake": "1", "landing": "-5s", "claim": `["x"]`}}},
		{name: "a change that came meanwhile keeps the lease", before: state{"sync": leased(nil), "pending": hash{a.Domain: encode(a), b.Domain: encode(b)}},
			do: previewed(a), want: "released false" + done,
			after: state{"sync": leased(nil), "pending": hash{a.Domain: foretold(a, ""), b.Domain: encode(b)}}},
		{name: "a change that replaced the one planned gets no preview of it", before: state{"sync": leased(nil), "pending": hash{a.Domain: encode(change(a.Domain, first+9))}},
			do: previewed(a), want: "released false" + done},
		{name: "a wake meanwhile keeps the lease", before: state{"sync": leased(hash{"wake": "4"})}, do: previewed(), want: "released false" + done,
			after: state{"sync": leased(hash{"wake": "4", "taken": "4"})}},
		{name: "a failure is cleared, with an event if it had one",
			before: state{"sync": leased(hash{"fails": "2", "trouble": "no card", "blocked": "1", "trouble_since": "1", "alarm": "1"})}, do: previewed(), want: "released true" + done,
			after: state{"sync": hash{"wake": "1"}, "told": str("+0s"), "outbox": lines{"+0s " + encode(readableEvent(testApp))}}},
		{name: "a stale holder records nothing", before: state{"sync": leased(hash{"token": "other"}), "pending": hash{a.Domain: encode(a)}},
			do: previewed(a), want: listsync.ErrLeaseLost.Error()},
		{name: "fields of a later release stay", before: state{"sync": leased(nil), "pending": hash{a.Domain: later}},
			do: func(ctx context.Context, l *Ledger) string {
				s, err := l.Snapshot(ctx, testApp)
				if err != nil {
					return err.Error()
				}
				read := s.Pending[a.Domain]
				read.Preview = "would be put on the list"
				_, err = l.RecordDryRun(ctx, mine, listsync.DryRunResult{Changes: []listsync.Pending{read}})
				l.rdb.HDel(ctx, key(testApp, "sync"), "dry_run")
				return outcome("done", err)
			}, want: "done",
			after: state{"sync": hash{"wake": "1"}, "pending": hash{a.Domain: foretold(a, `"later":9007199254740993,`)}}},
	})
}

func TestAPreviewIsThePendingReasonUntilTheNextCommit(t *testing.T) {
	t.Parallel()
	l, _ := frozen(t)
	ctx := t.Context()
	full(t, l, leased(nil))
	s, err := l.Snapshot(ctx, testApp)
	if err != nil {
		t.Fatal(err)
	}
	p := listsync.DryRunResult{}
	for _, c := range s.Pending {
		c.Preview = "would be " + c.Domain
		p.Changes = append(p.Changes, c)
	}
	if _, err := l.RecordDryRun(ctx, mine, p); err != nil {
		t.Fatal(err)
	}
	reason := func() string {
		v, _, err := l.Domain(ctx, testApp, "new.example.com")
		if err != nil {
			t.Fatal(err)
		}
		return v.Reason
	}
	dry := func() (apps []string) {
		works, err := l.Work(ctx, testApp, "app2")
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range works {
			if w.DryRun {
				apps = append(apps, w.App)
			}
		}
		return apps
	}
	if got := reason(); got != "dry run: would be new.example.com" {
		t.Errorf("the reason is %q", got)
	}
	if got := dry(); !slices.Equal(got, []string{testApp}) {
		t.Errorf("apps after a dry run: %v", got)
	}
	if err := l.Pause(ctx, testApp, "ada"); err != nil {
		t.Fatal(err)
	}
	if got := reason(); got != "waits: the app was paused by ada" {
		t.Errorf("of a paused app the reason is %q", got)
	}
	if _, _, err := l.Resume(ctx, testApp); err != nil {
		t.Fatal(err)
	}
	lease, err := l.Acquire(ctx, testApp)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Commit(ctx, lease, listsync.Commit{}); err != nil {
		t.Fatal(err)
	}
	if got := dry(); len(got) != 0 {
		t.Errorf("after a commit these apps still have a dry run: %v", got)
	}
}

func TestAnOldDryRunIsRepaired(t *testing.T) {
	t.Parallel()
	l, server := frozen(t)
	ctx := t.Context()
	if wake, ok, err := l.EndOldDryRun(ctx, testApp); wake != 0 || ok || err != nil {
		t.Errorf("without one: wake %d, %t, %v", wake, ok, err)
	}
	seed(t, client(t, addr(l)), state{"dry": hash{"on.example.com": "on", "off.example.com": "off"}})
	if wake, ok, err := l.EndOldDryRun(ctx, testApp); wake != 1 || !ok || err != nil {
		t.Errorf("wake %d, %t, %v", wake, ok, err)
	}
	gone, err := l.rdb.ZRangeWithScores(ctx, key(testApp, "gone"), 0, -1).Result()
	if err != nil || len(gone) != 1 || gone[0] != (redis.Z{Score: float64(start.UnixMilli()), Member: "off.example.com"}) {
		t.Errorf("the tombstones are %v, %v", gone, err)
	}
	if server.Exists(key(testApp, "dry")) {
		t.Error("the key is still there")
	}
}
