package ledger

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
)

func TestACheckOfManyDomainsIsKeptWithItsResults(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, l *Ledger, rdb *redis.Client) {
		at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		run := CheckRun{App: testApp, By: "ada", At: at, Domains: []string{"a.example.com", "b.example.com"}, Invalid: []string{"line 3: no name"}, More: 2, Text: "a.example.com\n\x00"}
		id, err := l.SaveCheckRun(t.Context(), run)
		if err != nil {
			t.Fatal(err)
		}
		run.ProgressAt, run.Results = at, map[string]tasks.CheckResult{}
		compare := func(when string) {
			t.Helper()
			got, ok, err := l.CheckRun(t.Context(), id)
			if diff := cmp.Diff(run, got); diff != "" || !ok || err != nil {
				t.Errorf("%s: %v, %v, (-want +got):\n%s", when, ok, err, diff)
			}
		}
		compare("at the beginning")

		result := tasks.CheckResult{Domain: "b.example.com", Names: []string{"b.example.com"}, OK: true, Cause: tasks.Cause{Code: tasks.CauseWouldWork}}
		if err := l.SaveCheckResult(t.Context(), id, "b.example.com", result, at.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		run.Results["b.example.com"], run.ProgressAt = result, at.Add(time.Minute)
		compare("after a result")

		if err := l.EndCheckRun(t.Context(), id, "EOF"); err != nil {
			t.Fatal(err)
		}
		run.Ended, run.Failure = true, "EOF"
		compare("at the end")
		if left := rdb.TTL(t.Context(), checkRunKey(id)).Val(); left <= 0 || left > BulkKept {
			t.Errorf("it is kept for %s", left)
		}
		rdb.Del(t.Context(), checkRunKey(id))
		err = errors.Join(l.SaveCheckResult(t.Context(), id, "a.example.com", result, at), l.EndCheckRun(t.Context(), id, ""))
		if _, ok, readErr := l.CheckRun(t.Context(), id); ok || errors.Join(err, readErr) != nil || rdb.TTL(t.Context(), checkRunKey(id)).Val() <= 0 {
			t.Errorf("a lost one: %v, %v, %v, or it is kept for ever", ok, err, readErr)
		}
		if _, ok, err := l.CheckRun(t.Context(), newID()); ok || err != nil {
			t.Errorf("an unknown one: %v, %v", ok, err)
		}
		if err := rdb.HSet(t.Context(), checkRunKey(id), "run", "{").Err(); err != nil {
			t.Fatal(err)
		}
		if _, _, err := l.CheckRun(t.Context(), id); err == nil {
			t.Error("one that can't be read has no error")
		}
	})
}
