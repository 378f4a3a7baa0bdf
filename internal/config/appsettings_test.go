package config

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"pilotsync/worker/certcheck"
)

const twoApps = "accounts: [{client_id: cid, api_key: key, apps: [app1, app2]}]\n"

func TestAnAppCanHaveExpectedAddressesOfItsOwn(t *testing.T) {
	t.Parallel()
	f := files{"accounts.yml": twoApps + `expected_addresses: {app2: "only: 203.0.113.5, 2001:db8::/32"}`}
	set := configured(t, f, vars{"PILOTSYNC_CONFIG": "accounts.yml", "PILOTSYNC_EXPECTED_ADDRESSES": "198.51.100.4"})
	prefix := netip.MustParsePrefix
	for app, want := range map[string]certcheck.Expected{
		"app1": {Networks: []netip.Prefix{prefix("198.51.100.4/32")}},
		"app2": {Networks: []netip.Prefix{prefix("203.0.113.5/32"), prefix("2001:db8::/32")}, Only: true},
	} {
		if diff := cmp.Diff(want, set.SettingsOf(app).Expected, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", app, diff)
		}
	}
}

func TestWrongSettingsOfAppsAreRefused(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		`expected_addresses: {app1: "lb"}`:          `expected_addresses of "app1" is "lb"; "lb" is neither an address nor a network`,
		`expected_addresses: {app1: "only:"}`:       `expected_addresses of "app1" is "only:"; it names no address; only: takes one or more`,
		`expected_addresses: {app3: "203.0.113.5"}`: `expected_addresses of "app3" is for no app of these accounts`,
		`autossl: {app1: perhaps}`:                  `autossl of "app1" is "perhaps"; it takes on or off`,
		`autossl: {app3: off}`:                      `autossl of "app3" is for no app of these accounts`,
		`expected_addresses: {app1: [203.0.113.5]}`: `app1: expected addresses by app, such as appA: "198.51.100.4, 2001:db8::/32", got a list`,
	} {
		_, err := files{"accounts.yml": twoApps + content}.parse("accounts.yml")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", content, err, want)
		}
	}
}

func TestAutoSSLCanBeOffForAnApp(t *testing.T) {
	t.Parallel()
	f := files{"accounts.yml": twoApps + "autossl: {app2: off}\nexpected_addresses: {app2: 203.0.113.5}"}
	set := configured(t, f, vars{"PILOTSYNC_CONFIG": "accounts.yml"})
	if set.SettingsOf("app1").AutoSSLOff || !set.SettingsOf("app2").AutoSSLOff || len(set.SettingsOf("app2").Expected.Networks) != 1 {
		t.Errorf("off for app2: %+v", set.AppSettings)
	}
	f["accounts.yml"] = twoApps + "autossl: {app2: on}"
	set = configured(t, f, vars{"PILOTSYNC_CONFIG": "accounts.yml", "PILOTSYNC_AUTOSSL": "off"})
	if !set.SettingsOf("app1").AutoSSLOff || set.SettingsOf("app2").AutoSSLOff {
		t.Errorf("on for app2 alone: %+v, %+v", set.AppDefaults, set.AppSettings)
	}
}
