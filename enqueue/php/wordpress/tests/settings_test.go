//go:build wordpress

package wordpress

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"pilotsync/internal/config"
	"pilotsync/internal/doctor"
	"pilotsync/tasks"
)

// appIDFromUltimate: without a constant, the app id from Ultimate Multisite's wizard is used.
func appIDFromUltimate(f *fixture) {
	if out, err := f.cli("test"); !strings.Contains(out, "ok     Settings: The app is app1, as set in wp-config.php.") {
		f.t.Errorf("with the constant wp pilotsync test prints %q (%v)", out, err)
	}
	const stored = "wu_hosting_credential_WU_SERVER_PILOT_"
	f.toggleFile("no-app-id", true)
	f.do(step{"option", stored + "APP_ID", "1ppa"}, step{"option", stored + "CLIENT_ID", "eno_dic"}, step{"option", stored + "API_KEY", "yek'eht"})
	f.do(step{"do_action", "wu_add_domain", "stored.example.com", 2})
	f.wantSent("add stored.example.com always 2")
	if out, err := f.cli("test"); !strings.Contains(out, "ok     Settings: The app is app1, as stored by Ultimate Multisite's ServerPilot integration.") {
		f.t.Errorf("without it wp pilotsync test prints %q (%v)", out, err)
	}
	secret := "'" + f.redis.As("php") + "'"
	for flag, want := range map[string]struct{ has, lacks []string }{
		"--no-secrets": {[]string{"WU_SERVER_PILOT_CLIENT_ID='cid_one'\n", "WU_SERVER_PILOT_APP_ID='app1'\n", "# WU_SERVER_PILOT_API_KEY is set; --secrets shows it\n",
			"PILOTSYNC_WEBHOOK_URL='http://network.example.net/wp-json/pilotsync/v1/webhook'\n"}, []string{"the'\\''key", secret, "whsec_"}},
		"--secrets": {[]string{`WU_SERVER_PILOT_API_KEY='the'\''key'`, "REDIS_URL=" + secret, "PILOTSYNC_WEBHOOK_SECRET='whsec_"}, []string{"#"}},
	} {
		out, err := f.cli("env", flag)
		for _, line := range want.has {
			if !strings.Contains(out, line) {
				f.t.Errorf("wp pilotsync env %s lacks %q (%v):\n%s", flag, line, err, out)
			}
		}
		for _, part := range want.lacks {
			if strings.Contains(out, part) {
				f.t.Errorf("wp pilotsync env %s shows %q:\n%s", flag, part, out)
			}
		}
	}
	f.toggleFile("no-app-id", false)
}

// invalidSettings are reported before a change waits, with what they take. Without a valid
// secret, Ultimate Multisite checks the domains itself.
func invalidSettings(f *fixture) {
	url, secret := f.redis.As("php"), "whsec_"+strings.Repeat("c2VjcmV0", 4)
	f.do(step{"map", "checked.example.com"})
	f.sent()
	for name, c := range map[string]struct {
		url, secret, app string
		want, line       string
		polls            bool
	}{
		"a secret of another form":   {url, "hush-hush", "app1", "in secret 1 of 1. It takes", "WRONG  Webhooks: ", true},
		"a secret that is too short": {url, "whsec_c2VjcmV0", "app1", "Ultimate Multisite checks the domains itself.", "WRONG  Webhooks: ", true},
		"one of two secrets":         {url, secret + " hush-hush", "app1", "in secret 2 of 2. It takes", "WRONG  Webhooks: ", false},
		"a URL without a scheme":     {"127.0.0.1:6380", secret, "app1", "PILOTSYNC_REDIS_URL in wp-config.php is wrong", "WRONG  Settings: ", false},
		"two apps":                   {url, secret, "app1,app2", "It takes the id of one app", "WRONG  Settings: ", false},
		"all is right":               {url, secret, "app1", "", "ok     Settings: ", false},
	} {
		f.t.Run(name, func(t *testing.T) {
			in := f.forTest(t)
			in.toggleFile("no-constants", true)
			in.toggleFile("no-app-id", true)
			in.writeFile("extra.php", "<?php define( 'PILOTSYNC_REDIS_URL', '"+c.url+"' ); define( 'PILOTSYNC_WEBHOOK_SECRET', '"+c.secret+"' ); define( 'WU_SERVER_PILOT_APP_ID', '"+c.app+"' );")
			if out := in.do(step{"notices"}).Output; !strings.Contains(out, c.want) || c.want == "" && out != "" || strings.Contains(out, "hush") {
				t.Errorf("the notices are %q; want %q", out, c.want)
			}
			if out, _ := in.cli("test"); !strings.Contains(out, c.line) || !strings.Contains(out, c.want) {
				t.Errorf("wp pilotsync test prints %q; want %q and %q", out, c.line, c.want)
			}
			before := len(in.do().Calls)
			if calls := in.do(step{"poll", "checked.example.com"}).Calls[before:]; (len(calls) == 1) != c.polls {
				t.Errorf("Ultimate Multisite did %q", calls)
			}
			answer := http.StatusOK
			if c.polls { // without a secret the site can't sign
				answer = http.StatusServiceUnavailable
			}
			if status, _ := in.here("network.example.net", challenge("network.example.net", nonce)); status != answer {
				t.Errorf("the challenge is answered with %d, want %d", status, answer)
			}
			in.toggleFile("no-constants", false)
			in.toggleFile("no-app-id", false)
		})
	}
	f.do(step{"do_action", "pilotsync_flush"}, step{"unmap", "checked.example.com"})
	f.sent()
}

// attempts: the filter's value is part of the change; it may depend on the stage.
func attempts(f *fixture) {
	filter := func(body string) string {
		return "<?php add_filter( 'wu_async_process_domain_stage_max_tries', function ( $tries, $domain ) { " + body + " }, 10, 2 );"
	}
	f.do(step{"map", "tried.example.com"})
	f.wantSent("add tried.example.com always 2")
	for _, c := range []struct{ name, body, add string }{
		{"a number", "return 7;", " attempts 7"},
		{"one for some domains", "return 'tried.example.com' === $domain->get_domain() ? $tries + 4 : $tries;", " attempts 9"},
		{"one for the certificate only", "return 'checking-ssl-cert' === $domain->get_stage() ? 12 : $tries;", " attempts 12"},
		{"more than there may be", "return 100;", " attempts 20"},
		{"none", "return 0;", " attempts 1"},
		{"no number", "return null;", ""},
		{"an exception", "throw new Exception( 'no such list' );", ""},
	} {
		f.t.Run(c.name, func(t *testing.T) {
			in := f.forTest(t)
			in.writeFile("wp-content/mu-plugins/tries.php", filter(c.body))
			before := in.do()
			after := in.do(step{"do_action", "wu_add_domain", "tried.example.com", 2}, step{"do_action", "wu_remove_domain", "gone.example.com", 2},
				step{"do_action", "wu_add_domain", "unmapped.example.com", 2})
			in.wantSent("add tried.example.com always 2"+c.add, "remove gone.example.com always 2", "add unmapped.example.com always 2")
			if after.Domains["tried.example.com"] != before.Domains["tried.example.com"] {
				t.Errorf("the mapping is %q, and was %q", after.Domains["tried.example.com"], before.Domains["tried.example.com"])
			}
			told := strings.Contains(strings.Join(after.Log[len(before.Log):], "\n"), "it takes 1 to 20")
			if out := c.add == " attempts 20" || c.add == " attempts 1"; told != out {
				t.Errorf("the domain's log says that the number is out of range: %t", told)
			}
			if failed := strings.Contains(strings.Join(after.Log[len(before.Log):], "\n"), "_max_tries failed, so the workers' setting decides"); failed != (c.add == "") {
				t.Errorf("the domain's log says that the filter failed: %t", failed)
			}
			if out, err := in.cli("resync"); err != nil {
				t.Errorf("wp pilotsync resync prints %q (%v)", out, err)
			}
			if sent := strings.Join(in.sent(), "\n"); !strings.Contains(sent, "add tried.example.com always 2"+c.add) {
				t.Errorf("resync sent %s", sent)
			}
		})
	}
	f.do(step{"unmap", "tried.example.com"})
	f.wantSent("remove tried.example.com always 2")
}

// wwwRule: the public suffix list would give x.com.ar a www form.
func wwwRule(f *fixture) {
	setting := func(value string) { f.do(step{"option", "fake_setting_auto_create_www_subdomain", value}) }
	setting("main_only")
	for _, name := range []string{"x.com.ar", "x.co.uk", "x.example", "shop.x.example", "www.x.example"} {
		f.do(step{"do_action", "wu_add_domain", name, 2})
	}
	setting("always")
	f.do(step{"do_action", "wu_add_domain", "www.y.example", 2})
	f.wantSent("add x.com.ar never 2", "add x.co.uk always 2", "add x.example always 2", "add shop.x.example never 2", "add www.x.example never 2",
		"add www.y.example never 2")
}

func lastEvent(f *fixture) {
	f.do(step{"option", "pilotsync_arrived", 0})
	if out := f.do(step{"health"}).Output; !strings.Contains(out, "No event has arrived yet. They are expected at http://network.example.net/wp-json/pilotsync/v1/webhook") {
		f.t.Errorf("before an event Site Health shows %q", out)
	}
	now := time.Now()
	if status, answer := f.postEvent("last", now, domainEvent("unknown.example.com", tasks.Done, now)); status != http.StatusOK {
		f.t.Errorf("the event is answered with %d %s", status, answer)
	}
	if out := f.do(step{"health"}).Output; !strings.Contains(out, "The last event arrived ") {
		f.t.Errorf("after one Site Health shows %q", out)
	}
	f.do(step{"option", "pilotsync_arrived", 1772366400}) // 2026-03-01 12:00 UTC
	if out := f.do(step{"health"}).Output; !strings.Contains(out, " ago, on March 1, 2026 12:00 pm.") {
		f.t.Errorf("months after one Site Health shows %q", out)
	}
}

// doctorChecksWebhook: the doctor's check of the webhook, with the real REST API.
func doctorChecksWebhook(f *fixture) {
	const block = "<?php if ( 'OPTIONS' === $_SERVER['REQUEST_METHOD'] ) { http_response_code( 401 ); exit; }"
	for _, c := range []struct {
		name  string
		files map[string]string
		want  doctor.Status
		says  string
	}{
		{"the plugin takes events", nil, doctor.OK, "answers 200, so it is there"},
		{"the plugin does nothing", map[string]string{"no-constants": ""}, doctor.Failure, "WordPress doesn't know the plugin's address"},
		{"something in front asks for a password", map[string]string{"extra.php": block}, doctor.Failure, "answers 401; WordPress answers 200"},
	} {
		f.t.Run(c.name, func(t *testing.T) {
			in := f.forTest(t)
			for name, content := range c.files {
				in.writeFile(name, content)
			}
			for _, r := range doctor.Run(t.Context(), config.Worker{Webhook: config.Webhook{URL: in.url + "/wp-json/pilotsync/v1/webhook"}}) {
				if r.Check == doctor.CheckWebhook && (r.Status != c.want || !strings.Contains(r.Detail, c.says)) {
					t.Errorf("got %+v, want %s with %q", r, c.want, c.says)
				}
			}
		})
	}
}
