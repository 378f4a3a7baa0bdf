package modeltest

import (
	"strings"
	"testing"
)

// Random schedules hardly ever reach this case. A www form is removed by name. A verification
// of the domain is recorded between that plan and its commit. Afterwards the domain's record
// must not list the removed name.
func TestAVerificationBetweenPlanAndCommitKeepsNoRemovedName(t *testing.T) {
	t.Parallel()
	h := newHarness(setup(t))
	defer h.close()
	h.tb, h.faults = t, false
	h.request("a.com", false, "", 0)
	h.runUntilIdle(false)
	h.request("www.a.com", true, "", 0)
	h.handleChange(h.queue[0], false)
	p := h.start(h.due(waiting)[0])
	h.beginVerification("a.com")
	for !strings.HasPrefix(p.parked.name, "Commit") {
		p.step(succeeds)
	}
	h.finishVerification(0, false)
	h.finish(false)
	h.checkEnd()
}
