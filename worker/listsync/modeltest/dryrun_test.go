package modeltest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pilotsync/tasks"
)

// stateForDryRun is the state that a dry run must not change. It is ServerPilot's list, and the
// ledger except the lease, the failure, what readers see, and the previews. The event
// app.recovered is an exception: a dry run sends it if a blocked app can be read again.
func (h *harness) stateForDryRun() map[string]any {
	all := map[string]any{"the list": slices.Clone(h.list)}
	for _, name := range []string{"domains", "seqs", "since"} {
		all[name] = h.hash(name)
	}
	for _, name := range []string{"ours", "strangers"} {
		all[name], _ = h.redis.Members(ledgerKey(name))
	}
	for _, name := range []string{"gone", "due", "watch", "index", "expiry", "renew_by", "waiting"} {
		all[name], _ = h.redis.SortedSet(ledgerKey(name))
	}
	for _, name := range append([]string{"outbox", "writes"}, logs()...) {
		all[name], _ = h.redis.List(ledgerKey(name))
	}
	all["outbox"] = slices.DeleteFunc(slices.Clone(all["outbox"].([]string)), func(event string) bool { return strings.Contains(event, `"type":"app.recovered"`) })
	pending := map[string]map[string]any{}
	for domain, raw := range h.hash("pending") {
		var change map[string]any
		if err := json.Unmarshal([]byte(raw), &change); err != nil {
			h.fail("decode the pending change of %s: %v", domain, err)
		}
		delete(change, "preview")
		pending[domain] = change
	}
	all["pending"] = pending
	sync := h.hash("sync")
	for _, field := range []string{"awake", "token", "until", "taken", "wake", "dry_run", "fails", "trouble", "blocked", "trouble_since", "alarm"} {
		delete(sync, field)
	}
	all["sync"] = sync
	return all
}

func logs() (names []string) {
	for _, domain := range domains {
		names = append(names, "log:"+domain)
	}
	return names
}

// However many dry runs there were, the next real sync leads to the same list and the same
// ledger as it would have without them.
func TestAfterDryRunsASyncDoesWhatItWouldHaveDoneWithoutThem(t *testing.T) {
	server, l := setup(t)
	rapid.Check(t, func(t *rapid.T) {
		var events []func(h *harness, dry bool)
		sync := func(h *harness, dry bool) {
			h.endDryRun()
			h.wake()
			h.startAs(h.due(waiting)[0], dry)
			h.runUntilIdle(false)
		}
		for range rapid.IntRange(1, 20).Draw(t, "length") {
			switch rapid.IntRange(0, 5).Draw(t, "event") {
			case 0, 1, 2:
				domain, remove := rapid.SampledFrom(domains).Draw(t, "domain"), rapid.IntRange(0, 2).Draw(t, "kind") == 2
				www := rapid.SampledFrom([]tasks.WWW{"", "", tasks.WWWNever}).Draw(t, "www")
				events = append(events, func(h *harness, _ bool) {
					h.request(domain, remove, www, 0)
					h.handleChange(h.queue[0], false)
				})
			case 3:
				name := rapid.SampledFrom(byHand).Draw(t, "name")
				events = append(events, func(h *harness, _ bool) {
					h.edited()
					if has(h.list, name) {
						h.list = slices.DeleteFunc(slices.Clone(h.list), func(other string) bool { return strings.EqualFold(other, name) })
					} else {
						h.mayStay[strings.ToLower(name)], h.list = true, append(slices.Clone(h.list), name)
					}
				})
			case 4:
				events = append(events, func(h *harness, dry bool) {
					if dry {
						h.dryRunAll()
					}
				})
			case 5:
				events = append(events, func(h *harness, _ bool) { sync(h, false) })
			}
		}
		end := func(dry bool) map[string]any {
			h := newHarness(server, l)
			defer h.close()
			h.t, h.tb, h.faults = t, t, false
			for i, event := range events {
				h.now = h.begin.Add(time.Duration(i) * time.Minute) // with and without dry runs
				h.redis.SetTime(h.now)
				event(h, dry)
			}
			h.now = h.begin.Add(time.Hour)
			h.redis.SetTime(h.now)
			h.dryRunIf(dry)
			h.now = h.begin.Add(2 * time.Hour)
			h.redis.SetTime(h.now)
			sync(h, false)
			h.same("what is pending", map[string]string{}, h.hash("pending"))
			return h.stateForDryRun()
		}
		if diff := cmp.Diff(end(false), end(true)); diff != "" {
			t.Fatalf("the end (-without +with dry runs): %s", diff)
		}
	})
}

// dryRunAll lets a worker in a dry run process all due tasks.
func (h *harness) dryRunAll() {
	for range 100 {
		due := h.due(waiting)
		if len(due) == 0 {
			return
		}
		p := h.startAs(due[0], true)
		for p.parked != nil {
			p.step(succeeds)
		}
	}
	h.fail("the dry runs don't end")
}

func (h *harness) dryRunIf(dry bool) {
	if dry {
		h.wake()
		h.dryRunAll()
		for domain, raw := range h.hash("pending") {
			if !strings.Contains(raw, `"preview":`) {
				h.fail("the dry run has no preview of %s: %s", domain, raw)
			}
		}
		if state := fmt.Sprint(h.hash("sync")); strings.Contains(state, "awake") || strings.Contains(state, "token") {
			h.fail("the dry run leaves a task or a lease: %s", state)
		}
	}
}
