package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"pilotsync/internal/terminal"
	"pilotsync/tasks"
	"pilotsync/test/harness"
	"pilotsync/worker/listsync"
)

// background runs the program in this process until stop is called.
func background(t *testing.T, env vars, args ...string) (out *harness.Log, stop func() (code int, errs string)) {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	out, errs := &harness.Log{}, &harness.Log{}
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, args, &terminal.Streams{In: strings.NewReader(""), Out: out, Err: errs, LookupEnv: env.Lookup})
	}()
	return out, func() (int, string) {
		cancel()
		return <-ended, errs.String()
	}
}

func says(out *harness.Log, text string) func() (bool, error) {
	return func() (bool, error) { return strings.Contains(out.String(), text), nil }
}

func TestTheWatchedStatusPrintsChangesInAPipe(t *testing.T) {
	t.Parallel()
	env, mini := onRedis(t)
	liveWorker(t, mini.Addr(), "app1", "app2")
	s := newLedgerFixture(t, mini.Addr())
	s.settle("app1", listsync.Record{Domain: "a.example.com", State: tasks.Done, OldReason: "certificate <valid>"})
	s.settle("app2", listsync.Record{Domain: "b.example.com", State: tasks.Done})
	text, stopText := background(t, env, "status", "--watch", "--app=app1")
	objects, stopObjects := background(t, env, "status", "--watch", "--app=app1", "--json")
	const first = "2026-03-01T11:00:00Z  app1  a.example.com  Done  certificate <valid>\n"
	poll(t, "the first state", says(text, first))
	poll(t, "the first object", says(objects, `"certificate <valid>"`))
	s.settle("app1", listsync.Record{Domain: "c.example.com", State: tasks.Rejected, OldReason: "taken"})
	poll(t, "the change", says(text, "c.example.com  Rejected  taken\n"))
	poll(t, "the changed object", says(objects, `"c.example.com"`))
	for _, stop := range []func() (int, string){stopText, stopObjects} {
		if code, errs := stop(); code != exitDone || errs != "" {
			t.Errorf("exit code %d, standard error %q", code, errs)
		}
	}
	if got := text.String(); strings.Count(got, "a.example.com") != 1 || strings.Contains(got, "b.example.com") {
		t.Errorf("printed:\n%s", got)
	}
	for _, line := range strings.Split(strings.TrimSpace(objects.String()), "\n") {
		var d domainStatus
		if err := json.Unmarshal([]byte(line), &d); err != nil || d.AppID != "app1" {
			t.Errorf("%v: %s", err, line)
		}
	}
}

func TestTheWatchedStatusFillsTheScreenWithTroubleFirst(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	seen := foundDomains{troubles: []appInTrouble{{"app1", listsync.Failure{Reason: "the API key was refused", Blocked: true, Since: now.Add(-5 * time.Minute)}}}}
	for i := range 300 {
		seen.domains = append(seen.domains, domainStatus{AppID: "app1", Domain: fmt.Sprintf("d%d.example.com", i), State: tasks.Done})
	}
	seen.domains = append(seen.domains, domainStatus{AppID: "app1", Domain: "z.example.com", State: tasks.Failed, Reason: pointsElsewhere})
	for _, columns := range []int{80, 60, 40} {
		lines := statusScreen(seen, errors.New("connection refused"), now, columns, 24, terminal.Palette{})
		text := strings.Join(lines, "\n")
		for _, line := range lines {
			if w := ansi.StringWidth(line); w > columns {
				t.Errorf("%d columns of %d: %q", w, columns, line)
			}
		}
		if len(lines) != 24 || !strings.HasPrefix(text, "12:00:00 UTC  301 domains, ") || !strings.HasPrefix(lines[23], "… ") {
			t.Errorf("in %d columns, %d lines:\n%s", columns, len(lines), text)
		}
		for _, want := range []string{"connection refused", "the API key was refused", "z.example.com"} {
			if !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
				t.Errorf("in %d columns no %q:\n%s", columns, want, text)
			}
		}
	}
	lines := statusScreen(seen, nil, now, 200, 1000, terminal.Palette{})
	if got := lines[len(lines)-1]; !strings.Contains(got, "d299.example.com") {
		t.Errorf("the last line of a big terminal is %q", got)
	}
}

func TestLogsFollowADomainUntilCtrlC(t *testing.T) {
	t.Parallel()
	env, mini := onRedis(t)
	s := newLedgerFixture(t, mini.Addr())
	s.record("app1", "a.example.com")
	text, stopText := background(t, env, "logs", "a.example.com", "--follow")
	objects, stopObjects := background(t, env, "logs", "a.example.com", "--follow", "--json")
	poll(t, "the first entry", says(text, "Z  Pending"))
	poll(t, "the first object", says(objects, `"domain":"a.example.com"`))
	change := listsync.Pending{Change: tasks.Change{AppID: "app1", Domain: "a.example.com", Seq: s.seq + 1, RequestedAt: at}, RecordedAt: at}
	if _, err := s.ledger.Record(t.Context(), change, listsync.HistoryEntry{At: at.Add(time.Hour), State: tasks.Pending, Reason: "asked <again>", Actor: "ada"}); err != nil {
		t.Fatal(err)
	}
	poll(t, "the second entry", says(text, "2026-03-01T12:00:00Z  Pending               asked <again>  (ada)\n"))
	poll(t, "the second object", says(objects, `"asked <again>"`))
	for _, stop := range []func() (int, string){stopText, stopObjects} {
		if code, errs := stop(); code != exitDone || errs != "" {
			t.Errorf("exit code %d, standard error %q", code, errs)
		}
	}
	if got := strings.Count(text.String(), "Z  Pending"); got != 2 {
		t.Errorf("%d entries:\n%s", got, text)
	}
	if got := strings.Count(objects.String(), "\n"); got != 2 {
		t.Errorf("%d objects:\n%s", got, objects)
	}
}

func TestNewEntriesAreThoseAfterTheLastOneSeen(t *testing.T) {
	t.Parallel()
	entry := func(n int) listsync.HistoryEntry {
		return listsync.HistoryEntry{At: at.Add(time.Duration(n)), Checks: []listsync.NameResult{{Name: "a"}}}
	}
	entries := func(from, to int) (all []listsync.HistoryEntry) {
		for n := from; n < to; n++ {
			all = append(all, entry(n))
		}
		return all
	}
	for _, test := range []struct {
		name          string
		seen, history []listsync.HistoryEntry
		want          int
	}{
		{"nothing seen", nil, entries(0, 2), 2},
		{"nothing new", entries(0, 2), entries(0, 2), 0},
		{"two new", entries(0, 2), entries(0, 4), 2},
		{"the oldest isn't kept any more", entries(0, 4), entries(2, 5), 1},
		{"none that was seen is kept", entries(0, 2), entries(5, 8), 3},
	} {
		if got := newEntries(test.seen, test.history); len(got) != test.want {
			t.Errorf("%s: %d entries, want %d", test.name, len(got), test.want)
		}
	}
}
