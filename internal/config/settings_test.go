package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"

	"pilotsync/tasks"
	"pilotsync/test/harness"
	"pilotsync/worker/certcheck"
	"pilotsync/worker/listsync"
)

const (
	hush     = harness.Secret
	userFile = harness.UserFile
)

type vars = harness.Variables

// account has the settings that every worker needs.
var account = harness.Account()

// files are the files that readFile finds.
type files map[string]string

func (f files) read(name string) ([]byte, error) {
	content, ok := f[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return []byte(content), nil
}

// parsed returns the worker's settings from an environment and flags.
func parsed(t *testing.T, env vars, args ...string) WorkerSettings {
	t.Helper()
	var settings WorkerSettings
	parser, err := kong.New(&settings, NewEnvironment(env.Lookup).Options()...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(args); err != nil {
		t.Fatal(err)
	}
	return settings
}

// configured returns the values of valid settings.
func configured(t *testing.T, f files, env vars, args ...string) Worker {
	t.Helper()
	set, err := parsed(t, env, args...).Parse(f.read)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { set.Redis.Close() })
	return set
}

func TestDefaultsAreTheDocumentedOnes(t *testing.T) {
	t.Parallel()
	set := configured(t, nil, account)
	w := set
	got := []any{w.APIURL, w.Accounts, w.APIRate, w.Rules, w.SSLDelays, w.AppDefaults, w.Check.DNS, w.Check.Port, w.Check.Roots == nil,
		w.Check.AllowPrivate, w.DryRun, w.Concurrency, w.KeepFinished, w.KeepRemoved, w.Webhook.URL, len(w.Webhook.Secrets), set.Redis.Shown, set.Dashboard, set.Log}
	want := []any{"https://api.serverpilot.io/v1", []Account{{ClientID: "cid", APIKey: "key-" + hush, Apps: []string{"app1"}}}, 5,
		listsync.Rules{WWW: tasks.WWWAlways},
		[]time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 15 * time.Minute}, certcheck.AppSettings{}, "", 443, true,
		false, false, 64, time.Hour, 720 * time.Hour, "", 0, "redis://127.0.0.1:6379/0", Dashboard{Listen: "127.0.0.1:8080", IsDefault: true}, Log{Level: logrus.InfoLevel}}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

func TestEverySettingHasItsEffect(t *testing.T) {
	t.Parallel()
	secret := "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
	set := configured(t, files{"ca.pem": authority(t), "users": userFile, "/run/redis": "redis://:" + hush + "@r/3\n"}, account.With(vars{
		"REDIS_URL_FILE": "/run/redis", "SERVERPILOT_API_URL": "http://[::1]:9/v1", "WU_SERVER_PILOT_APP_ID": "app1, app2",
		"PILOTSYNC_WWW": "main_only", "PILOTSYNC_SSL_DELAYS": "1s, 1s,90s", "PILOTSYNC_PROTECTED": "Example.com., münchen.de",
		"PILOTSYNC_EXPECTED_ADDRESSES": "198.51.100.4,::ffff:198.51.100.5, 2001:db8::1/32", "PILOTSYNC_DRY_RUN": "YES",
		"PILOTSYNC_RECONCILE": "off", "PILOTSYNC_WEBHOOK_URL": "https://example.com/hook?x=1", "PILOTSYNC_WEBHOOK_SECRET": secret + "  " + secret,
		"PILOTSYNC_DNS": "127.0.0.1", "PILOTSYNC_TLS_PORT": "65535", "PILOTSYNC_TLS_ROOTS": "ca.pem", "PILOTSYNC_ALLOW_PRIVATE_ADDRESSES": "1",
		"PILOTSYNC_API_RATE": "0", "PILOTSYNC_CONCURRENCY": "1000", "PILOTSYNC_KEEP_FINISHED": "90m", "PILOTSYNC_KEEP_REMOVED": "0", "PILOTSYNC_LISTEN": "0.0.0.0:0", "PILOTSYNC_AUTH": "users",
		"PILOTSYNC_HEALTH_LISTEN": ":8081", "PILOTSYNC_BASE_PATH": "/ops/pilotsync/", "PILOTSYNC_TRUSTED_PROXIES": "10.0.0.9, 2001:db8::1/64", "PILOTSYNC_LOG_LEVEL": "debug", "PILOTSYNC_LOG_FORMAT": "json",
	}))
	w := set
	got := []any{set.Redis.Shown, w.APIURL, w.Accounts[0].Apps, w.APIRate, w.Rules, w.SSLDelays, fmt.Sprint(w.AppDefaults.Expected.Networks), w.Check.DNS, w.Check.Port,
		w.Check.Roots != nil, w.Check.AllowPrivate, w.DryRun, w.Concurrency, w.KeepFinished, w.KeepRemoved, w.Webhook.URL, len(w.Webhook.Secrets), set.Dashboard.Listen, set.Dashboard.Health, set.Dashboard.BasePath, fmt.Sprint(set.Dashboard.TrustedProxies), set.Dashboard.Users != nil, set.Log}
	want := []any{"redis://:[redacted]@r/3", "http://[::1]:9/v1", []string{"app1", "app2"}, 0,
		listsync.Rules{WWW: tasks.WWWMainOnly, Protected: []string{"example.com", "xn--mnchen-3ya.de"}},
		[]time.Duration{time.Second, time.Second, 90 * time.Second}, "[198.51.100.4/32 198.51.100.5/32 2001:db8::/32]", "127.0.0.1:53", 65535,
		true, true, true, 1000, 90 * time.Minute, time.Duration(0), "https://example.com/hook?x=1", 2, "0.0.0.0:0", ":8081", "/ops/pilotsync", "[10.0.0.9/32 2001:db8::/64]", true, Log{logrus.DebugLevel, "json"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

// authority is a certificate as PEM.
func authority(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestAFlagWinsOverTheEnvironment(t *testing.T) {
	t.Parallel()
	set := configured(t, files{"key": "from-file"}, account.With(vars{"PILOTSYNC_WWW": "never", "PILOTSYNC_DRY_RUN": "on", "REDIS_URL_FILE": "/nowhere"}),
		"--www=always", "--dry-run=false", "--allow-private-addresses", "--api-key-file=key", "--redis-url=redis://r")
	got := []any{set.Rules.WWW, set.DryRun, set.Check.AllowPrivate, set.Accounts[0].APIKey, set.Redis.Shown}
	if diff := cmp.Diff([]any{tasks.WWWAlways, false, true, "from-file", "redis://r"}, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

func TestAnEmptyVariableIsUnset(t *testing.T) {
	t.Parallel()
	set := configured(t, nil, account.With(vars{"PILOTSYNC_WWW": "", "REDIS_URL": "", "REDIS_URL_FILE": "", "PILOTSYNC_TLS_PORT": ""}))
	if set.Rules.WWW != tasks.WWWAlways || set.Check.Port != 443 || set.Redis.Shown != DefaultRedisURL {
		t.Errorf("settings are %+v; want the defaults", set)
	}
}

// The report of wrong settings names a flag by this rule.
func TestAFlagIsItsVariableWithoutThePrefix(t *testing.T) {
	t.Parallel()
	parser, err := kong.New(&WorkerSettings{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, flag := range parser.Model.Flags {
		if len(flag.Envs) == 0 {
			continue
		}
		n++
		if FlagOf(flag.Envs[0]) != flag.Name {
			t.Errorf("%s has the flag --%s, not --%s", flag.Envs[0], flag.Name, FlagOf(flag.Envs[0]))
		}
		if flag.Help == "" || !strings.HasSuffix(flag.Name, fileForm) && flag.Group == nil {
			t.Errorf("--%s has no help or no group", flag.Name)
		}
	}
	if n < 25 {
		t.Errorf("%d flags have a variable; there should be more", n)
	}
}

func TestEachWrongSettingIsNamedWithWhatItTakes(t *testing.T) {
	t.Parallel()
	const (
		urlRule      = "it takes https://HOST[:PORT][/PATH], or http to a loopback address (127.0.0.0/8, ::1, localhost)"
		noLogin      = "without a login (PILOTSYNC_AUTH) it takes a loopback address only, such as 127.0.0.1:8080, or off"
		booleans     = "it takes on or off (also 1 or 0, true or false, yes or no)"
		basePathRule = "it takes a path such as /pilotsync, of letters, digits and the characters -._~"
		pageAddr     = "it takes host:port, such as 127.0.0.1:8080, or off"
		resolver     = "it takes host[:port] of a resolver, such as 127.0.0.1:5353"
		secretErr    = "; it takes one or several of whsec_ and the base64 of 24 bytes or more, separated by spaces"
		idRule       = "it takes 1 to 64 letters, digits, _ or -"
	)
	f := files{"marked": "\uFEFF" + hush, "utf16": "\xFF\xFEh\x00u\x00", "quoted": "\"redis://:" + hush + "@h\"\n",
		"quoted.yml": "accounts: [{client_id: c\u00adid, api_key: “" + hush + "”, apps: [a]}]",
		"empty":      " \n", "text": "no PEM", "users": "ada:$apr1$" + hush, "broken.yml": "accounts: [{client_id: c, api_key: [" + hush + "]}]"}
	for _, test := range []struct {
		env  vars
		want string
	}{
		{vars{"WU_SERVER_PILOT_CLIENT_ID": ""}, "WU_SERVER_PILOT_CLIENT_ID (--client-id) is not set; it takes the client id of a ServerPilot account"},
		{vars{"WU_SERVER_PILOT_CLIENT_ID": "cid:" + hush}, "WU_SERVER_PILOT_CLIENT_ID (--client-id) holds a colon; it takes the client id alone, without the key"},
		{vars{"WU_SERVER_PILOT_CLIENT_ID": "c d"}, "WU_SERVER_PILOT_CLIENT_ID (--client-id) holds a space at character 2; it takes one word on one line"},
		{vars{"WU_SERVER_PILOT_API_KEY": ""}, "WU_SERVER_PILOT_API_KEY (--api-key) is not set; it takes the API key of the account"},
		{vars{"WU_SERVER_PILOT_API_KEY": "WU_SERVER_PILOT_API_KEY=" + hush}, "WU_SERVER_PILOT_API_KEY (--api-key) begins with WU_SERVER_PILOT_API_KEY=; it takes the key alone"},
		{vars{"WU_SERVER_PILOT_API_KEY": "a " + hush}, "WU_SERVER_PILOT_API_KEY (--api-key) holds a space at character 2; it takes one word on one line"},
		{vars{"WU_SERVER_PILOT_API_KEY_FILE": "text"}, "WU_SERVER_PILOT_API_KEY (--api-key) and WU_SERVER_PILOT_API_KEY_FILE (--api-key-file) are both set; it takes one of them"},
		{vars{"WU_SERVER_PILOT_API_KEY": "", "WU_SERVER_PILOT_API_KEY_FILE": "nowhere"}, `WU_SERVER_PILOT_API_KEY_FILE (--api-key-file) is "nowhere"; it takes a file that can be read: open nowhere: file does not exist`},
		{vars{"WU_SERVER_PILOT_API_KEY": "", "WU_SERVER_PILOT_API_KEY_FILE": "empty"}, `WU_SERVER_PILOT_API_KEY_FILE (--api-key-file) is "empty"; the file is empty`},
		{vars{"WU_SERVER_PILOT_APP_ID": ""}, "WU_SERVER_PILOT_APP_ID (--app-id) is not set; it takes the ids of one or more apps, separated by commas"},
		{vars{"WU_SERVER_PILOT_APP_ID": "app1,a/b"}, `WU_SERVER_PILOT_APP_ID (--app-id) is "app1,a/b"; app_id is "a/b"; ` + idRule},
		{vars{"WU_SERVER_PILOT_APP_ID": "app1,app1"}, "WU_SERVER_PILOT_APP_ID (--app-id) is wrong: app app1 is given twice (accounts cid and cid); it takes each app once"},
		{vars{"PILOTSYNC_CONFIG": "nowhere.yml"}, `PILOTSYNC_CONFIG (--config) is "nowhere.yml"; it takes a file that can be read: open nowhere.yml: file does not exist`},
		{vars{"PILOTSYNC_CONFIG": "broken.yml"}, `PILOTSYNC_CONFIG (--config) is "broken.yml"; line 1: api_key: expected the API key of the account, got a list`},
		{vars{"REDIS_URL": "redis://u:" + hush + "@h/x"}, `REDIS_URL (--redis-url) is wrong: the Redis URL "redis://u:[redacted]@h/x" is refused: its database is no number; it takes /NUMBER behind the host, or ?db=NUMBER`},
		{vars{"REDIS_URL_FILE": "nowhere"}, `REDIS_URL_FILE (--redis-url-file) is "nowhere"; it takes a file that can be read: open nowhere: file does not exist`},
		{vars{"SERVERPILOT_API_URL": "http://api.serverpilot.io/v1"}, `SERVERPILOT_API_URL (--api-url) is "http://api.serverpilot.io/v1"; ` + urlRule},
		{vars{"SERVERPILOT_API_URL": "https://cid:" + hush + "@h/"}, `SERVERPILOT_API_URL (--api-url) is "https://cid:[redacted]@h/"; ` + urlRule},
		{vars{"SERVERPILOT_API_URL": "https://h/?x"}, `SERVERPILOT_API_URL (--api-url) is "https://h/?x"; it takes a URL without a query`},
		{vars{"SERVERPILOT_API_URL": "api"}, `SERVERPILOT_API_URL (--api-url) is "api"; ` + urlRule},
		{vars{"PILOTSYNC_API_RATE": "1001"}, `PILOTSYNC_API_RATE (--api-rate) is "1001"; it takes a whole number from 0 to 1000`},
		{vars{"PILOTSYNC_API_RATE": "-1"}, `PILOTSYNC_API_RATE (--api-rate) is "-1"; it takes a whole number from 0 to 1000`},
		{vars{"PILOTSYNC_CONCURRENCY": "0"}, `PILOTSYNC_CONCURRENCY (--concurrency) is "0"; it takes a whole number from 1 to 1000`},
		{vars{"PILOTSYNC_CONCURRENCY": "many"}, `PILOTSYNC_CONCURRENCY (--concurrency) is "many"; it takes a whole number from 1 to 1000`},
		{vars{"PILOTSYNC_KEEP_FINISHED": "59s"}, `PILOTSYNC_KEEP_FINISHED (--keep-finished) is "59s"; it takes a duration from 1m to 720h`},
		{vars{"PILOTSYNC_KEEP_REMOVED": "23h"}, `PILOTSYNC_KEEP_REMOVED (--keep-removed) is "23h"; it takes a duration from 24h to 87600h, or 0`},
		{vars{"PILOTSYNC_KEEP_REMOVED": "-24h"}, `PILOTSYNC_KEEP_REMOVED (--keep-removed) is "-24h"; it takes a duration from 24h to 87600h, or 0`},
		{vars{"PILOTSYNC_KEEP_REMOVED": "30d"}, `PILOTSYNC_KEEP_REMOVED (--keep-removed) is "30d"; it takes a duration from 24h to 87600h, or 0`},
		{vars{"PILOTSYNC_KEEP_FINISHED": "day"}, `PILOTSYNC_KEEP_FINISHED (--keep-finished) is "day"; it takes a duration from 1m to 720h`},
		{vars{"PILOTSYNC_WWW": "sometimes"}, `PILOTSYNC_WWW (--www) is "sometimes"; it takes always, main_only or never`},
		{vars{"PILOTSYNC_PROTECTED": "example.com,localhost"}, `PILOTSYNC_PROTECTED (--protected) is "example.com,localhost"; domain "localhost" is refused: it has one label only; give the full name, such as localhost.example.com`},
		{vars{"PILOTSYNC_DRY_RUN": "maybe"}, `PILOTSYNC_DRY_RUN (--dry-run) is "maybe"; ` + booleans},
		{vars{"PILOTSYNC_ALLOW_PRIVATE_ADDRESSES": "2"}, `PILOTSYNC_ALLOW_PRIVATE_ADDRESSES (--allow-private-addresses) is "2"; ` + booleans},
		{vars{"PILOTSYNC_RECONCILE": "on"}, `PILOTSYNC_RECONCILE (--reconcile) is "on"; it takes repair, report or off`},
		{vars{"PILOTSYNC_SSL_DELAYS": "1m,soon"}, `PILOTSYNC_SSL_DELAYS (--ssl-delays) is "1m,soon"; "soon" is no duration; it takes some such as 90s or 4m, separated by commas`},
		{vars{"PILOTSYNC_SSL_DELAYS": "999ms"}, `PILOTSYNC_SSL_DELAYS (--ssl-delays) is "999ms"; 999ms is too short; each takes 1s or more`},
		{vars{"PILOTSYNC_SSL_DELAYS": "2m,1m"}, `PILOTSYNC_SSL_DELAYS (--ssl-delays) is "2m,1m"; 1m follows 2m; they must not decrease`},
		{vars{"PILOTSYNC_SSL_DELAYS": " "}, `PILOTSYNC_SSL_DELAYS (--ssl-delays) is " "; there are 0; it takes 1 to 20 durations, separated by commas`},
		{vars{"PILOTSYNC_SSL_DELAYS": strings.Repeat("1s,", 20) + "1s"}, "there are 21; it takes 1 to 20 durations, separated by commas"},
		{vars{"PILOTSYNC_EXPECTED_ADDRESSES": "198.51.100.4,lb"}, `PILOTSYNC_EXPECTED_ADDRESSES (--expected-addresses) is "198.51.100.4,lb"; "lb" is neither an address nor a network; it takes some such as 198.51.100.4 or 2001:db8::/32, separated by commas`},
		{vars{"PILOTSYNC_EXPECTED_ADDRESSES": "fe80::1%eth0"}, `PILOTSYNC_EXPECTED_ADDRESSES (--expected-addresses) is "fe80::1%eth0"; "fe80::1%eth0" is neither an address nor a network; it takes some such as 198.51.100.4 or 2001:db8::/32, separated by commas`},
		{vars{"PILOTSYNC_DNS": "127.0.0.1:x"}, `PILOTSYNC_DNS (--dns) is "127.0.0.1:x"; its port is "x", and ports go from 1 to 65535; ` + resolver},
		{vars{"PILOTSYNC_DNS": "[::1"}, `PILOTSYNC_DNS (--dns) is "[::1"; one of its two brackets is missing; ` + resolver},
		{vars{"PILOTSYNC_DNS": "127.0.0.1:0"}, `PILOTSYNC_DNS (--dns) is "127.0.0.1:0"; its port is "0", and ports go from 1 to 65535; ` + resolver},
		{vars{"PILOTSYNC_DNS": "dns:65536"}, `PILOTSYNC_DNS (--dns) is "dns:65536"; its port is "65536", and ports go from 1 to 65535; ` + resolver},
		{vars{"PILOTSYNC_DNS": "dns:"}, `PILOTSYNC_DNS (--dns) is "dns:"; its port is "", and ports go from 1 to 65535; ` + resolver},
		{vars{"PILOTSYNC_DNS": "https://dns"}, `PILOTSYNC_DNS (--dns) is "https://dns"; it is a URL, and only plain DNS is spoken; ` + resolver},
		{vars{"PILOTSYNC_DNS": ":53"}, `PILOTSYNC_DNS (--dns) is ":53"; it has no host; ` + resolver},
		{vars{"PILOTSYNC_DNS": "0.0.0.0"}, `PILOTSYNC_DNS (--dns) is "0.0.0.0"; no resolver has the address of all interfaces; ` + resolver},
		{vars{"PILOTSYNC_DNS": "[::]:53"}, `PILOTSYNC_DNS (--dns) is "[::]:53"; no resolver has the address of all interfaces; ` + resolver},
		{vars{"PILOTSYNC_DNS": "224.0.0.251:5353"}, `PILOTSYNC_DNS (--dns) is "224.0.0.251:5353"; it is the address of many machines, and takes that of one; ` + resolver},
		{vars{"PILOTSYNC_DNS": "ff02::fb"}, `PILOTSYNC_DNS (--dns) is "ff02::fb"; it is the address of many machines, and takes that of one; ` + resolver},
		{vars{"PILOTSYNC_DNS": "255.255.255.255"}, `PILOTSYNC_DNS (--dns) is "255.255.255.255"; it is the address of many machines, and takes that of one; ` + resolver},
		{vars{"PILOTSYNC_DNS": "my dns"}, `PILOTSYNC_DNS (--dns) is "my dns"; "my dns" can't be the name of a host; ` + resolver},
		{vars{"PILOTSYNC_DNS": "dns@host"}, `PILOTSYNC_DNS (--dns) is "dns@host"; "dns@host" can't be the name of a host; ` + resolver},
		{vars{"PILOTSYNC_DNS": "-dns:53"}, `PILOTSYNC_DNS (--dns) is "-dns:53"; "-dns" can't be the name of a host; ` + resolver},
		{vars{"PILOTSYNC_DNS": "1.1.1"}, `PILOTSYNC_DNS (--dns) is "1.1.1"; "1.1.1" is no address, and no host has such a name; ` + resolver},
		{vars{"PILOTSYNC_DNS": "127.0.0.256:53"}, `PILOTSYNC_DNS (--dns) is "127.0.0.256:53"; "127.0.0.256" is no address, and no host has such a name; ` + resolver},
		{vars{"WU_SERVER_PILOT_CLIENT_ID": "\"cid\""}, `WU_SERVER_PILOT_CLIENT_ID (--client-id) stands in quotes (" and "); take it without quotes`},
		{vars{"WU_SERVER_PILOT_API_KEY": hush + "\u200b"}, "WU_SERVER_PILOT_API_KEY (--api-key) holds a zero-width space (U+200B) at character 8; take it out"},
		{vars{"WU_SERVER_PILOT_API_KEY": "", "WU_SERVER_PILOT_API_KEY_FILE": "marked"}, `WU_SERVER_PILOT_API_KEY_FILE (--api-key-file) is "marked"; the file begins with a byte-order mark (the bytes EF BB BF); save it as UTF-8 without a byte-order mark`},
		{vars{"WU_SERVER_PILOT_API_KEY": "", "WU_SERVER_PILOT_API_KEY_FILE": "utf16"}, `WU_SERVER_PILOT_API_KEY_FILE (--api-key-file) is "utf16"; the file is in UTF-16, with a byte-order mark (the bytes FF FE); save it as UTF-8 without a byte-order mark`},
		{vars{"WU_SERVER_PILOT_APP_ID": "app1,\u00a0app2"}, "WU_SERVER_PILOT_APP_ID (--app-id) holds a no-break space (U+00A0) at character 6; take it out"},
		{vars{"REDIS_URL_FILE": "quoted"}, `REDIS_URL_FILE (--redis-url-file) is "quoted"; the file stands in quotes (" and "); take it without quotes`},
		{vars{"REDIS_URL": "redis://u:" + hush + "@h\u00a0"}, "REDIS_URL (--redis-url) holds a no-break space (U+00A0) at character 20; take it out"},
		{vars{"PILOTSYNC_WEBHOOK_SECRET": "“whsec_" + hush + "”"}, "PILOTSYNC_WEBHOOK_SECRET (--webhook-secret) stands in quotes (“ and ”); take it without quotes"},
		{vars{"PILOTSYNC_CONFIG": "quoted.yml"}, `PILOTSYNC_CONFIG (--config) is "quoted.yml"; line 1: client_id of account 1 holds a soft hyphen (U+00AD) at character 2; take it out; line 1: api_key of account 1 stands in quotes (“ and ”); take it without quotes`},
		{vars{"PILOTSYNC_TLS_PORT": "65536"}, `PILOTSYNC_TLS_PORT (--tls-port) is "65536"; it takes a whole number from 1 to 65535`},
		{vars{"PILOTSYNC_TLS_ROOTS": "nowhere"}, `PILOTSYNC_TLS_ROOTS (--tls-roots) is "nowhere"; it takes a file that can be read: open nowhere: file does not exist`},
		{vars{"PILOTSYNC_TLS_ROOTS": "text"}, `PILOTSYNC_TLS_ROOTS (--tls-roots) is "text"; it takes a PEM file with one certificate or more`},
		{vars{"PILOTSYNC_WEBHOOK_URL": "http://example.com/", "PILOTSYNC_WEBHOOK_SECRET": "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"}, `PILOTSYNC_WEBHOOK_URL (--webhook-url) is "http://example.com/"; ` + urlRule},
		{vars{"PILOTSYNC_WEBHOOK_URL": "https://example.com/"}, "PILOTSYNC_WEBHOOK_SECRET (--webhook-secret) is not set; PILOTSYNC_WEBHOOK_URL needs it to sign what it sends: " + secretErr[2:]},
		{vars{"PILOTSYNC_WEBHOOK_SECRET": "whsec_" + hush}, "PILOTSYNC_WEBHOOK_SECRET (--webhook-secret) is wrong in secret 1 of 1" + secretErr},
		{vars{"PILOTSYNC_WEBHOOK_SECRET": "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="}, "PILOTSYNC_WEBHOOK_SECRET (--webhook-secret) is wrong in secret 2 of 2" + secretErr},
		{vars{"PILOTSYNC_WEBHOOK_SECRET": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"}, "PILOTSYNC_WEBHOOK_SECRET (--webhook-secret) is wrong in secret 1 of 1" + secretErr},
		{vars{"PILOTSYNC_WEBHOOK_SECRET": "x", "PILOTSYNC_WEBHOOK_SECRET_FILE": "text"}, "PILOTSYNC_WEBHOOK_SECRET (--webhook-secret) and PILOTSYNC_WEBHOOK_SECRET_FILE (--webhook-secret-file) are both set; it takes one of them"},
		{vars{"PILOTSYNC_LISTEN": "0.0.0.0:8080"}, `PILOTSYNC_LISTEN (--listen) is "0.0.0.0:8080"; ` + noLogin},
		{vars{"PILOTSYNC_LISTEN": ":8080"}, `PILOTSYNC_LISTEN (--listen) is ":8080"; ` + noLogin},
		{vars{"PILOTSYNC_LISTEN": "8080"}, `PILOTSYNC_LISTEN (--listen) is "8080"; ` + pageAddr},
		{vars{"PILOTSYNC_LISTEN": "127.0.0.1:99999"}, `PILOTSYNC_LISTEN (--listen) is "127.0.0.1:99999"; ` + pageAddr},
		{vars{"PILOTSYNC_HEALTH_LISTEN": "off"}, `PILOTSYNC_HEALTH_LISTEN (--health-listen) is "off"; it takes host:port, such as 127.0.0.1:8081 or :8081, or nothing`},
		{vars{"PILOTSYNC_BASE_PATH": "pilotsync"}, `PILOTSYNC_BASE_PATH (--base-path) is "pilotsync"; ` + basePathRule},
		{vars{"PILOTSYNC_BASE_PATH": "/ops//x"}, `PILOTSYNC_BASE_PATH (--base-path) is "/ops//x"; ` + basePathRule},
		{vars{"PILOTSYNC_BASE_PATH": "/ops/.."}, `PILOTSYNC_BASE_PATH (--base-path) is "/ops/.."; ` + basePathRule},
		{vars{"PILOTSYNC_BASE_PATH": "/a\"b"}, `PILOTSYNC_BASE_PATH (--base-path) is "/a\"b"; ` + basePathRule},
		{vars{"PILOTSYNC_BASE_PATH": "/metrics/"}, `PILOTSYNC_BASE_PATH (--base-path) is "/metrics/"; it takes another path than /healthz, /readyz and /metrics, which stay at the root`},
		{vars{"PILOTSYNC_TRUSTED_PROXIES": "proxy.example.com"}, `PILOTSYNC_TRUSTED_PROXIES (--trusted-proxies) is "proxy.example.com"; "proxy.example.com" is neither an address nor a network; it takes some such as 198.51.100.4 or 2001:db8::/32, separated by commas`},
		{vars{"PILOTSYNC_TRUSTED_PROXIES": "10.0.0.1,::/0"}, `PILOTSYNC_TRUSTED_PROXIES (--trusted-proxies) is "10.0.0.1,::/0"; ::/0 is every address; it takes those of your proxies, since their X-Forwarded-For is believed`},
		{vars{"PILOTSYNC_AUTH": "nowhere"}, `PILOTSYNC_AUTH (--auth) is "nowhere"; it takes a file that can be read: open nowhere: file does not exist`},
		{vars{"PILOTSYNC_AUTH": "users", "PILOTSYNC_LISTEN": ":8080"}, `PILOTSYNC_AUTH (--auth) is "users"; line 1: user "ada" has no bcrypt hash; it takes one as htpasswd -B writes it, and no other kind`},
		{vars{"PILOTSYNC_LOG_LEVEL": "loud"}, `PILOTSYNC_LOG_LEVEL (--log-level) is "loud"; it takes panic, fatal, error, warning, info, debug or trace`},
		{vars{"PILOTSYNC_LOG_FORMAT": "xml"}, `PILOTSYNC_LOG_FORMAT (--log-format) is "xml"; it takes text or json`},
	} {
		t.Run(fmt.Sprint(test.env), func(t *testing.T) {
			t.Parallel()
			_, err := parsed(t, account.With(test.env)).Parse(f.read)
			var wrong Error
			if !errors.As(err, &wrong) {
				t.Fatalf("error is %v; want an Error", err)
			}
			if !strings.HasSuffix(err.Error(), test.want) {
				t.Errorf("error (-want +got):\n%s", cmp.Diff(test.want, err.Error()))
			}
			if strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), hush) {
				t.Errorf("error has several lines or a secret: %v", err)
			}
		})
	}
}

func TestAccountsFile(t *testing.T) {
	t.Parallel()
	const path = "/etc/pilotsync/accounts.yml"
	good := `accounts:
  - client_id: c1
    api_key: k1-` + hush + `
    apps: [a1, 22]
  - {client_id: c2, api_key_file: keys/c2, apps: [b1]}
  - {client_id: c3, api_key_file: /run/c3, apps: [c1]}
`
	set := configured(t, files{path: good, "/etc/pilotsync/keys/c2": "k2\n", "/run/c3": "k3"},
		account.With(vars{"PILOTSYNC_CONFIG": path, "WU_SERVER_PILOT_CLIENT_ID": "", "WU_SERVER_PILOT_APP_ID": "replaced"}))
	want := []Account{
		{ClientID: "c1", APIKey: "k1-" + hush, Apps: []string{"a1", "22"}},
		{ClientID: "c2", APIKey: "k2", Apps: []string{"b1"}},
		{ClientID: "c3", APIKey: "k3", Apps: []string{"c1"}},
	}
	if diff := cmp.Diff(want, set.Accounts); diff != "" {
		t.Errorf("accounts (-want +got):\n%s", diff)
	}

	unit := configured(t, files{path: "accounts: [{client_id: c, api_key_file: $CREDENTIALS_DIRECTORY/pilotsync_one, apps: [a]}]", "/run/credentials/w/pilotsync_one": "k1"},
		vars{"PILOTSYNC_CONFIG": path, "CREDENTIALS_DIRECTORY": "/run/credentials/w"})
	if got := unit.Accounts; len(got) != 1 || got[0].APIKey != "k1" {
		t.Errorf("with a key among a unit's credentials, the accounts are %+v", got)
	}

	secret := "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
	hooks := configured(t, files{path: good + "webhooks:\n  a1: {url: https://one.example.com/hook, secret: " + secret + " " + secret + "}\n" +
		"  22: {url: 'http://[::1]:9/', secret_file: keys/hook}\n",
		"/etc/pilotsync/keys/c2": "k2", "/run/c3": "k3", "/etc/pilotsync/keys/hook": secret}, vars{"PILOTSYNC_CONFIG": path}).Webhooks
	if a, b := hooks["a1"], hooks["22"]; len(hooks) != 2 || a.URL != "https://one.example.com/hook" || len(a.Secrets) != 2 || b.URL != "http://[::1]:9/" || len(b.Secrets) != 1 {
		t.Errorf("webhooks are %+v", hooks)
	}

	const (
		one  = "accounts: [{client_id: c, api_key: k, apps: [a]}]\n"
		form = "it takes one or several of whsec_ and the base64 of 24 bytes or more, separated by spaces"
	)
	for _, test := range []struct{ name, content, want string }{
		{"a webhook without anything", one + "webhooks: {a: {}}", `the webhook of "a" has no url; it takes url, and secret or secret_file`},
		{"a webhook without a secret", one + "webhooks: {a: {url: 'https://e.example.com/'}}", `the webhook of "a" has no secret; ` + form},
		{"a webhook over plain http", one + "webhooks: {a: {url: 'http://e.example.com/?" + hush + "', secret: " + secret + "}}",
			`the webhook of "a" has a wrong url; it takes https://HOST[:PORT][/PATH], or http to a loopback address`},
		{"a webhook with a wrong secret", one + "webhooks: {a: {url: 'https://e.example.com/', secret: whsec_" + hush + "}}", `the webhook of "a" is wrong in secret 1 of 1; ` + form},
		{"a webhook with two kinds of secret", one + "webhooks: {a: {url: 'https://e.example.com/', secret: " + secret + ", secret_file: f}}", `the webhook of "a" has both secret and secret_file`},
		{"a webhook whose secret can't be read", one + "webhooks: {a: {url: 'https://e.example.com/', secret_file: f}}", `the webhook of "a" has the secret_file "/etc/pilotsync/f"; it takes a file that can be read`},
		{"a webhook of an app that isn't served", one + "webhooks: {b: {url: 'https://e.example.com/', secret: " + secret + "}}", `the webhook of "b" is for no app of these accounts`},
		{"a webhook with an unknown key", one + "webhooks: {a: {uri: x}}", `line 2: unknown key "uri"; did you mean url? the keys here are url, secret, secret_file`},
		{"a webhook with nothing", one + "webhooks: {a: }", `; the webhook of "a" has no url; it takes url`},
		{"apps as a text", "accounts:\n  - client_id: c\n    apps: a", "line 3: apps: expected a list of app ids such as [appA, appB], got a text"},
		{"a tab", "accounts:\n  - client_id: c\n\tapi_key: k\n", "line 3 begins with a tab; YAML allows only spaces for indentation"},
		{"a key twice", "accounts:\n  - client_id: c\n    client_id: d\n", `line 3: the key "client_id" is there already, in line 2; it takes each key once`},
		{"an empty file", "", "the file has no accounts; it takes accounts: [{client_id, api_key or api_key_file, apps: [id, …]}]"},
		{"an unknown key", "accounts: []\nacounts: []", `line 2: unknown key "acounts"; did you mean accounts?`},
		{"a value in the wrong place", "accounts: " + hush, "line 1: accounts: expected a list of accounts such as - {client_id: cid_one, api_key_file: /run/secrets/one, apps: [appA, appB]}, got a text"},
		{"no YAML", "accounts: [", "line 1 isn't valid YAML: "},
		{"two documents", good + "---\naccounts: []", "line 7: a second document begins; the file takes one"},
		{"everything missing", "accounts: [{}]", "line 1: client_id of account 1 is not set; it takes the client id of a ServerPilot account; " +
			"line 1: api_key of account 1 is not set; it takes the API key of the account; line 1: apps of account 1 is not set; it takes the ids of one or more apps"},
		{"two keys", "accounts: [{client_id: c, api_key: " + hush + ", api_key_file: f, apps: [a]}]", "api_key of account 1 and its api_key_file are both set"},
		{"a key file that isn't there", "accounts: [{client_id: c, api_key_file: f, apps: [a]}]", `api_key_file of account 1 is "/etc/pilotsync/f"; it takes a file that can be read`},
		{"a credential outside of a unit", "accounts: [{client_id: c, api_key_file: $CREDENTIALS_DIRECTORY/f, apps: [a]}]", `api_key_file of account 1 is "$CREDENTIALS_DIRECTORY/f"; it takes a file that can be read`},
		{"a wrong app id", "accounts: [{client_id: c, api_key: k, apps: [a/b]}]", `apps of account 1 is wrong: app_id is "a/b"`},
		{"two keys of an account", "accounts: [{client_id: c, api_key: " + hush + ", apps: [a]}, {client_id: c, api_key: k, apps: [b]}]", "client_id c is given twice (accounts 1 and 2) with different keys"},
		{"an app in two accounts", "accounts: [{client_id: c, api_key: k, apps: [a]}, {client_id: d, api_key: k, apps: [b, a]}]", "app a is given twice (accounts c and d); it takes each app once"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := parsed(t, vars{"PILOTSYNC_CONFIG": path}).Parse(files{path: test.content}.read)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), hush) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error is %v\nwant one line with %s", err, test.want)
			}
		})
	}
}

func TestAnAddressCountsAsSetFromEverySource(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		env   vars
		args  []string
		unset bool
	}{
		{nil, nil, true},
		{vars{"PILOTSYNC_LISTEN": ""}, nil, true},
		{vars{"PILOTSYNC_LISTEN": defaultListen}, nil, false},
		{nil, []string{"--listen=" + defaultListen}, false},
	} {
		set := configured(t, nil, account.With(test.env), test.args...)
		if set.Dashboard.Listen != defaultListen || set.Dashboard.IsDefault != test.unset {
			t.Errorf("%v %v: %+v", test.env, test.args, set.Dashboard)
		}
	}
}
