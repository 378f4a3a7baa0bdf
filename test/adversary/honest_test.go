//go:build adversary

package adversary

import (
	"strings"
	"testing"

	"pilotsync/internal/simulator"
	"pilotsync/test/harness"
)

// Without an attack all is well under the limits: otherwise the attacks would show nothing.
func TestHonestCustomersAreServedUnderTheLimits(t *testing.T) {
	t.Parallel()
	f := newFixture(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}, {ID: "app2"}}})
	worker, web := f.worker(), f.web(harness.UserFile)
	f.requireService()
	for _, p := range []*served{worker, web} {
		if metrics := p.metrics(); !strings.Contains(metrics, "pilotsync_") {
			t.Errorf("%s: the metrics are %.500s", p, metrics)
		}
	}
}
