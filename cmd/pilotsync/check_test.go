package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"pilotsync/internal/simulator"
	"pilotsync/internal/terminal"
)

// serverAddress is that of the simulator.
const serverAddress = "127.0.0.1"

// checked runs 'check --json', and returns "domain: cause" of each domain.
func checked(t *testing.T, env vars, args ...string) (got map[string]string, o output) {
	t.Helper()
	o = command(t, env, "", append([]string{"check", "--json"}, args...)...)
	var all []domainCheck
	if err := json.Unmarshal([]byte(o.out), &all); err != nil {
		t.Fatalf("%v: %+v", err, o)
	}
	got = map[string]string{}
	for _, d := range all {
		got[d.Domain] = string(d.Code)
		if d.Reason == "" || d.Remedy == "" || d.Problems == nil || d.OK != (len(d.Problems) == 0) {
			t.Errorf("got %+v", d)
		}
	}
	return got, o
}

func TestAReasonWithNothingToDoStandsAlone(t *testing.T) {
	t.Parallel()
	for remedy, want := range map[string]string{"Nothing.": "certificate valid (CA).", "Set an A record.": "certificate valid (CA). Set an A record."} {
		if got := withRemedy("certificate valid (CA)", remedy); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestCheckAnswersWithTheCodesOfVerification(t *testing.T) {
	t.Parallel()
	env, sim := simulated(t, simulator.App{ID: "app1"}, simulator.App{ID: "app2", Domains: []string{"Taken.example.com"}})
	env = env.With(vars{"WU_SERVER_PILOT_APP_ID": "app1,app2", "PILOTSYNC_PROXIES": "Simulated CDN=127.0.0.2"})
	before := sim.List("app1")
	want := map[string]string{
		"shop.example.com": "WouldWork", "nodns-shop.example.com": "DNSMissing", "elsewhere-shop.example.com": "DNSElsewhere", "ipv6-shop.example.com": "IPv6Elsewhere",
		"caa-shop.example.com": "CAAForbids", "bogus-shop.example.com": "DNSSECBogus", "ab--cd.example.com": "NameNotCertifiable", "*.example.com": "NameNotCertifiable",
		"taken.example.com": "OnAnotherApp", "proxied-shop.example.com": "OriginUnknown",
	}
	var domains []string
	for domain := range want {
		domains = append(domains, domain)
	}
	got, o := checked(t, env, append(domains, "--app=app1")...)
	if diff := cmp.Diff(want, got); diff != "" || o.code != exitFailed {
		t.Errorf("code %d, %s (-want +got):\n%s", o.code, o.err, diff)
	}
	if diff := cmp.Diff(before, sim.List("app1")); diff != "" {
		t.Errorf("the list was changed:\n%s", diff)
	}
	if got, o := checked(t, env, "shop.example.com", "--app=app1"); got["shop.example.com"] != "WouldWork" || o.code != exitDone {
		t.Errorf("one that would work: %+v", o)
	}
}

func TestCheckNamesCausesInWordsForPeople(t *testing.T) {
	t.Parallel()
	env, _ := simulated(t)
	got := command(t, env, "", "check", "nodns-shop.example.com", "shop.example.com", "--www=never")
	lines := strings.Split(got.out, "\n")
	if got.code != exitFailed || len(lines) != 4 || lines[3] != "" || !strings.HasPrefix(lines[1], "nodns-shop.example.com  no   DNS missing  nodns-shop.example.com has no A or AAAA record in DNS; ") ||
		!strings.HasPrefix(lines[2], "shop.example.com        yes  Would work   ") {
		t.Errorf("got %+v", got)
	}
}

func TestCheckSaysWhenAnAppHasNoRoom(t *testing.T) {
	t.Parallel()
	env, sim := simulated(t)
	if err := sim.EditByHand("app1", func([]string) []string {
		return manyNames(299)
	}); err != nil {
		t.Fatal(err)
	}
	if got, o := checked(t, env, "shop.example.com"); got["shop.example.com"] != "ListFull" || o.code != exitFailed {
		t.Errorf("got %+v", o)
	}
	if got, _ := checked(t, env, "shop.example.com", "--www=never"); got["shop.example.com"] != "WouldWork" {
		t.Errorf("without the www form: %v", got)
	}
}

func TestCheckWithoutAnAccountComparesWithTheSetting(t *testing.T) {
	t.Parallel()
	env, sim := simulated(t)
	for _, name := range []string{"WU_SERVER_PILOT_CLIENT_ID", "WU_SERVER_PILOT_API_KEY", "WU_SERVER_PILOT_APP_ID", "REDIS_URL"} {
		delete(env, name)
	}
	got, o := checked(t, env.With(vars{"PILOTSYNC_EXPECTED_ADDRESSES": serverAddress}), "shop.example.com")
	if got["shop.example.com"] != "WouldWork" || o.code != exitDone || !strings.Contains(o.err, "No account is set") {
		t.Errorf("got %+v", o)
	}
	if got, o = checked(t, env, "shop.example.com"); got["shop.example.com"] != "ServerAddressUnknown" || !strings.Contains(o.err, "set PILOTSYNC_EXPECTED_ADDRESSES") {
		t.Errorf("without the setting: %+v", o)
	}
	if calls := sim.Calls("", simulator.ReadApp); calls != 0 {
		t.Errorf("ServerPilot was asked %d times", calls)
	}
}

func TestCheckSaysWhatToDoAboutEachRecord(t *testing.T) {
	t.Parallel()
	env, _ := simulated(t)
	o := command(t, env, "", "check", "--json", "shop.example.com", "elsewhere-shop.example.com", "nodns-shop.example.com")
	var all []domainCheck
	if err := json.Unmarshal([]byte(o.out), &all); err != nil {
		t.Fatalf("%v: %+v", err, o)
	}
	var got []string
	for _, d := range all {
		for _, r := range d.Records {
			got = append(got, strings.Join(append([]string{string(r.Action), r.Type, r.Name}, r.Found...), " "))
		}
	}
	want := []string{
		"keep A shop.example.com", "keep CNAME www.shop.example.com",
		"change A elsewhere-shop.example.com 203.0.113.9", "change CNAME www.elsewhere-shop.example.com 203.0.113.9",
		"set A nodns-shop.example.com", "set CNAME www.nodns-shop.example.com",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDNSShowsRecordsAndWhatDNSHas(t *testing.T) {
	t.Parallel()
	env, _ := simulated(t)
	address := serverAddress
	o := command(t, env, "", "dns", "--json", "shop.example.com", "elsewhere-shop.example.com", "nodns-shop.example.com", "ipv6-shop.example.com")
	var all []domainRecords
	if err := json.Unmarshal([]byte(o.out), &all); err != nil || o.code != exitDone {
		t.Fatalf("%v: %+v", err, o)
	}
	var got []string
	for _, d := range all {
		for _, r := range d.Records {
			got = append(got, strings.Join(append([]string{r.Type, r.Name, r.Value, r.Status}, r.Found...), " "))
		}
		for _, r := range d.Delete {
			got = append(got, "delete "+r.Type+" "+r.Name+" "+r.Value)
		}
	}
	want := []string{
		"A shop.example.com " + address + " right " + address, "CNAME www.shop.example.com shop.example.com right " + address,
		"A elsewhere-shop.example.com " + address + " wrong 203.0.113.9", "CNAME www.elsewhere-shop.example.com elsewhere-shop.example.com wrong 203.0.113.9",
		"A nodns-shop.example.com " + address + " missing", "CNAME www.nodns-shop.example.com nodns-shop.example.com missing",
		"A ipv6-shop.example.com " + address + " right " + address, "CNAME www.ipv6-shop.example.com ipv6-shop.example.com wrong 2001:db8::9 " + address,
		"delete AAAA ipv6-shop.example.com 2001:db8::9",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// recordsOf runs 'dns --json' for one domain, and returns its records in words.
func recordsOf(t *testing.T, env vars, args ...string) string {
	t.Helper()
	o := command(t, env, "", append([]string{"dns", "--json"}, args...)...)
	var all []domainRecords
	if err := json.Unmarshal([]byte(o.out), &all); err != nil || len(all) != 1 {
		t.Fatalf("%v: %+v", err, o)
	}
	var records []string
	for _, r := range all[0].Records {
		records = append(records, strings.Join([]string{r.Type, r.Name, r.Value, r.Status}, " "))
	}
	return strings.Join(records, "; ")
}

func TestDNSShowsTheCAARecordThatIsMissing(t *testing.T) {
	t.Parallel()
	env, _ := simulated(t)
	want := `A caa-shop.example.com 127.0.0.1 right; CNAME www.caa-shop.example.com caa-shop.example.com right; CAA caa-shop.example.com 0 issue "letsencrypt.org" missing`
	got := recordsOf(t, env, "caa-shop.example.com")
	if first, _, _ := strings.Cut(got, "; CAA www."); first != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if o := command(t, env, "", "dns", "caa-shop.example.com"); !strings.Contains(o.out, "records that don't allow Let's Encrypt") {
		t.Errorf("got %+v", o)
	}
}

func TestTheLedgerSaysWhichAppAndNamesADomainHas(t *testing.T) {
	t.Parallel()
	env, _ := simulated(t, simulator.App{ID: "app1"}, simulator.App{ID: "app2"})
	env = env.With(vars{"WU_SERVER_PILOT_APP_ID": "app1,app2"})
	w := startWorker(t, env)
	if o := command(t, env, "", "enqueue", "add", "--app=app2", "--wait", "--timeout=2m", "--www=never", "shop.example.com"); o.code != exitDone {
		t.Fatalf("%+v\n%s", o, w.log)
	}
	if got, want := recordsOf(t, env, "shop.example.com"), "A shop.example.com 127.0.0.1 right"; got != want {
		t.Errorf("the records are %s; want %s", got, want)
	}
	if got, o := checked(t, env, "shop.example.com"); got["shop.example.com"] != "Works" || strings.Contains(o.out, "www.") {
		t.Errorf("check: %+v", o)
	}
	if o := command(t, env, "", "dns", "other.example.com"); o.code != exitUsage || !strings.Contains(o.err, "--app is missing") {
		t.Errorf("a domain of no app: %+v", o)
	}
	w.stop()
}

func TestDNSWithoutAnAddressSaysSo(t *testing.T) {
	t.Parallel()
	env, _ := simulated(t)
	for _, name := range []string{"WU_SERVER_PILOT_CLIENT_ID", "WU_SERVER_PILOT_API_KEY", "WU_SERVER_PILOT_APP_ID"} {
		delete(env, name)
	}
	o := command(t, env, "", "dns", "shop.example.com", "--json")
	if o.code != exitFailed || !strings.Contains(o.err, "isn't known: set PILOTSYNC_EXPECTED_ADDRESSES") || !strings.Contains(o.out, `"address_known": false`) {
		t.Errorf("got %+v", o)
	}
}

func TestRecordsFitATerminalOf80Columns(t *testing.T) {
	t.Parallel()
	env, _ := simulated(t)
	var b strings.Builder
	code := run(t.Context(), []string{"dns", "shop.example.com", "elsewhere-shop.example.com"},
		&terminal.Streams{Out: &b, Err: t.Output(), Terminal: true, OutSize: sized(80, 24), LookupEnv: env.Lookup, Environ: env.Environ})
	for line := range strings.Lines(b.String()) {
		if ansi.StringWidth(strings.TrimSuffix(line, "\n")) > 80 {
			t.Errorf("too wide: %s", line)
		}
	}
	if code != exitDone || !strings.Contains(b.String(), "VALUE") || !strings.Contains(b.String(), "✗") || !strings.Contains(b.String(), "✓") {
		t.Errorf("code %d:\n%s", code, b.String())
	}
}

func manyNames(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("kunde%d.example.net", i))
	}
	return names
}
