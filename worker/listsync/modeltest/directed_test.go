package modeltest

import (
	"strings"
	"testing"
)

// Random schedules hardly ever get here: a www form is removed by name, and
// between that plan and its commit a verification of the domain is put down. The
// domain's record must not go on telling of a name that has left.
func TestAVerificationBetweenPlanAndCommitHidesNoNameThatLeft(t *testing.T) {
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
