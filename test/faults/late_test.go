//go:build faults

package faults

import (
	"errors"
	"testing"
	"time"

	"pilotsync/internal/simulator"
	"pilotsync/test/harness"
)

var errStill = errors.New("not yet")

func TestAWriteWhoseAnswerNeverComesLosesNoChangeAndDoublesNoName(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]simulator.Fault{
		"the connection ends":              {Kind: simulator.DropAfter},
		"a gateway answers":                {Kind: simulator.HTML},
		"the answer ends in the middle":    {Kind: simulator.TruncatedJSON},
		"the answer doesn't hold the list": {Kind: simulator.NoDomains},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Options{Apps: []simulator.App{site("app1")}, Latency: 200 * time.Millisecond})
			w.sim.FailNext("app1", simulator.WriteList, fault)
			w.worker()
			w.worker()
			w.add("app1", "one.example.com", "two.example.com")
			harness.Await(t, "the first write is applied", func() error {
				if len(w.sent("app1")) == 0 {
					return errStill
				}
				return nil
			})
			w.add("app1", "three.example.com")
			w.awaitSettled()
			w.check()
			w.checkAddedOnce("app1")
		})
	}
}

func TestAWriteWhoseAnswerHangsUntilItsTimeIsOverLosesNoChangeAndDoublesNoName(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{Apps: []simulator.App{site("app1")}, Latency: 200 * time.Millisecond})
	onAPI, apiURL := w.tapAPI()
	trap := onAPI.hold(answered, listWrite)
	w.worker(apiURL)
	w.worker(apiURL)
	w.add("app1", "one.example.com", "two.example.com")
	trap.await(t, time.Minute)
	w.add("app1", "three.example.com")
	w.awaitSettled()
	w.check()
	w.checkAddedOnce("app1")
}

// ServerPilot may carry a write out long after its connection has ended. Until the
// time is over in which it can land, nobody writes; then its names count as ours.
func TestAWriteThatLands20SecondsLateLosesNoChangeAndDoublesNoName(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{Apps: []simulator.App{site("app1")}, Latency: 200 * time.Millisecond})
	w.sim.FailNext("app1", simulator.WriteList, simulator.Fault{Kind: simulator.ApplyLate, For: 20 * time.Second})
	w.worker()
	w.worker()
	w.add("app1", "one.example.com", "two.example.com")
	harness.Await(t, "the write is on its way", func() error {
		if w.sim.Calls("app1", simulator.WriteList) == 0 {
			return errStill
		}
		return nil
	})
	w.add("app1", "three.example.com")
	w.awaitSettled()
	if first := w.sent("app1")[0]; !first.Late || first.AppliedAt.Sub(first.ReceivedAt) < 20*time.Second {
		t.Errorf("the first write to land isn't the late one: %+v", first)
	}
	w.check()
	w.checkAddedOnce("app1")
}
