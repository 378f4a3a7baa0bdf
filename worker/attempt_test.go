package worker

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

func TestAPostponedAttemptKeepsWhatTheLastOneFound(t *testing.T) {
	t.Parallel()
	away := tasks.Cause{Code: tasks.CauseCouldNotCheck, Params: tasks.Params{Message: "ServerPilot is away"}}
	before := tasks.Cause{Code: tasks.CauseCouldNotCheck, Params: tasks.Params{Message: "a timeout"}}
	elsewhere := tasks.Cause{Code: tasks.CauseDNSElsewhere, Params: tasks.Params{Name: "example.com", Found: []string{"203.0.113.9"}}}
	www := tasks.Cause{Code: tasks.CauseDNSMissing, Params: tasks.Params{Name: "www.example.com"}}
	for name, c := range map[string]struct {
		cause        tasks.Cause
		warnings     []tasks.Cause
		want         tasks.Cause
		wantWarnings []tasks.Cause
	}{
		"nothing was found yet":   {tasks.Cause{Code: tasks.CauseListed}, nil, away, nil},
		"it was postponed before": {before, nil, away, nil},
		"DNS is elsewhere":        {elsewhere, []tasks.Cause{www}, elsewhere, []tasks.Cause{www, away}},
		"and it was postponed":    {elsewhere, []tasks.Cause{before}, elsewhere, []tasks.Cause{away}},
	} {
		r := listsync.Record{Domain: "example.com", Cause: c.cause, Warnings: c.warnings}
		explainPostponed(&r, errors.New("ServerPilot is away"))
		if diff := cmp.Diff([]any{c.want, c.wantWarnings}, []any{r.Cause, r.Warnings}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
