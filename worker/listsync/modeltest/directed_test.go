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
	w := newWorld(setup(t))
	defer w.close()
	w.tb, w.faults = t, false
	w.ask("a.com", false, "", 0)
	w.quiet(false)
	w.ask("www.a.com", true, "", 0)
	w.deliver(w.queue[0], false)
	p := w.start(w.due(waiting)[0])
	w.beginVerification("a.com")
	for !strings.HasPrefix(p.parked.name, "Commit") {
		p.step(goesOn)
	}
	w.verified(0, false)
	w.settle(false)
	w.checkEnd()
}
