package dashboard

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

func TestTheListIsComparedWithTheLedger(t *testing.T) {
	t.Parallel()
	wanted := func(domain string, names ...string) ledger.View {
		return ledger.View{AppID: "a", Domain: domain, State: tasks.Done, Record: listsync.Record{Domain: domain, Wanted: true, Names: names}}
	}
	views := []ledger.View{
		wanted("a.example.com", "a.example.com", "www.a.example.com"), wanted("www.a.example.com", "www.a.example.com"),
		wanted("hand.example.com", "hand.example.com"), wanted("lost.example.com", "lost.example.com", "www.lost.example.com"),
		{AppID: "a", Domain: "gone.example.com", State: tasks.Removed, Record: listsync.Record{Names: []string{"gone.example.com"}}},
	}
	list := []string{"Archive.example.com", "www.a.example.com", "a.example.com", "HAND.example.com.", "gone.example.com"}
	type line struct{ Name, Kind, Domain string }
	var got []line
	names := classifyNames(list, []string{"a.example.com", "gone.example.com", "www.a.example.com"}, views)
	for _, n := range names {
		l := line{n.Name, string(n.Kind), ""}
		if n.View != nil {
			l.Domain = n.View.Domain
		}
		got = append(got, l)
	}
	if diff := cmp.Diff([]line{
		{"lost.example.com", "missing", "lost.example.com"}, {"www.lost.example.com", "missing", "lost.example.com"},
		{"Archive.example.com", "set by hand", ""}, {"www.a.example.com", "owned", "www.a.example.com"}, {"a.example.com", "owned", "a.example.com"},
		{"HAND.example.com.", "set by hand", "hand.example.com"}, {"gone.example.com", "left over", ""},
	}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]kindCount{{missingName, 2}, {leftoverName, 1}, {manualName, 2}, {ownedName, 2}}, countKinds(names)); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	for _, k := range []nameKind{missingName, leftoverName, manualName, ownedName, unreadName} {
		if k.Explanation() == "" {
			t.Errorf("%s has no explanation", k)
		}
	}
}

func TestListUsageHasThreeLevels(t *testing.T) {
	t.Parallel()
	for used, want := range map[int]string{0: "", 269: "", 270: "tight", 299: "tight", 300: "full", 305: "full"} {
		f := listUsage(ledger.App{Listed: used})
		if f.Of != 300 || f.Level() != want {
			t.Errorf("%d of %d is %q, want %q", used, f.Of, f.Level(), want)
		}
	}
}
