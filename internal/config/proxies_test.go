package config

import (
	"bytes"
	"encoding/base64"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"pilotsync/worker/certcheck"
)

func TestProxiesComeFromTheSettingAndTheFile(t *testing.T) {
	t.Parallel()
	f := files{"accounts.yml": `
accounts: [{client_id: cid, api_key: key, apps: [app1]}]
proxies:
  Fastly: [151.101.0.0/16, "2a04:4e40::/32"]
`}
	set := configured(t, f, vars{"PILOTSYNC_CONFIG": "accounts.yml", "PILOTSYNC_PROXIES": "Our relay = 203.0.113.0/28, 198.51.100.7 ; B=2001:db8::/32;"})
	prefix := netip.MustParsePrefix
	want := []certcheck.Proxy{
		{Name: "Our relay", Networks: []netip.Prefix{prefix("203.0.113.0/28"), prefix("198.51.100.7/32")}},
		{Name: "B", Networks: []netip.Prefix{prefix("2001:db8::/32")}},
		{Name: "Fastly", Networks: []netip.Prefix{prefix("151.101.0.0/16"), prefix("2a04:4e40::/32")}},
	}
	if diff := cmp.Diff(want, set.Check.Proxies, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Errorf("proxies (-want +got):\n%s", diff)
	}
}

func TestWrongProxiesAreRefused(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"203.0.113.0/28":                         `"203.0.113.0/28" has no name; it takes NAME=NETWORK`,
		"Relay":                                  `"Relay" has no name`,
		"Relay=":                                 "Relay has no networks; it takes one or more",
		"=203.0.113.0/28":                        `the name "" is refused; it takes 1 to 40 characters`,
		"Re\x1b[31mlay=203.0.113.9":              "is refused; it takes 1 to 40 characters, all of them visible",
		"Relay=203.0.113.0/33":                   `in the networks of Relay, "203.0.113.0/33" is neither an address nor a network`,
		"Relay=0.0.0.0/0":                        "in the networks of Relay, 0.0.0.0/0 is every address",
		"A=203.0.113.9;B=example.com":            `in the networks of B, "example.com" is neither`,
		strings.Repeat("a", 41) + "=203.0.113.9": "it takes 1 to 40 characters",
	} {
		settings := parsed(t, account)
		settings.Proxies = value
		_, p := settings.ParseAll(files{}.read)
		if got := strings.Join(p.Problems(), "\n"); !strings.HasPrefix(got, "PILOTSYNC_PROXIES (--proxies) is ") || !strings.Contains(got, want) {
			t.Errorf("%q: %s; want %q", value, got, want)
		}
	}
	_, err := files{"accounts.yml": "accounts: [{client_id: cid, api_key: key, apps: [app1]}]\nproxies: {Relay: [nowhere]}"}.parse("accounts.yml")
	if err == nil || !strings.Contains(err.Error(), `in proxies, in the networks of Relay, "nowhere" is neither`) {
		t.Errorf("in the file: %v", err)
	}
}

func (f files) parse(name string) ([]Account, error) {
	return AccountSettings{Config: name}.AccountsFile(f.read)
}

func TestTheKeysAreTheBytesOfTheSecrets(t *testing.T) {
	t.Parallel()
	one, two := bytes.Repeat([]byte{1}, 24), bytes.Repeat([]byte{2}, 32)
	encode := func(key []byte) string { return "whsec_" + base64.StdEncoding.EncodeToString(key) }
	f := files{"accounts.yml": "accounts: [{client_id: cid, api_key: key, apps: [app1]}]\nwebhooks: {app1: {url: https://example.com/, secret: " + encode(two) + "}}"}
	set := configured(t, f, vars{"PILOTSYNC_CONFIG": "accounts.yml", "PILOTSYNC_WEBHOOK_SECRET": encode(one) + " " + encode(two)})
	if diff := cmp.Diff([][]byte{one, two}, set.Webhook.Keys); diff != "" {
		t.Errorf("without a webhook's URL (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([][]byte{two}, set.Webhooks["app1"].Keys); diff != "" {
		t.Errorf("of an app (-want +got):\n%s", diff)
	}
}
