package listsync

import (
	"fmt"
	"testing"

	"pilotsync/tasks"
)

// listed returns a fixture with n owned domains on its list.
func listed(n int) *fixture {
	f := newFixture()
	f.rules.WWW = tasks.WWWNever
	for i := range n {
		f.add(fmt.Sprintf("shop%03d.example.com", i), "")
	}
	f.sync()
	return f
}

func BenchmarkPlan(b *testing.B) {
	one := listed(Limit - 1)
	one.add("new.example.com", "")
	all := newFixture()
	all.rules.WWW = tasks.WWWNever
	for i := range Limit {
		all.add(fmt.Sprintf("shop%03d.example.com", i), "")
	}
	for _, c := range []struct {
		name string
		on   *fixture
		want int // outcomes
	}{
		{"one change of 300 names", one, 1},
		{"300 changes", all, Limit},
		{"nothing to do for 300 names", listed(Limit), 0},
	} {
		b.Run(c.name, func(b *testing.B) {
			in := c.on.input()
			if got := len(Plan(in).Outcomes); got != c.want {
				b.Fatalf("%d outcomes, want %d", got, c.want)
			}
			b.ReportAllocs()
			for b.Loop() {
				Plan(in)
			}
		})
	}
}
