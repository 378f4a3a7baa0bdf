package serverpilot

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCoverageComparesALongListWithTheCertificate(t *testing.T) {
	t.Parallel()
	names := func(n int) (all []string) {
		for i := range n {
			all = append(all, fmt.Sprintf("n%d.example.com", i))
		}
		return all
	}
	for name, c := range map[string]struct {
		app  App
		want *Coverage
		text string
	}{
		"a list that fits":     {App{Domains: names(100)}, nil, ""},
		"a custom certificate": {App{Domains: names(101), SSL: SSL{Custom: true}}, nil, ""},
		"all covered":          {App{Domains: append(names(100), "A.example.com"), AutoSSL: AutoSSL{Domains: append(names(100), "a.example.com")}}, &Coverage{Names: 101, Covered: 101}, ""},
		"one missing": {App{Domains: names(101), AutoSSL: AutoSSL{Domains: names(100)}},
			&Coverage{Names: 101, Covered: 100, Missing: []string{"n100.example.com"}}, "n100.example.com"},
		"no certificate": {App{Domains: names(101)}, &Coverage{Names: 101, Missing: names(10)},
			"n0.example.com, n1.example.com, n2.example.com, n3.example.com, n4.example.com, n5.example.com, n6.example.com, n7.example.com, n8.example.com, n9.example.com and 91 more"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := CoverageOf(c.app)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Fatalf("(-want +got):\n%s", diff)
			}
			if got != nil && got.Uncovered() != c.text {
				t.Errorf("uncovered: %s", got.Uncovered())
			}
		})
	}
}
