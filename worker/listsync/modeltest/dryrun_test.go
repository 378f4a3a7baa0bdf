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

// kept is what a dry run must leave as it is: ServerPilot's list, and the ledger but for
// the lease, the trouble, what readers are shown, and the previews themselves. An app
// that was blocked and whose list can be read again has recovered: a dry run says so.
func (w *world) kept() map[string]any {
	all := map[string]any{"the list": slices.Clone(w.list)}
	for _, name := range []string{"domains", "seqs", "since"} {
		all[name] = w.hash(name)
	}
	for _, name := range []string{"ours", "strangers"} {
		all[name], _ = w.redis.Members(ledgerKey(name))
	}
	for _, name := range []string{"gone", "due", "watch", "index", "expiry", "waiting"} {
		all[name], _ = w.redis.SortedSet(ledgerKey(name))
	}
	for _, name := range append([]string{"outbox", "writes"}, logs()...) {
		all[name], _ = w.redis.List(ledgerKey(name))
	}
	all["outbox"] = slices.DeleteFunc(slices.Clone(all["outbox"].([]string)), func(event string) bool { return strings.Contains(event, `"type":"app.recovered"`) })
	pending := map[string]map[string]any{}
	for domain, raw := range w.hash("pending") {
		var change map[string]any
		if err := json.Unmarshal([]byte(raw), &change); err != nil {
			w.fail("the pending change of %s: %v", domain, err)
		}
		delete(change, "preview")
		pending[domain] = change
	}
	all["pending"] = pending
	sync := w.hash("sync")
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

// However many dry runs there were: the first sync that is none comes to the same list
// and the same ledger as if there had been none.
func TestAfterDryRunsASyncDoesWhatItWouldHaveDoneWithoutThem(t *testing.T) {
	server, l := setup(t)
	rapid.Check(t, func(t *rapid.T) {
		var story []func(w *world, dry bool)
		sync := func(w *world, dry bool) {
			w.endDryRun()
			w.wake()
			w.startAs(w.due(waiting)[0], dry)
			w.quiet(false)
		}
		for range rapid.IntRange(1, 20).Draw(t, "length") {
			switch rapid.IntRange(0, 5).Draw(t, "event") {
			case 0, 1, 2:
				domain, remove := rapid.SampledFrom(domains).Draw(t, "domain"), rapid.IntRange(0, 2).Draw(t, "kind") == 2
				www := rapid.SampledFrom([]tasks.WWW{"", "", tasks.WWWNever}).Draw(t, "www")
				story = append(story, func(w *world, _ bool) {
					w.ask(domain, remove, www, 0)
					w.deliver(w.queue[0], false)
				})
			case 3:
				name := rapid.SampledFrom(byHand).Draw(t, "name")
				story = append(story, func(w *world, _ bool) {
					w.edited()
					if has(w.list, name) {
						w.list = slices.DeleteFunc(slices.Clone(w.list), func(other string) bool { return strings.EqualFold(other, name) })
					} else {
						w.mayStay[strings.ToLower(name)], w.list = true, append(slices.Clone(w.list), name)
					}
				})
			case 4:
				story = append(story, func(w *world, dry bool) {
					if dry {
						w.dryRunAll()
					}
				})
			case 5:
				story = append(story, func(w *world, _ bool) { sync(w, false) })
			}
		}
		end := func(dry bool) map[string]any {
			w := newWorld(server, l)
			defer w.close()
			w.t, w.tb, w.faults = t, t, false
			for i, event := range story {
				w.now = w.begin.Add(time.Duration(i) * time.Minute) // a dry run takes time, and nothing else differs
				w.redis.SetTime(w.now)
				event(w, dry)
			}
			w.now = w.begin.Add(time.Hour)
			w.redis.SetTime(w.now)
			w.dryRunIf(dry)
			w.now = w.begin.Add(2 * time.Hour)
			w.redis.SetTime(w.now)
			sync(w, false)
			w.same("what is pending", map[string]string{}, w.hash("pending"))
			return w.kept()
		}
		if diff := cmp.Diff(end(false), end(true)); diff != "" {
			t.Fatalf("the end (-without +with dry runs): %s", diff)
		}
	})
}

// dryRunAll lets a worker in a dry run take what is due.
func (w *world) dryRunAll() {
	for range 100 {
		due := w.due(waiting)
		if len(due) == 0 {
			return
		}
		p := w.startAs(due[0], true)
		for p.parked != nil {
			p.step(goesOn)
		}
	}
	w.fail("dry runs don't come to rest")
}

func (w *world) dryRunIf(dry bool) {
	if dry {
		w.wake()
		w.dryRunAll()
		for domain, raw := range w.hash("pending") {
			if !strings.Contains(raw, `"preview":`) {
				w.fail("the dry run says nothing of %s: %s", domain, raw)
			}
		}
		if state := fmt.Sprint(w.hash("sync")); strings.Contains(state, "awake") || strings.Contains(state, "token") {
			w.fail("the dry run leaves work: %s", state)
		}
	}
}
