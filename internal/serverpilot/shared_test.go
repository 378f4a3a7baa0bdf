package serverpilot

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"pilotsync/tasks"
)

func TestServerPilotServesTheFirstAppByName(t *testing.T) {
	t.Parallel()
	shared := func(name, app string) tasks.Cause {
		return tasks.Cause{Code: tasks.CauseOnTwoApps, Params: tasks.Params{Name: name, App: app, Served: "z"}}
	}
	got := SharedNames([]App{
		{ID: "a", Name: "shop", ServerID: "s1", Domains: []string{"own.example.com", "x.example.com", "y.example.com"}},
		{ID: "z", Name: "blog", ServerID: "s1", Domains: []string{"Y.example.com", "X.example.com"}},
		{ID: "b", Name: "archive", ServerID: "s2", Domains: []string{"x.example.com"}},
		{ID: "c", Name: "shop", ServerID: "s1", Domains: []string{"x.example.com"}},
		{ID: "d", Name: "alone", ServerID: "s1", Domains: []string{"alone.example.com", "alone.example.com"}},
	})
	want := map[string][]tasks.Cause{
		"a": {shared("x.example.com", "z"), shared("x.example.com", "c")},
		"z": {shared("y.example.com", "a"), shared("x.example.com", "c")},
		"c": {shared("x.example.com", "z"), shared("x.example.com", "a")},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
