//go:build faults

package faults

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"pilotsync/internal/simulator"
)

// Three models of an app or a domain, each with its operations. A history is refused if no
// order of its operations explains it. Each operation takes effect at one moment between its
// start and its end.

// access is a read or a write of a list, as ServerPilot sees it. listModel is a register: a write
// replaces the list, and a read returns the last one written. It holds for every correct API, so it
// shows that the other two models judge the real lists.
type access struct {
	write bool
	list  string // of a write
}

func listModel(start []string) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return joined(start) },
		Step: func(state, input, output any) (bool, any) {
			if a := input.(access); a.write {
				return true, a.list
			}
			return output == state, state
		},
		DescribeOperation: func(input, output any) string {
			if a := input.(access); a.write {
				return "write " + shown(a.list)
			}
			return "read " + shown(output.(string))
		},
	}
}

// update is a worker's read of a list and the write that follows from it. updateModel says that no
// other write comes between the two. The API doesn't promise that much; it is what "no update is
// lost" means.
type update struct{ from, to string }

func updateModel(start []string) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return joined(start) },
		Step: func(state, input, _ any) (bool, any) {
			u := input.(update)
			return u.from == state, u.to
		},
		DescribeOperation: func(input, _ any) string {
			u := input.(update)
			return shown(u.from) + " becomes " + shown(u.to)
		},
	}
}

// enqueueOp is a request for one domain, from its call to its acknowledgement. With final set it is
// a read of the list after all requests were processed. enqueueModel says that the last
// acknowledged request wins; of two concurrent ones either may.
type enqueueOp struct{ final, on bool }

func enqueueModel() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return false },
		Step: func(state, input, output any) (bool, any) {
			if w := input.(enqueueOp); !w.final {
				return true, w.on
			}
			return output == state, state
		},
		DescribeOperation: func(input, output any) string {
			if w := input.(enqueueOp); !w.final {
				return map[bool]string{true: "add", false: "remove"}[w.on]
			}
			return fmt.Sprintf("in the end: %v", output)
		},
	}
}

// joined makes a list into a value that can be compared.
func joined(list []string) string { return strings.Join(list, "\n") }

// shown is the end of a list, where names are added.
func shown(list string) string {
	all := strings.Split(list, "\n")
	return fmt.Sprintf("%d names … %s", len(all), strings.Join(all[max(0, len(all)-3):], ", "))
}

// span sets an operation's times. One that never ended may take effect at any later time.
func span(op porcupine.Operation, from, to, zero time.Time) porcupine.Operation {
	op.Call, op.Return = int64(from.Sub(zero)), int64(to.Sub(zero))
	if to.IsZero() {
		op.Return = math.MaxInt64
	}
	return op
}

// over is when a write was both answered and in effect.
func over(w simulator.Write) time.Time {
	if w.AnsweredAt.IsZero() || w.AnsweredAt.After(w.AppliedAt) {
		return w.AnsweredAt
	}
	return w.AppliedAt
}

// accesses are all reads and writes of a list.
func accesses(reads []simulator.Read, writes []simulator.Write, zero time.Time) (ops []porcupine.Operation) {
	who := clients{}
	for _, r := range reads {
		op := porcupine.Operation{ClientId: who.number(r.By), Input: access{}, Output: joined(r.List)}
		ops = append(ops, span(op, r.ReceivedAt, r.AnsweredAt, zero))
	}
	for _, w := range writes {
		op := porcupine.Operation{ClientId: who.number(w.By), Input: access{true, joined(w.After)}}
		ops = append(ops, span(op, w.ReceivedAt, over(w), zero))
	}
	return ops
}

// updates pairs each write with the last read that its writer got an answer to.
func updates(t *testing.T, reads []simulator.Read, writes []simulator.Write, zero time.Time) (ops []porcupine.Operation) {
	t.Helper()
	who := clients{}
	for _, w := range writes {
		var base *simulator.Read
		for i, r := range reads {
			if r.By == w.By && !r.AnsweredAt.IsZero() && !r.AnsweredAt.After(w.ReceivedAt) {
				base = &reads[i]
			}
		}
		if base == nil {
			t.Errorf("app %s: write %d by %q was made without a read", w.App, w.Index, w.By)
			continue
		}
		op := porcupine.Operation{ClientId: who.number(w.By), Input: update{joined(base.List), joined(w.After)}}
		ops = append(ops, span(op, base.ReceivedAt, over(w), zero))
	}
	return ops
}

// clients numbers the callers, for the picture.
type clients map[string]int

func (c clients) number(id string) int {
	if _, known := c[id]; !known {
		c[id] = len(c)
	}
	return c[id]
}

// checkLimit is how long the check of one history may take; these take milliseconds.
const checkLimit = 2 * time.Minute

// checkModel fails the test unless the model explains the history. go test's -artifacts keeps a
// picture of an unexplained one.
func checkModel(t *testing.T, what string, model porcupine.Model, ops []porcupine.Operation) {
	t.Helper()
	result, info := porcupine.CheckOperationsVerbose(model, ops, checkLimit)
	if result == porcupine.Ok {
		return
	}
	picture := filepath.Join(t.ArtifactDir(), strings.ReplaceAll(what, " ", "-")+".html")
	err := porcupine.VisualizePath(model, info, picture)
	t.Errorf("%s: the history of %d operations is %s; picture: %s (%v)", what, len(ops), result, picture, err)
}

func TestTheCheckerTellsGoodHistoriesFromBadOnes(t *testing.T) {
	t.Parallel()
	at := func(op porcupine.Operation, from, to int64) porcupine.Operation {
		op.Call, op.Return = from, to
		return op
	}
	read := func(list string, from, to int64) porcupine.Operation {
		return at(porcupine.Operation{Input: access{}, Output: list}, from, to)
	}
	write := func(list string, from, to int64) porcupine.Operation {
		return at(porcupine.Operation{Input: access{true, list}}, from, to)
	}
	change := func(before, after string, from, to int64) porcupine.Operation {
		return at(porcupine.Operation{Input: update{before, after}}, from, to)
	}
	ask := func(on bool, from, to int64) porcupine.Operation {
		return at(porcupine.Operation{Input: enqueueOp{on: on}}, from, to)
	}
	end := func(on bool) porcupine.Operation {
		return at(porcupine.Operation{Input: enqueueOp{final: true}, Output: on}, 1000, 1001)
	}
	lists, changes, wishes := listModel([]string{"a"}), updateModel([]string{"a"}), enqueueModel()
	for _, test := range []struct {
		name  string
		model porcupine.Model
		ops   []porcupine.Operation
		want  porcupine.CheckResult
	}{
		{"a read sees the write before it", lists, []porcupine.Operation{write("a b", 0, 10), read("a b", 20, 30)}, porcupine.Ok},
		{"a read misses the write before it", lists, []porcupine.Operation{write("a b", 0, 10), read("a", 20, 30)}, porcupine.Illegal},
		{"a read beside a write may miss it", lists, []porcupine.Operation{write("a b", 0, 25), read("a", 20, 30)}, porcupine.Ok},
		{"a write comes back after it was replaced", lists, []porcupine.Operation{write("b", 0, 10), write("c", 20, 30), read("c", 40, 50), read("b", 60, 70)}, porcupine.Illegal},
		{"a late write explains it", lists, []porcupine.Operation{write("b", 0, math.MaxInt64), write("c", 20, 30), read("c", 40, 50), read("b", 60, 70)}, porcupine.Ok},

		{"one update after the other", changes, []porcupine.Operation{change("a", "a b", 0, 10), change("a b", "a b c", 20, 30)}, porcupine.Ok},
		{"two that overlap, of which the second read what the first wrote", changes, []porcupine.Operation{change("a", "a b", 0, 20), change("a b", "a b c", 10, 30)}, porcupine.Ok},
		{"the second didn't see the first: an update is lost", changes, []porcupine.Operation{change("a", "a b", 0, 20), change("a", "a c", 10, 30)}, porcupine.Illegal},
		{"a worker that was stopped writes what it read long ago", changes, []porcupine.Operation{change("a", "a b", 0, 10), change("a b", "a b c", 20, 30), change("a b", "a b d", 15, 90)}, porcupine.Illegal},

		{"the last request wins", wishes, []porcupine.Operation{ask(true, 0, 10), ask(false, 20, 30), end(false)}, porcupine.Ok},
		{"the first request wins", wishes, []porcupine.Operation{ask(true, 0, 10), ask(false, 20, 30), end(true)}, porcupine.Illegal},
		{"a request is lost", wishes, []porcupine.Operation{ask(true, 0, 10), end(false)}, porcupine.Illegal},
		{"of two concurrent requests either may win", wishes, []porcupine.Operation{ask(true, 0, 20), ask(false, 10, 30), end(true)}, porcupine.Ok},
		{"an addition without a request", wishes, []porcupine.Operation{end(true)}, porcupine.Illegal},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := porcupine.CheckOperationsTimeout(test.model, test.ops, checkLimit); got != test.want {
				t.Errorf("the checker says %s, want %s", got, test.want)
			}
		})
	}
}

func TestTimesAreTakenFromTheSimulatorAsTheyAre(t *testing.T) {
	t.Parallel()
	zero := time.Now()
	ms := func(n int) time.Time { return zero.Add(time.Duration(n) * time.Millisecond) }
	reads := []simulator.Read{{By: "w1", List: []string{"a"}, ReceivedAt: ms(0), AnsweredAt: ms(2)}, {By: "w2", List: []string{"x"}, ReceivedAt: ms(3), AnsweredAt: ms(4)},
		{By: "w1", List: []string{"b"}, ReceivedAt: ms(5), AnsweredAt: ms(9)}}
	writes := []simulator.Write{{By: "w1", After: []string{"c"}, ReceivedAt: ms(6), AnsweredAt: ms(6), AppliedAt: ms(20)}}
	got := updates(t, reads, writes, zero)
	if len(got) != 1 || got[0].Input != (update{"a", "c"}) || got[0].Call != 0 || got[0].Return != int64(20*time.Millisecond) {
		t.Errorf("paired as %+v; the base is the writer's own last answer, and a late write ends when it takes effect", got)
	}
	writes[0].AnsweredAt = time.Time{}
	if all := accesses(reads, writes, zero); len(all) != 4 || !slices.ContainsFunc(all, func(op porcupine.Operation) bool { return op.Return == math.MaxInt64 }) {
		t.Errorf("accesses %+v; what never ended has no end", all)
	}
}
