package tasks

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestACauseNeedsAPersonWhereOneHasToAct(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		state State
		code  Code
		want  bool
	}{
		{CheckingDNS, CauseDNSElsewhere, true},
		{Failed, CauseDNSElsewhere, true},
		{Done, CauseOnTwoApps, true},
		{Done, CauseCertificateExpiring, true},
		{Done, CauseWorks, false},
		{CheckingSSL, CauseCertificateNotReady, false}, // it usually ends by itself
		{DoneWithoutSSL, CauseCertificateNotReady, true},
		{DoneWithoutSSL, CauseListedWildcard, false},
		{CheckingDNS, CauseListed, false},
		{Rejected, CauseListFull, true},
		{Rejected, CauseNameProtected, true},
		{Failed, "OfALaterRelease", true},
		{Done, "OfALaterRelease", false},
		{Pending, CauseAppBlocked, false}, // the app needs a person
		{Removed, CauseDNSElsewhere, false},
	} {
		if got := test.state.NeedsPerson(test.code); got != test.want {
			t.Errorf("%s because of %s: %t", test.state, test.code, got)
		}
	}
}

func TestStatesByUrgencyAreAllStates(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(slices.Sorted(slices.Values(States())), slices.Sorted(slices.Values(StatesByUrgency()))); diff != "" {
		t.Error(diff)
	}
}

func TestGroupsOfDomainsHaveALabelAndARemedyWithoutNames(t *testing.T) {
	t.Parallel()
	for code, want := range map[Code][2]string{
		CauseDNSMissing:     {"DNS missing", "Create an address record of the domain."},
		CauseIPv6Elsewhere:  {"IPv6 elsewhere", "Delete the AAAA record of the domain. If the address belongs to the app's server, the operator adds the address to PILOTSYNC_EXPECTED_ADDRESSES, or to the app's own expected_addresses."},
		CauseNoTLS:          {"No TLS", "Check the web server's configuration of its app."},
		CauseAutoSSLRefused: {"AutoSSL refused", "Do what the message says, for its app in ServerPilot."},
		"":                  {"Other causes", ""},
		"OfLaterReleases":   {"Of later releases", ""},
	} {
		if got := [2]string{code.Label(), code.GeneralRemedy()}; got != want {
			t.Errorf("%s: %q, want %q", code, got, want)
		}
	}
	for _, e := range Causes() {
		if text := e.Code.GeneralRemedy(); strings.ContainsAny(text, "{}[]") || strings.Contains(text, "  ") || strings.Contains(text, " .") || strings.Contains(text, " ,") {
			t.Errorf("the remedy of %s is %q", e.Code, text)
		}
	}
}
