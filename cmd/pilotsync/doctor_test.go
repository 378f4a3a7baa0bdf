package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pilotsync/internal/doctor"
	"pilotsync/internal/terminal"
	"pilotsync/test/redistest"
)

// examined runs the doctor and returns its results. None of them may contain a secret.
func examined(t *testing.T, env vars, args ...string) ([]doctor.Result, output) {
	t.Helper()
	got := command(t, env, "", append([]string{"doctor", "--json"}, args...)...)
	var results []doctor.Result
	if err := json.Unmarshal([]byte(got.out), &results); err != nil {
		t.Fatalf("%v: %+v", err, got)
	}
	if strings.Contains(got.out+got.err, secretWord) || strings.Contains(got.out, "sim-key") {
		t.Errorf("a secret is shown: %+v", got)
	}
	return results, got
}

// of are the results of one check, as "status: detail".
func of(results []doctor.Result, check string) []string {
	var found []string
	for _, r := range results {
		if r.Check == check {
			found = append(found, string(r.Status)+": "+r.Detail)
		}
	}
	return found
}

func TestTheDoctorFindsEverythingInOrder(t *testing.T) {
	t.Parallel()
	env, _ := simulated(t)
	env["REDIS_URL"] = redistest.New(t, "--appendonly", "yes", "--proto-max-bulk-len", "1mb").URL
	w := startWorker(t, env)
	if got := command(t, env, "", "enqueue", "add", "--wait", "--timeout=2m", "shop.example.com"); got.code != exitDone {
		t.Fatalf("enqueue: %+v\n%s", got, w.log)
	}
	results, got := examined(t, env)
	for _, r := range results {
		if r.Status != doctor.OK {
			t.Errorf("%+v", r)
		}
	}
	if got.code != exitDone || len(results) < 20 {
		t.Errorf("got %+v", got)
	}
	w.stop()
	results, got = examined(t, env)
	if of(results, doctor.CheckWorkers)[0] != "failure: no worker is alive: changes wait on the queue" || got.code != exitFailed || got.err != "" {
		t.Errorf("after the worker's end: %+v", got)
	}
}

func TestWrongSettingsFailOnlyTheirOwnChecks(t *testing.T) {
	t.Parallel()
	env, _ := simulated(t)
	results, got := examined(t, env.With(vars{"PILOTSYNC_WWW": "sometimes", "PILOTSYNC_API_RATE": "many"}))
	want := []string{`failure: PILOTSYNC_API_RATE (--api-rate) is "many"; it takes a whole number from 0 to 1000`,
		`failure: PILOTSYNC_WWW (--www) is "sometimes"; it takes always, main_only or never`}
	if diff := cmp.Diff(want, of(results, doctor.CheckSettings)); diff != "" || got.code != exitFailed {
		t.Errorf("code %d, settings (-want +got):\n%s", got.code, diff)
	}
	if len(of(results, doctor.CheckRedis)) != 1 || len(of(results, doctor.CheckRoom)) != 1 {
		t.Errorf("the rest wasn't checked: %+v", results)
	}

	results, got = examined(t, vars{"REDIS_URL": "x://:" + secretWord + "@h", "PILOTSYNC_DNS": env["PILOTSYNC_DNS"], "SERVERPILOT_API_URL": env["SERVERPILOT_API_URL"]})
	if len(of(results, doctor.CheckSettings)) < 4 || of(results, doctor.CheckRedis) != nil || of(results, doctor.CheckCredentials) != nil || got.code != exitFailed {
		t.Errorf("without Redis and account: %+v", results)
	}
	results, _ = examined(t, env.With(vars{"PILOTSYNC_DRY_RUN": "on"}))
	if s := of(results, doctor.CheckSettings); len(s) != 1 || !strings.HasPrefix(s[0], "warning: ") || !strings.Contains(s[0], "PILOTSYNC_DRY_RUN is on") {
		t.Errorf("a dry run: %v", s)
	}
}

func TestWhatIsMissingIsTakenFromWordPressAndTheRestIsCompared(t *testing.T) {
	t.Parallel()
	env, _ := simulated(t)
	const secret, other = "whsec_aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMg==", "whsec_b3RoZXJvdGhlcm90aGVyb3RoZXJvdGhlcm90aGVy"
	hook := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(hook.Close)
	bare := env.With(vars{"PILOTSYNC_WEBHOOK_URL": hook.URL})
	for _, name := range []string{"WU_SERVER_PILOT_CLIENT_ID", "WU_SERVER_PILOT_API_KEY", "WU_SERVER_PILOT_APP_ID", "REDIS_URL"} {
		delete(bare, name)
	}
	usual := "<?php\ndefine('WU_SERVER_PILOT_CLIENT_ID', 'sim');\ndefine('WU_SERVER_PILOT_API_KEY', 'sim-key');\n" +
		"define('WU_SERVER_PILOT_APP_ID', 'app1');\ndefine('PILOTSYNC_REDIS_URL', '" + env["REDIS_URL"] + "');\ndefine('PILOTSYNC_WEBHOOK_SECRET', '" + secret + "');\n"
	config := filepath.Join(t.TempDir(), "accounts.yml")
	if err := os.WriteFile(config, []byte("accounts: [{client_id: sim, api_key: sim-key, apps: [app1]}]"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, source string
		env          vars
		want         []string // pieces of the results, in order
		settings     string   // of the first result about the settings
	}{
		{"all is taken", usual, bare, []string{"ok: PATH: taken from it: WU_SERVER_PILOT_CLIENT_ID, WU_SERVER_PILOT_API_KEY, WU_SERVER_PILOT_APP_ID, PILOTSYNC_REDIS_URL, PILOTSYNC_WEBHOOK_SECRET"}, "ok: "},
		{"all is the same", usual, env.With(vars{"PILOTSYNC_WEBHOOK_SECRET": other + " " + secret, "WU_SERVER_PILOT_APP_ID": "app1, app2"}),
			[]string{"ok: PATH: the same as the worker's: WU_SERVER_PILOT_CLIENT_ID, WU_SERVER_PILOT_API_KEY, WU_SERVER_PILOT_APP_ID, PILOTSYNC_REDIS_URL, PILOTSYNC_WEBHOOK_SECRET"}, "ok: "},
		{"all is different", strings.NewReplacer("'sim'", "'a'", "sim-key", secretWord, "app1", "app9", env["REDIS_URL"], "redis://:"+secretWord+"@r", secret, other).Replace(usual),
			env.With(vars{"PILOTSYNC_WEBHOOK_SECRET": secret}), []string{
				"warning: WU_SERVER_PILOT_CLIENT_ID is another", "warning: WU_SERVER_PILOT_API_KEY is another",
				`failure: WU_SERVER_PILOT_APP_ID is "app9", which is not among the worker's (app1)`,
				"warning: PILOTSYNC_REDIS_URL is redis://:[redacted]@r, and the worker's is redis://127.0.0.1:", "warning: PILOTSYNC_WEBHOOK_SECRET has no secret in common"}, "ok: "},
		{"the accounts are in a file", strings.Replace(usual, "app1", "app9", 1), bare.With(vars{"PILOTSYNC_CONFIG": config}),
			[]string{"ok: PATH: taken from it: PILOTSYNC_REDIS_URL, PILOTSYNC_WEBHOOK_SECRET", `failure: WU_SERVER_PILOT_APP_ID is "app9", which is in no account of`}, "ok: "},
		{"from the environment", "<?php define('WU_SERVER_PILOT_CLIENT_ID', 'sim');define('WU_SERVER_PILOT_API_KEY', getenv('" + secretWord + "'));define('PILOTSYNC_WEBHOOK_SECRET', $s);define('PILOTSYNC_REDIS_URL', '" + env["REDIS_URL"] + "');",
			bare, []string{"ok: PATH: taken from it: WU_SERVER_PILOT_CLIENT_ID, PILOTSYNC_REDIS_URL", "failure: WU_SERVER_PILOT_API_KEY (line 1) is taken from the environment",
				"failure: WU_SERVER_PILOT_APP_ID isn't defined in PATH", "warning: PILOTSYNC_WEBHOOK_SECRET (line 1) is a variable"}, "failure: WU_SERVER_PILOT_API_KEY (--api-key) is not set"},
		{"from the environment, and set", "<?php define('WU_SERVER_PILOT_API_KEY', getenv('K'));", env, []string{"warning: WU_SERVER_PILOT_API_KEY (line 1)", "warning: PILOTSYNC_REDIS_URL isn't defined in PATH"}, "ok: "},
		{"a misspelt constant", strings.Replace(usual, "'PILOTSYNC_REDIS_URL'", "'PILOTSYNC_REDIS_UR'", 1), env, []string{
			"ok: PATH: taken from it: PILOTSYNC_WEBHOOK_SECRET; the same as the worker's: WU_SERVER_PILOT_CLIENT_ID, WU_SERVER_PILOT_API_KEY, WU_SERVER_PILOT_APP_ID",
			"warning: PILOTSYNC_REDIS_URL isn't defined in PATH (files that it includes are not read): without it the plugin does nothing", "warning: PILOTSYNC_REDIS_UR (line "}, "ok: "},
		{"too late", "<?php\nrequire ABSPATH . 'wp-settings.php';\ndefine('PILOTSYNC_REDIS_URL', 'redis://:" + secretWord + "@r');\ndefine('WU_SERVER_PILOT_APP_ID', 'app1');", env,
			[]string{"failure: WU_SERVER_PILOT_APP_ID (line 4) is defined too late", "failure: PILOTSYNC_REDIS_URL (line 3) is defined too late"}, "ok: "},
		{"in another form", "<?php\nConfig::define('WU_SERVER_PILOT_API_KEY', '" + secretWord + "');", env, []string{"warning: WU_SERVER_PILOT_API_KEY (line 2) has a form that this check doesn't understand", "warning: PILOTSYNC_REDIS_URL isn't defined in PATH"}, "ok: "},
		{"in another form, and needed", "<?php\nConfig::define('WU_SERVER_PILOT_API_KEY', '" + secretWord + "');", bare, []string{"failure: WU_SERVER_PILOT_CLIENT_ID isn't defined", "failure: WU_SERVER_PILOT_API_KEY (line 2) has a form", "failure: WU_SERVER_PILOT_APP_ID isn't defined", "warning: PILOTSYNC_REDIS_URL isn't defined in PATH"}, "failure: "},
		{"a file of something else", "hello", env, []string{"warning: PATH defines none of WU_SERVER_PILOT_CLIENT_ID, WU_SERVER_PILOT_API_KEY, WU_SERVER_PILOT_APP_ID, PILOTSYNC_REDIS_URL, PILOTSYNC_WEBHOOK_SECRET"}, "ok: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "wp-config.php")
			if err := os.WriteFile(path, []byte(test.source), 0o600); err != nil {
				t.Fatal(err)
			}
			results, _ := examined(t, test.env, "--wp-config="+path)
			got := of(results, doctor.CheckWPConfig)
			fits := len(got) == len(test.want)
			for i := range got {
				fits = fits && strings.Contains(strings.ReplaceAll(got[i], path, "PATH"), test.want[i])
			}
			if !fits {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
			if s := of(results, doctor.CheckSettings); !strings.HasPrefix(s[0], test.settings) {
				t.Errorf("settings: %v", s)
			}
			if test.settings == "ok: " && !slices.ContainsFunc(of(results, doctor.CheckCredentials), func(s string) bool { return strings.HasPrefix(s, "ok: ") }) {
				t.Errorf("the account wasn't checked: %+v", results)
			}
		})
	}
	results, got := examined(t, env, "--wp-config=/nowhere/wp-config.php")
	if w := of(results, doctor.CheckWPConfig); got.code != exitFailed || len(w) != 1 || !strings.Contains(w[0], "failure: it can't be read: open /nowhere/wp-config.php") {
		t.Errorf("no such file: %v", w)
	}
}

// report is the results' text for people.
func report(t *testing.T, onTerminal bool, env vars, results ...doctor.Result) string {
	t.Helper()
	var out bytes.Buffer
	s := &terminal.Streams{Out: &out, Err: io.Discard, LookupEnv: env.Lookup}
	if onTerminal {
		s.OutSize = sized(80, 24)
	}
	if err := printReport(s, results); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestTheReportIsMadeForItsReader(t *testing.T) {
	t.Parallel()
	results := []doctor.Result{
		{Check: doctor.CheckRedis, Status: doctor.OK, Detail: "it answers"},
		{Check: doctor.CheckMemory, Status: doctor.Warning, Detail: "nearly full of things that somebody else put there, as it seems, some time ago", Remedy: "Make room."},
		{Check: doctor.CheckApp, Status: doctor.OK, Detail: "known", App: "a"}, {Check: doctor.CheckRoom, Status: doctor.OK, Detail: "1 of 300", App: "a"},
		{Check: doctor.CheckApp, Status: doctor.OK, Detail: "known", App: "b"}, {Check: doctor.CheckRoom, Status: doctor.Failure, Detail: "full\x1b[0m", Remedy: "Take names off.", App: "b"},
		{Check: doctor.CheckTrouble, Status: doctor.Failure, Detail: "blocked", Remedy: "Pay.", App: "c"},
	}
	const lines = `ok       redis: it answers
warning  redis-memory: nearly full of things that somebody else put there, as it seems, some time ago
         to do: Make room.
ok       app of app a: known
ok       room of app a: 1 of 300
ok       app of app b: known
failure  room of app b: full [0m
         to do: Take names off.
failure  trouble of app c: blocked
         to do: Pay.
2 failures, 1 warning, 4 ok: something doesn't work.
`
	if diff := cmp.Diff(lines, report(t, false, nil, results...)); diff != "" {
		t.Errorf("in a pipe (-want +got):\n%s", diff)
	}
	const grouped = `Redis
  ✓ it answers
  ! nearly full of things that somebody else put there, as it seems, some time
    ago
    → Make room.
App a
  ✓ known; 1 of 300
App b
  ✓ known
  ✗ full [0m
    → Take names off.
Work
  ✗ app c: blocked
    → Pay.

2 failures, 1 warning, 4 ok: something doesn't work.
`
	if diff := cmp.Diff(grouped, report(t, true, vars{"NO_COLOR": "1"}, results...)); diff != "" {
		t.Errorf("on a terminal (-want +got):\n%s", diff)
	}
	if got := report(t, true, nil, results...); !strings.Contains(got, "  \x1b[32m✓\x1b[0m it answers\n") || !strings.Contains(got, "\x1b[31m✗\x1b[0m app c") {
		t.Errorf("in colour:\n%q", got)
	}
	for want, results := range map[string][]doctor.Result{
		"1 ok.\n": results[:1],
		"1 warning, 1 ok: it works, but look at the warnings.\n": results[:2],
	} {
		if got := report(t, false, nil, results...); !strings.HasSuffix(got, want) {
			t.Errorf("got %q at the end of\n%s", want, got)
		}
	}
}
