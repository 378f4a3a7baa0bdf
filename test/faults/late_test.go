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
			f := newFixture(t, simulator.Options{Apps: []simulator.App{appWithDomains("app1")}, Latency: 200 * time.Millisecond})
			f.sim.FailNext("app1", simulator.WriteList, fault)
			f.worker()
			f.worker()
			f.add("app1", "one.example.com", "two.example.com")
			harness.Await(t, "the first write is applied", func() error {
				if len(f.sent("app1")) == 0 {
					return errStill
				}
				return nil
			})
			f.add("app1", "three.example.com")
			f.awaitSettled()
			f.check()
			f.checkAddedOnce("app1")
		})
	}
}

func TestAWriteWhoseAnswerHangsLosesNoChangeAndDoublesNoName(t *testing.T) {
	t.Parallel()
	f := newFixture(t, simulator.Options{Apps: []simulator.App{appWithDomains("app1")}, Latency: 200 * time.Millisecond})
	onAPI, apiURL := f.tapAPI()
	trap := onAPI.hold(answered, listWrite)
	f.worker(apiURL)
	f.worker(apiURL)
	f.add("app1", "one.example.com", "two.example.com")
	trap.await(t)
	f.add("app1", "three.example.com")
	f.awaitSettled()
	f.check()
	f.checkAddedOnce("app1")
}

// ServerPilot may apply a write long after its connection has ended. No worker writes while it
// still can be applied; then its names count as owned.
func TestAWriteThatLandsLateLosesNoChangeAndDoublesNoName(t *testing.T) {
	t.Parallel()
	f := newFixture(t, simulator.Options{Apps: []simulator.App{appWithDomains("app1")}, Latency: 200 * time.Millisecond})
	f.sim.FailNext("app1", simulator.WriteList, simulator.Fault{Kind: simulator.ApplyLate, For: 20 * time.Second})
	f.worker()
	f.worker()
	f.add("app1", "one.example.com", "two.example.com")
	harness.Await(t, "the write is on its way", func() error {
		if f.sim.Calls("app1", simulator.WriteList) == 0 {
			return errStill
		}
		return nil
	})
	f.add("app1", "three.example.com")
	f.awaitSettled()
	if first := f.sent("app1")[0]; !first.Late || first.AppliedAt.Sub(first.ReceivedAt) < 20*time.Second {
		t.Errorf("the first write to land isn't the late one: %+v", first)
	}
	f.check()
	f.checkAddedOnce("app1")
}
