package worker_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
)

// ServerPilot's documentation leaves much open. With each choice, each domain ends up as requested,
// names of others stay, and no list is written again and again.
func TestWhatIsNotDocumentedLosesNoDomain(t *testing.T) {
	t.Parallel()
	for name, choice := range map[string]simulator.Undocumented{
		"strict":               {Strict: true},
		"terse errors":         {TerseErrors: true},
		"shuffled lists":       {ShuffledLists: true},
		"lower case":           {UpperCase: simulator.CorrectOddity},
		"no duplicates":        {Duplicates: simulator.CorrectOddity},
		"duplicates refused":   {Duplicates: simulator.RefuseOddity},
		"stale reads":          {StaleReads: 300 * time.Millisecond},
		"all that can go well": {Strict: true, TerseErrors: true, ShuffledLists: true, UpperCase: simulator.CorrectOddity, Duplicates: simulator.CorrectOddity},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			others := []string{"intranet.example.org", "Mail.example.org", "192.0.2.7", "*.example.org"}
			f := setup(t, simulator.Options{Undocumented: choice, Apps: []simulator.App{{ID: "app1", Domains: others}}})
			f.start(f.config("app1"))
			added := append(names(10), "refused.example.com")
			f.add("app1", added...)
			for _, domain := range added[:10] {
				f.awaitState("app1", domain, tasks.Done)
			}
			f.awaitState("app1", "refused.example.com", tasks.Rejected)
			f.remove("app1", added[0])
			f.awaitState("app1", added[0], tasks.Removed)

			writes := len(f.sim.History("app1"))
			f.add("app1", "last.example.com")
			f.awaitState("app1", "last.example.com", tasks.Done)
			if again := len(f.sim.History("app1")) - writes; again > 3 {
				t.Errorf("one more domain took %d writes", again)
			}
			list := f.sim.List("app1")
			for i, name := range list {
				list[i] = strings.ToLower(name)
			}
			for _, want := range slices.Concat(others, added[1:10], []string{"last.example.com"}) {
				if !slices.Contains(list, strings.ToLower(want)) {
					t.Errorf("%s is missing from %v", want, list)
				}
			}
			if slices.Contains(list, added[0]) || len(slices.Compact(slices.Sorted(slices.Values(list)))) != len(list) {
				t.Errorf("a removed name is on the list, or one twice: %v", list)
			}
		})
	}
}

func TestACertificateOfWhichNothingIsKnownHasItsOwnCause(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{Undocumented: simulator.Undocumented{WithoutAutoSSL: true}})
	f.start(f.config("app1"))
	f.add("app1", "shop.example.com")
	f.awaitState("app1", "shop.example.com", tasks.DoneWithoutSSL)
	if v := f.view("app1", "shop.example.com"); v.Cause.Code != tasks.CauseCertificateUnknown || strings.Contains(v.Reason, "minutes") {
		t.Errorf("%s: %s", v.Cause.Code, v.Reason)
	}
	if n := f.sim.Calls("app1", simulator.WriteSSL); n != 0 {
		t.Errorf("%d calls changed the SSL settings", n)
	}
}
