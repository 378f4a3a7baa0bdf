package ledger

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

// A check that is asked for passes through other states. Only its outcome can end a snooze.
func TestOnlyAnotherOutcomeEndsASnooze(t *testing.T) {
	t.Parallel()
	const d = "a.example.com"
	type outcome struct {
		state tasks.State
		cause tasks.Code
		holds bool
	}
	failed := func(code tasks.Code, holds bool) outcome { return outcome{tasks.Failed, code, holds} }
	checking := outcome{tasks.CheckingDNS, tasks.CauseVerificationRequested, false}
	for name, c := range map[string]struct {
		wontFix bool
		steps   []outcome
		kept    bool
	}{
		"the same outcome":                  {steps: []outcome{checking, failed(tasks.CauseDNSElsewhere, true)}, kept: true},
		"the same cause, while checked":     {steps: []outcome{{tasks.CheckingDNS, tasks.CauseDNSElsewhere, true}, failed(tasks.CauseDNSElsewhere, true)}, kept: true},
		"another cause":                     {steps: []outcome{checking, failed(tasks.CauseDNSMissing, false)}},
		"another cause at once":             {steps: []outcome{failed(tasks.CauseDNSMissing, false)}},
		"it works":                          {steps: []outcome{checking, {tasks.Done, tasks.CauseWorks, false}}},
		"it is removed":                     {steps: []outcome{{tasks.Removed, "", false}}},
		"won't be fixed, and another cause": {wontFix: true, steps: []outcome{{tasks.CheckingDNS, tasks.CauseVerificationRequested, true}, failed(tasks.CauseDNSMissing, true)}, kept: true},
		"won't be fixed, but works":         {wontFix: true, steps: []outcome{{tasks.CheckingDNS, tasks.CauseVerificationRequested, true}, {tasks.Done, tasks.CauseWorks, false}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBackends(t, func(t *testing.T, l *Ledger, rdb *redis.Client) {
				ctx := t.Context()
				verify := func(state tasks.State, code tasks.Code) View {
					before, _, err := l.Domain(ctx, testApp, d)
					if err != nil {
						t.Fatal(err)
					}
					r := record(d, first)
					r.State, r.Cause = state, tasks.Cause{Code: code}
					if ok, err := l.CommitVerification(ctx, testApp, before.Record, r, listsync.HistoryEntry{At: start, State: state}); !ok || err != nil {
						t.Fatalf("the verification isn't recorded: %t, %v", ok, err)
					}
					v, _, err := l.Domain(ctx, testApp, d)
					if err != nil {
						t.Fatal(err)
					}
					return v
				}
				seed(t, rdb, state{"domains": hash{d: encode(record(d, first))}, "seqs": hash{d: number(first)}})
				v := verify(tasks.Failed, tasks.CauseDNSElsewhere)
				if err := l.Snooze(ctx, v, Snooze{WontFix: c.wontFix, Note: "known", By: "ada", At: start}); err != nil {
					t.Fatal(err)
				}
				for i, step := range c.steps {
					s, err := l.SnoozeOf(ctx, verify(step.state, step.cause))
					if err != nil || (s != nil) != step.holds {
						t.Errorf("step %d, %s: the snooze is %v, %v; want it to hold: %t", i, step.state, s, err, step.holds)
					}
					apps, err := l.AppStates(ctx, testApp)
					if err != nil || (apps[0].SnoozedCounts[step.state] == 1) != step.holds {
						t.Errorf("step %d, %s: the app counts %v, %v; want it to hold: %t", i, step.state, apps[0].SnoozedCounts, err, step.holds)
					}
				}
				if kept := rdb.HExists(ctx, key(testApp, "snoozed"), d).Val(); kept != c.kept {
					t.Errorf("it is kept: %t, want %t", kept, c.kept)
				}
			})
		})
	}
}
