package tasks

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEachStateHasTheTraitsOfItsName(t *testing.T) {
	t.Parallel()
	type traits struct{ Valid, Listed, Checking, Final bool }
	want := map[State]traits{
		"pending":           {Valid: true},
		"checking-dns":      {Valid: true, Listed: true, Checking: true},
		"checking-ssl-cert": {Valid: true, Listed: true, Checking: true},
		"done":              {Valid: true, Listed: true, Final: true},
		"done-without-ssl":  {Valid: true, Listed: true, Final: true},
		"failed":            {Valid: true, Listed: true, Final: true},
		"rejected":          {Valid: true, Final: true},
		"removed":           {Valid: true, Final: true},
		"":                  {},
		"Done":              {},
	}
	got := map[State]traits{}
	for _, s := range append(States(), "", "Done") {
		got[s] = traits{s.Valid(), s.Listed(), s.Checking(), s.Final()}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
