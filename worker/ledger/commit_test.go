package ledger

import (
	"context"
	"fmt"
	"testing"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

func committing(c listsync.Commit) func(context.Context, *Ledger) string {
	return func(ctx context.Context, l *Ledger) string {
		c := c // two backends run the case in parallel
		c.WorkerID = "worker"
		stale, err := l.Commit(ctx, mine, c)
		return outcome(fmt.Sprint("stale ", stale), err)
	}
}

// causeOf is a cause as a history gives it back.
func causeOf(r listsync.Record, text string) tasks.Cause {
	if text == "" {
		return tasks.Cause{}
	}
	return tasks.Cause{Code: tasks.Code(text), Params: tasks.Params{Name: r.Domain}}
}

// line is what a commit puts into the history.
func line(r listsync.Record, text string) string {
	return encode(listsync.HistoryEntry{At: r.UpdatedAt, State: r.State, Action: listsync.ActionSync,
		Cause: causeOf(r, text), Reason: text, Actor: "worker"})
}

func TestCommitReplacesOnlyRecordsThatArePlannedOn(t *testing.T) {
	t.Parallel()
	const a, b, c = "a.example.com", "b.example.com", "c.example.com"
	listed, gone := record(a, first), ended(a, first+1)
	planned := func(r listsync.Record, version string) listsync.Outcome {
		r.Version = version
		return listsync.Outcome{Record: r, Cause: tasks.Cause{Code: "done"}}
	}
	again := listed
	again.Seq, again.Code = first+1, "asked again"
	// What a verification made of it after the plan was made.
	verified := listed
	verified.State, verified.Attempt, verified.NextAttemptAt = tasks.Done, 1, nil

	fresh := state{"sync": leased(nil), "seqs": hash{a: number(first)}, "pending": hash{a: encode(change(a, first))}, "since": hash{a: number(first)}}
	known := func(pending listsync.Pending, holds listsync.Record) state {
		s := state{"sync": leased(nil), "seqs": hash{a: number(pending.Seq)}, "pending": hash{a: encode(pending)},
			"domains": hash{a: encode(holds)}, "due": zset{a: nextMs}}
		if !pending.Remove {
			s["since"] = hash{a: number(first)}
		}
		return s
	}
	runScripts(t, []script{
		{
			name:   "a new domain gets its record, its due time and a line of history",
			before: fresh, do: committing(listsync.Commit{Outcomes: []listsync.Outcome{planned(listed, "")}}), want: "stale []",
			after: state{"sync": leased(nil), "seqs": hash{a: number(first)}, "since": hash{a: number(first)},
				"domains": hash{a: encode(listed)}, "due": zset{a: nextMs}, "log:" + a: lines{line(listed, "done")}},
		},
		{
			name:   "the unknown domains of a 0.1.0 worker are deleted",
			before: state{"sync": leased(nil), "strangers": set{b}}, do: committing(listsync.Commit{}), want: "stale []",
			after: state{"sync": leased(nil)},
		},
		{
			name:   "a removed domain has no due time and no since",
			before: known(removal(a, first+1), listed),
			do:     committing(listsync.Commit{Outcomes: []listsync.Outcome{planned(gone, encode(listed))}}), want: "stale []",
			after: state{"sync": leased(nil), "seqs": hash{a: number(first + 1)}, "domains": hash{a: encode(gone)}, "log:" + a: lines{line(gone, "done")}},
		},
		{
			name:   "a rejected addition loses its since",
			before: fresh,
			do: committing(listsync.Commit{Outcomes: []listsync.Outcome{planned(
				listsync.Record{Domain: a, Seq: first, State: tasks.Rejected, UpdatedAt: start}, "")}}), want: "stale []",
			after: state{"sync": leased(nil), "seqs": hash{a: number(first)},
				"domains":  hash{a: encode(listsync.Record{Domain: a, Seq: first, State: tasks.Rejected, UpdatedAt: start})},
				"log:" + a: lines{line(listsync.Record{Domain: a, State: tasks.Rejected, UpdatedAt: start}, "done")}},
		},
		{
			name:   "a record that a verification changed meanwhile stays, and so does the change",
			before: known(change(a, first+1), verified),
			do:     committing(listsync.Commit{Outcomes: []listsync.Outcome{planned(again, encode(listed))}}), want: "stale [a.example.com]",
		},
		{
			name:   "a domain with a newer change stays as it is, and so does the change",
			before: known(removal(a, first+2), listed),
			do:     committing(listsync.Commit{Outcomes: []listsync.Outcome{planned(again, encode(listed))}}), want: "stale [a.example.com]",
		},
		{
			name:   "a new domain with a newer change stays as it is",
			before: state{"sync": leased(nil), "seqs": hash{a: number(first + 1)}, "pending": hash{a: encode(removal(a, first+1))}},
			do:     committing(listsync.Commit{Outcomes: []listsync.Outcome{planned(listed, "")}}), want: "stale [a.example.com]",
		},
		{
			name:   "a record that appeared meanwhile stays",
			before: known(change(a, first), listed),
			do:     committing(listsync.Commit{Outcomes: []listsync.Outcome{planned(listed, "")}}), want: "stale [a.example.com]",
		},
		{
			name:   "a record that vanished meanwhile stays away",
			before: fresh,
			do:     committing(listsync.Commit{Outcomes: []listsync.Outcome{planned(listed, encode(listed))}}), want: "stale [a.example.com]",
		},
		{
			name: "one stale domain does not delay the others",
			before: state{"sync": leased(nil), "seqs": hash{a: number(first + 1), b: number(first)},
				"pending": hash{a: encode(removal(a, first+1)), b: encode(change(b, first))}, "since": hash{b: number(first)}},
			do: committing(listsync.Commit{Outcomes: []listsync.Outcome{planned(listed, ""), planned(record(b, first), "")}}), want: "stale [a.example.com]",
			after: state{"sync": leased(nil), "seqs": hash{a: number(first + 1), b: number(first)},
				"pending": hash{a: encode(removal(a, first+1))}, "since": hash{b: number(first)},
				"domains": hash{b: encode(record(b, first))}, "due": zset{b: nextMs}, "log:" + b: lines{line(record(b, first), "done")}},
		},
		{
			name:   "names become owned and stop being owned",
			before: state{"sync": leased(nil), "ours": set{a, "www." + a}},
			do:     committing(listsync.Commit{Own: []string{b, "www." + b}, Disown: []string{"www." + a, "never.example.com"}}), want: "stale []",
			after: state{"sync": leased(nil), "ours": set{a, b, "www." + b}},
		},
		{
			name: "the write in flight and the failure are cleared",
			before: state{"sync": leased(hash{"landing": "+20s", "claim": `["x"]`, "fails": "3", "trouble": "away", "blocked": "1",
				"trouble_since": number(start.UnixMilli())})},
			do: committing(listsync.Commit{}), want: "stale []",
			after: state{"sync": leased(nil)},
		},
		{
			name:   "the recovery of a blocked app has an event",
			before: state{"sync": leased(hash{"fails": "3", "trouble": "no card", "blocked": "1", "trouble_since": "1", "alarm": "1"})},
			do:     committing(listsync.Commit{}), want: "stale []",
			after: state{"sync": leased(nil), "told": str("+0s"), "outbox": lines{"+0s " + encode(recoveredEvent(testApp))}},
		},
		{
			name:   "a failure without an event has no recovery event",
			before: state{"sync": leased(hash{"fails": "3", "trouble": "not served", "blocked": "1", "trouble_since": "1"})},
			do:     committing(listsync.Commit{}), want: "stale []",
			after: state{"sync": leased(nil)},
		},
		{
			name: "events follow in the order of commits, even if the clock stands still or runs back",
			before: state{"sync": leased(nil), "seqs": hash{a: number(first), b: number(first), c: number(first + 1)},
				"told": str("+60s"), "outbox": lines{"+60s {}"}},
			do: committing(listsync.Commit{Outcomes: []listsync.Outcome{
				{Record: ended(a, first), Notify: true}, {Record: ended(b, first)}, {Record: ended(c, first), Notify: true}}}),
			want: "stale [c.example.com]",
			after: state{"sync": leased(nil), "seqs": hash{a: number(first), b: number(first), c: number(first + 1)},
				"domains":  hash{a: encode(ended(a, first)), b: encode(ended(b, first))},
				"log:" + a: lines{line(ended(a, first), "")}, "log:" + b: lines{line(ended(b, first), "")},
				"told": str("+60s"), "outbox": lines{"+60s {}", "+60s " + encode(stateEvent(testApp, ended(a, first)))}},
		},
		{
			name: "a stale holder commits nothing",
			before: state{"sync": leased(hash{"token": "other", "landing": "+20s", "claim": `["x"]`, "fails": "3"}), "ours": set{a},
				"seqs": hash{a: number(first)}, "pending": hash{a: encode(change(a, first))}},
			do:   committing(listsync.Commit{Own: []string{b}, Disown: []string{a}, Outcomes: []listsync.Outcome{planned(listed, "")}}),
			want: listsync.ErrLeaseLost.Error(),
		},
		{
			name:   "a holder that released its lease commits nothing",
			before: state{"sync": hash{"awake": "1", "wake": "1"}, "seqs": hash{a: number(first)}, "pending": hash{a: encode(change(a, first))}},
			do:     committing(listsync.Commit{Own: []string{b}, Outcomes: []listsync.Outcome{planned(listed, "")}}),
			want:   listsync.ErrLeaseLost.Error(),
		},
		{
			name: "in an emptied Redis nothing is committed", before: state{},
			do:   committing(listsync.Commit{Own: []string{b}, Outcomes: []listsync.Outcome{planned(listed, "")}}),
			want: listsync.ErrLeaseLost.Error(),
		},
	})
}

func TestAVerificationReplacesOnlyTheRecordItChecked(t *testing.T) {
	t.Parallel()
	const a = "a.example.com"
	was := record(a, first)
	was.Version = encode(was)
	done, next := was, was
	done.State, done.Attempt, done.NextAttemptAt = tasks.Done, 1, nil
	later := start.Add(2 * 60e9)
	next.Attempt, next.NextAttemptAt = 1, &later
	fact := listsync.HistoryEntry{At: start, State: tasks.Done, Reason: "works", Attempt: 1, Actor: "worker"}
	verify := func(is listsync.Record, e listsync.HistoryEntry) func(context.Context, *Ledger) string {
		return func(ctx context.Context, l *Ledger) string {
			ok, err := l.CommitVerification(ctx, testApp, was, is, e)
			return outcome(fmt.Sprint(ok), err)
		}
	}
	before := state{"domains": hash{a: encode(was)}, "due": zset{a: nextMs}, "log:" + a: lines{"older"}}
	runScripts(t, []script{
		{name: "the last attempt clears the due time", before: before, do: verify(done, fact), want: "true",
			after: state{"domains": hash{a: encode(done)}, "log:" + a: lines{encode(fact), "older"},
				"told": str("+0s"), "outbox": lines{"+0s " + encode(stateEvent(testApp, done))}}},
		{name: "another attempt is due later", before: before, do: verify(next, fact), want: "true",
			after: state{"domains": hash{a: encode(next)}, "due": zset{a: float64(later.UnixMilli())}, "log:" + a: lines{encode(fact), "older"}}},
		{name: "without an entry the history stays", before: before, do: verify(next, listsync.HistoryEntry{}), want: "true",
			after: state{"domains": hash{a: encode(next)}, "due": zset{a: float64(later.UnixMilli())}, "log:" + a: lines{"older"}}},
		{name: "a record that changed meanwhile stays", before: state{"domains": hash{a: encode(ended(a, first+1))}}, do: verify(done, fact), want: "false"},
		{name: "in an emptied Redis no record comes back", before: state{}, do: verify(done, fact), want: "false"},
	})
}
