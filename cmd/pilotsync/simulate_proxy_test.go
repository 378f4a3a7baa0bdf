package main

import (
	"slices"
	"strings"
	"testing"
)

func TestSimulateNamesItsProxy(t *testing.T) {
	t.Parallel()
	lines, stop := startSimulate(t, "--latency=0s", "--webhook-secret=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	defer stop()
	if !slices.Contains(lines, "export PILOTSYNC_PROXIES='Simulated CDN=127.0.0.2'") {
		t.Errorf("no setting of the proxy:\n%s", strings.Join(lines, "\n"))
	}
	for _, word := range []string{"proxied", "othersite", "caa", "bogus", "ipv6"} {
		if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "#   "+word+": ") }) {
			t.Errorf("the word %s isn't explained", word)
		}
	}
}

func TestSimulateRefusesAWrongSecretWithoutShowingIt(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqr!"} {
		err := (&simulateCmd{Secret: secret}).Validate()
		if err == nil || !strings.Contains(err.Error(), "--webhook-secret") || strings.Contains(err.Error(), "MfKQ") {
			t.Errorf("%s: %v", secret, err)
		}
	}
}
