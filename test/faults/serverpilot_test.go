//go:build faults

package faults

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/harness"
	"pilotsync/worker/listsync"
)

// transient is a fault of one app at ServerPilot, and the outcome that must follow.
type transient struct {
	app   string // also the app's name
	begin func(*simulator.Simulator, string)
	from  time.Duration // the least time from the request to the list
}

// blockedWait is the delay before the next attempt for an app that needs a person.
const blockedWait = 5 * time.Minute

// transients end by themselves. After a write of unknown outcome, no worker writes the list for 30
// 30 s.
func transients() []transient {
	next := func(call simulator.Call, faults ...simulator.Fault) func(*simulator.Simulator, string) {
		return func(sim *simulator.Simulator, app string) { sim.FailNext(app, call, faults...) }
	}
	passing := func(status int) func(*simulator.Simulator, string) {
		return func(sim *simulator.Simulator, app string) {
			sim.SetAppStatus(app, status)
			time.AfterFunc(5*time.Second, func() { sim.SetAppStatus(app, 0) })
		}
	}
	read, write := simulator.ReadApp, simulator.WriteList
	three := func(kind simulator.FaultKind) []simulator.Fault {
		return slices.Repeat([]simulator.Fault{{Kind: kind}}, 3)
	}
	// Retried after 1, 2 and 4 s, each of which asynq may shorten by up to a second.
	const least = 4 * time.Second
	const unknown = listsync.LandingLimit
	return []transient{
		{"reads-500", next(read, three(simulator.Error5xx)...), least},
		{"writes-500", next(write, three(simulator.Error5xx)...), 0},
		{"answers-503", passing(503), least},
		{"answers-409", passing(409), least},
		{"reads-429", next(read, simulator.Fault{Kind: simulator.Error429, For: 8 * time.Second}), 8 * time.Second},
		{"writes-429", next(write, simulator.Fault{Kind: simulator.Error429, For: 8 * time.Second}), 8 * time.Second},
		{"reads-html", next(read, three(simulator.HTML)...), least},
		{"writes-html", next(write, simulator.Fault{Kind: simulator.HTML}), unknown},
		{"reads-truncated", next(read, three(simulator.TruncatedJSON)...), least},
		{"writes-truncated", next(write, simulator.Fault{Kind: simulator.TruncatedJSON}), unknown},
		{"reads-without-domains", next(read, three(simulator.NoDomains)...), least},
		{"writes-without-domains", next(write, simulator.Fault{Kind: simulator.NoDomains}), unknown},
		// Go's client retries a read by itself, on another connection.
		{"reads-dropped", next(read, three(simulator.DropBefore)...), 0},
		{"writes-dropped", next(write, simulator.Fault{Kind: simulator.DropBefore}), unknown},
		{"writes-unanswered", next(write, simulator.Fault{Kind: simulator.DropAfter}), unknown},
		{"writes-applied-late", next(write, simulator.Fault{Kind: simulator.ApplyLate, For: 20 * time.Second}), unknown},
		{"reads-of-30s", next(read, simulator.Fault{Kind: simulator.Slow, For: 30 * time.Second}), 20 * time.Second},
		{"writes-of-30s", next(write, simulator.Fault{Kind: simulator.Slow, For: 30 * time.Second}), unknown},
		{"reads-of-15s", next(read, simulator.Fault{Kind: simulator.Slow, For: 15 * time.Second}), 15 * time.Second},
	}
}

// blockingFault is a fault that a person has to end. reason must be part of what the program says.
type blockingFault struct {
	begin, end func(*simulator.Simulator, string)
	reason     string
}

func blockingFaults() map[string]blockingFault {
	status := func(code int) func(*simulator.Simulator, string) {
		return func(sim *simulator.Simulator, app string) { sim.SetAppStatus(app, code) }
	}
	return map[string]blockingFault{
		"card-expired": {status(402), status(0), "card"},
		"protected":    {status(403), status(0), "403"},
		"deleted":      {status(404), status(0), "404"},
		// A restarted worker gets the new key.
		"key-rotated": {func(sim *simulator.Simulator, _ string) { _ = sim.SetAPIKey("rotated", "new-key") }, func(*simulator.Simulator, string) {}, "key"},
	}
}

func TestEachFailureOfServerPilotDelaysNoOtherApp(t *testing.T) {
	t.Parallel()
	opt := simulator.Options{
		Accounts: []simulator.Account{{ClientID: "sim", APIKey: "sim-key"}, {ClientID: "rotated", APIKey: "old-key", Apps: []string{"key-rotated"}}},
		Apps:     []simulator.App{appWithDomains("calm")},
	}
	for _, a := range transients() {
		opt.Apps = append(opt.Apps, appWithDomains(a.app))
	}
	for app := range blockingFaults() {
		opt.Apps = append(opt.Apps, appWithDomains(app))
	}
	f := newFixture(t, opt)
	accounts := filepath.Join(t.TempDir(), "accounts.yaml")
	setKey := func(key string) {
		others := slices.DeleteFunc(slices.Clone(f.apps), func(app string) bool { return app == "key-rotated" })
		text := fmt.Sprintf("accounts:\n- {client_id: sim, api_key: sim-key, apps: [%s]}\n- {client_id: rotated, api_key: %s, apps: [key-rotated]}\n", strings.Join(others, ", "), key)
		if err := os.WriteFile(accounts, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	setKey("old-key")
	f.env = slices.DeleteFunc(f.env, func(v string) bool { return strings.HasPrefix(v, "WU_SERVER_PILOT_") })
	f.env = append(f.env, "PILOTSYNC_CONFIG="+accounts)
	worker := f.worker()
	worker.AwaitWritten("is ready")

	// The time of a change for a healthy app: before, and meanwhile.
	healthy := func(n int) time.Duration {
		began, name := time.Now(), fmt.Sprintf("www.calm%03d.example.com", n)
		f.add("calm", name)
		harness.Await(t, name+" is listed", func() error { return f.listed("calm", name) })
		return time.Since(began)
	}
	var idle, beside []time.Duration
	for n := range 10 {
		idle = append(idle, healthy(n))
	}
	for _, a := range transients() {
		a.begin(f.sim, a.app)
	}
	for app, b := range blockingFaults() {
		b.begin(f.sim, app)
	}
	began := time.Now()
	for _, app := range f.apps[1:] {
		f.add(app, "shop.example.com")
	}

	settled := map[string]time.Duration{}
	for n := 10; len(settled) < len(transients()) && time.Since(began) < blockedWait; n++ {
		if n < 60 {
			beside = append(beside, healthy(n))
		}
		for _, a := range transients() {
			v, _, err := f.ledger.Domain(t.Context(), a.app, "shop.example.com")
			if _, known := settled[a.app]; !known && err == nil && v.State.Listed() && v.State != tasks.Pending {
				settled[a.app] = time.Since(began)
			}
		}
		select {
		case <-t.Context().Done():
			t.Fatal("the test's time is over")
		case <-time.After(100 * time.Millisecond):
		}
	}
	slices.Sort(idle)
	slices.Sort(beside)
	half := func(all []time.Duration) time.Duration { return all[len(all)/2].Round(time.Millisecond) }
	t.Logf("a change of the healthy app took %s (longest %s), beside %d failing apps %s (longest %s)", half(idle), idle[len(idle)-1].Round(time.Millisecond),
		len(f.apps)-1, half(beside), beside[len(beside)-1].Round(time.Millisecond))
	if len(beside) < 10 { // one that waited for calls of 30 s would have two or three
		t.Errorf("only %d changes of the healthy app were listed while the others failed", len(beside))
	}

	for _, a := range transients() {
		took, done := settled[a.app]
		t.Logf("%-24s settled after %5.1f s; %d reads, %d writes", a.app, took.Seconds(), f.sim.Calls(a.app, simulator.ReadApp), f.sim.Calls(a.app, simulator.WriteList))
		if !done || took < a.from {
			t.Errorf("%s: settled after %s (%v); it takes at least %s, and less than %s", a.app, took, done, a.from, blockedWait)
		}
		f.checkAddedOnce(a.app)
	}

	for app, b := range blockingFaults() {
		v, _, err := f.ledger.Domain(t.Context(), app, "shop.example.com")
		if err != nil || v.State != tasks.Pending || !strings.Contains(v.Reason, b.reason) {
			t.Errorf("%s: %s, %q (%v); it must wait, for %q", app, v.State, v.Reason, err, b.reason)
		}
		info, err := f.ledger.App(t.Context(), app)
		if err != nil || info.Failure == nil || !info.Failure.Blocked {
			t.Errorf("%s isn't blocked: %+v, %v", app, info, err)
		}
		if n, since := f.sim.Calls(app, simulator.ReadApp), time.Since(began); n != 1 && since < blockedWait {
			t.Errorf("%s was tried %d times within %s; it has %s", app, n, since.Round(time.Second), blockedWait)
		}
		if !logsBlocked(worker.Written(), app) {
			t.Errorf("%s: the log doesn't say as an error that it is blocked", app)
		}
		t.Logf("%-24s %s", app, v.Reason)
		b.end(f.sim, app)
	}
	// The person who corrected it restarts the worker.
	setKey("new-key")
	if code := worker.Terminate(); code != 0 {
		t.Errorf("the worker ended with %d", code)
	}
	f.worker()
	f.awaitSettled()
	f.check()
}

// listed is nil if a name is on an app's list.
func (f *fixture) listed(app, name string) error {
	if !slices.Contains(f.sim.List(app), name) {
		return errors.New("it isn't")
	}
	return nil
}

// logsBlocked reports whether a log has an error about a blocked app.
func logsBlocked(log, app string) bool {
	for line := range strings.Lines(log) {
		if strings.Contains(line, `"level":"error"`) && strings.Contains(line, `"app":"`+app+`"`) && strings.Contains(line, "blocked until a person acts") {
			return true
		}
	}
	return false
}
