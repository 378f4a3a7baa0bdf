package upgrade

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"

	"pilotsync/tasks"
	"pilotsync/worker/janitor"
)

// receipt is a producer's answer about a change.
type receipt struct {
	App    string
	Domain string
	Seq    int64
	Remove bool
}

// workload is what the requests add up to, kept apart from the programs.
type workload struct {
	mu   sync.Mutex
	last map[string]map[string]receipt // by app and domain: the one with the highest number
	n    int
}

func (w *workload) note(receipts ...receipt) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range receipts {
		if w.last[r.App] == nil {
			w.last[r.App] = map[string]receipt{}
		}
		if r.Seq > w.last[r.App][r.Domain].Seq {
			w.last[r.App][r.Domain] = r
		}
		w.n++
	}
}

// settled is nil once every request has reached a final state.
func (f *fixture) settled(ctx context.Context, want *workload) error {
	for _, app := range f.apps {
		views, err := f.ledger.Domains(ctx, app)
		if err != nil {
			return err
		}
		state := map[string]tasks.State{}
		for _, v := range views {
			state[v.Domain] = v.State
			if last := want.last[app][v.Domain]; v.Seq != last.Seq {
				return fmt.Errorf("%s on %s: the ledger has change %d, the last is %d", v.Domain, app, v.Seq, last.Seq)
			}
		}
		for domain, last := range want.last[app] {
			end := tasks.Done
			if last.Remove {
				end = tasks.Removed
			}
			if state[domain] != end {
				return fmt.Errorf("%s on %s is %q, want %q", domain, app, state[domain], end)
			}
		}
	}
	return nil
}

// lacks is nil if each domain's last event has its final state.
func (h *received) lacks(want *workload) error {
	last := h.last()
	for app, domains := range want.last {
		for domain, r := range domains {
			end := tasks.Done
			if r.Remove {
				end = tasks.Removed
			}
			if e := last[app+" "+domain]; e.State != string(end) { // a repeated request needs no event
				return fmt.Errorf("%s on %s: its last event is %+v, want %s", domain, app, e, end)
			}
		}
	}
	if len(h.mismatched) > 0 {
		return fmt.Errorf("these ids came with different contents: %v", h.mismatched)
	}
	return nil
}

// check compares lists, writes, archive and quarantine with what must be.
func (f *fixture) check(want *workload, byHand []string) {
	f.t.Helper()
	for _, app := range f.apps {
		list := f.sim.List(app)
		if len(list) < len(byHand) || !slices.Equal(list[:len(byHand)], byHand) {
			f.t.Errorf("%s: the names set by hand are not where they were: %v", app, list)
			continue
		}
		added, expected := slices.Sorted(slices.Values(list[len(byHand):])), []string(nil)
		for domain, last := range want.last[app] {
			if !last.Remove {
				expected = append(expected, domain)
			}
		}
		slices.Sort(expected)
		if diff := cmp.Diff(expected, added); diff != "" {
			f.t.Errorf("the list of %s (-want +got):\n%s", app, diff)
		}
	}
	if overlaps := f.sim.Overlaps(); len(overlaps) > 0 {
		f.t.Errorf("%d list writes of one app overlapped, the first: %+v", len(overlaps), overlaps[0])
	}
	f.nothingGivenUp()
}

// nothingGivenUp checks that the archive and the quarantine are empty.
func (f *fixture) nothingGivenUp() {
	f.t.Helper()
	inspector := asynq.NewInspectorFromRedisClient(f.rdb)
	for _, queue := range []string{tasks.QueueDomains, tasks.QueueLists, tasks.QueueSSL, tasks.QueueEvents} {
		archived, err := inspector.ListArchivedTasks(queue)
		if err != nil && !errors.Is(err, asynq.ErrQueueNotFound) {
			f.t.Error(err)
		}
		for _, a := range archived {
			f.t.Errorf("task %s of queue %s is in the archive: %s", a.ID, queue, a.LastErr)
		}
	}
	locked, _, err := janitor.NewQuarantine(f.rdb).List(f.t.Context(), 10)
	if err != nil || len(locked) > 0 {
		f.t.Errorf("in quarantine are %+v (%v)", locked, err)
	}
}

// same reports what differs between two outputs, which must be the same.
func (f *fixture) same(title, one, other string) {
	f.t.Helper()
	if diff := cmp.Diff(strings.Split(one, "\n"), strings.Split(other, "\n")); diff != "" {
		f.t.Errorf("%s (-previous +present):\n%s", title, diff)
	}
}

// sameFields compares two lists of objects in JSON. The present release may have fields
// that the previous one doesn't know.
func (f *fixture) sameFields(title, previous, present string) {
	f.t.Helper()
	var one, other []map[string]any
	if err := errors.Join(json.Unmarshal([]byte(previous), &one), json.Unmarshal([]byte(present), &other)); err != nil {
		f.t.Errorf("%s: %v", title, err)
		return
	}
	for i := range min(len(one), len(other)) {
		if other[i]["cause"] != nil {
			delete(one[i], "reason") // the previous release shows none for a record with a cause
		}
		dropUnknown(one[i], other[i])
	}
	if diff := cmp.Diff(one, other); diff != "" {
		f.t.Errorf("%s (-previous +present):\n%s", title, diff)
	}
}

// dropUnknown removes the fields that the previous release doesn't know, also of objects inside.
func dropUnknown(previous, present map[string]any) {
	maps.DeleteFunc(present, func(field string, _ any) bool { _, known := previous[field]; return !known })
	for field, value := range previous {
		one, isObject := value.(map[string]any)
		if other, ok := present[field].(map[string]any); ok && isObject && field != "domains" { // its keys are states
			dropUnknown(one, other)
		}
	}
}
