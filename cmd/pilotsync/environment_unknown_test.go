package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"pilotsync/internal/wpconfig"
)

// settingNames are the variables of all commands.
func settingNames(t *testing.T) []string {
	t.Helper()
	env := newEnvironment(nil)
	if _, err := kong.New(&commands{}, env.options()...); err != nil {
		t.Fatal(err)
	}
	return env.names()
}

func TestAnUnknownSettingIsRefusedWithTheNearestOne(t *testing.T) {
	t.Parallel()
	known := settingNames(t)
	for name, want := range map[string]string{
		"PILOTSYNC_DRYRUN":              "PILOTSYNC_DRY_RUN",
		"PILOTSYNC_DRY_RUNS":            "PILOTSYNC_DRY_RUN",
		"pilotsync_dry_run":             "PILOTSYNC_DRY_RUN",
		"PILOTSYNC_DNS_SERVER":          "PILOTSYNC_DNS",
		"PILOTSYNC_SSL_DELAY":           "PILOTSYNC_SSL_DELAYS",
		"PILOTSYNC_WEBHOOK_SECRETS":     "PILOTSYNC_WEBHOOK_SECRET",
		"PILOTSYNC_WEBHOOK_SECRET_FIEL": "PILOTSYNC_WEBHOOK_SECRET_FILE",
		"PILOTSYNC_API_KEY":             "WU_SERVER_PILOT_API_KEY",
		"PILOTSYNC_REDISURL":            "REDIS_URL",
		"PILOTSYNC_CONFIG_FILE":         "PILOTSYNC_CONFIG",
		"WU_SERVER_PILOT_CLIENTID":      "WU_SERVER_PILOT_CLIENT_ID",
		"WU_SERVER_PILOT_APP_IDS":       "WU_SERVER_PILOT_APP_ID",
		"WU_SERVER_PILOT_KEY":           "WU_SERVER_PILOT_API_KEY",
	} {
		err := refuseUnknown([]string{name + "=" + hush}, known)
		if err == nil || !strings.Contains(err.Error(), name+" is not a setting; did you mean "+want+"? ") {
			t.Errorf("%s: %v; want %s", name, err, want)
		} else if strings.Contains(err.Error(), hush) {
			t.Errorf("the value is shown: %v", err)
		}
	}
	err := refuseUnknown([]string{"PILOTSYNC_B=1", "PILOTSYNC_WWWW=never", "HOME=/"}, known)
	if err == nil || !strings.HasPrefix(err.Error(), "2 variables of the environment are not settings:\nPILOTSYNC_B is ") || !strings.Contains(err.Error(), "\nPILOTSYNC_WWWW is not a setting; did you mean PILOTSYNC_WWW?\n") {
		t.Errorf("two at once: %v", err)
	}
}

func TestOtherVariablesAreLetAlone(t *testing.T) {
	t.Parallel()
	known := settingNames(t)
	for _, environ := range [][]string{
		{"PATH=/bin", "REDIS_URI=x", "SERVERPILOT_KEY=x", "WU_OTHER=x", "PILOTSYNC=x", "DRY_RUN=on"},
		{"PILOTSYNC_DRYRUN="}, // empty counts as unset
		{"PILOTSYNC_REDIS_URL=x", "PILOTSYNC_DISABLED=1", "PILOTSYNC_MAIL_TO=off", "PILOTSYNC_WEBHOOK_SECRET=x"}, // WordPress's
		{"PILOTSYNC_PAGE_SERVICE_HOST=10.0.0.1", "PILOTSYNC_PAGE_SERVICE_PORT=80", "PILOTSYNC_PAGE_SERVICE_PORT_HTTP=80", "PILOTSYNC_PAGE_PORT=tcp://10.0.0.1:80",
			"PILOTSYNC_PAGE_PORT_80_TCP=tcp://10.0.0.1:80", "PILOTSYNC_PAGE_PORT_80_TCP_ADDR=10.0.0.1"},
	} {
		if err := refuseUnknown(environ, known); err != nil {
			t.Errorf("%v: %v", environ, err)
		}
	}
	for _, name := range known {
		if err := refuseUnknown([]string{name + "=x"}, known); err != nil {
			t.Error(err)
		}
	}
	if err := refuseUnknown([]string{"PILOTSYNC_PAGE_PORT=tcp://10.0.0.1:80"}, known); err == nil {
		t.Error("a port without a Service is let alone")
	}
}

func TestEachCommandWithSettingsRefusesUnknownOnes(t *testing.T) {
	t.Parallel()
	env := vars{"PILOTSYNC_DRYRUN": "on"}
	for _, args := range []string{"worker", "web", "doctor", "enqueue add --app=a example.com", "status", "logs example.com", "apps", "verify example.com",
		"history --app=a", "restore --app=a --at=1", "reconcile --app=a", "adopt --app=a --all", "pause --app=a", "resume --app=a", "retry example.com", "events", "quarantine", "healthy"} {
		got := command(t, env, "", strings.Fields(args)...)
		if got.code != exitUsage || got.out != "" || !strings.Contains(got.err, "pilotsync: PILOTSYNC_DRYRUN is not a setting; did you mean PILOTSYNC_DRY_RUN?") {
			t.Errorf("%s: %+v", args, got)
		}
	}
	for _, args := range []string{"version", "--help", "worker --help", "completion bash --code"} {
		if got := command(t, env, "", strings.Fields(args)...); got.code != exitDone || got.out == "" {
			t.Errorf("%s: %+v", args, got)
		}
	}
}

// What we ship mustn't be refused, and what the documents name must exist.
func TestShippedFilesNameKnownSettingsOnly(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	list, err := exec.Command("git", "-C", root, "ls-files", "*.md", "*.env", "*.yml", "*.yaml", "*.service", "*Dockerfile", "deployments", "enqueue/php/wordpress/src").Output()
	if err != nil {
		t.Skip("needs git, to list the files that are shipped: ", err)
	}
	known := append(settingNames(t), wpconfig.Constants()...)
	// PILOTSYNC_PAGE_… and the like would be matched up to the ellipsis only.
	name := regexp.MustCompile(`\b(?:PILOTSYNC|WU_SERVER_PILOT)_[A-Z0-9_]+`)
	files, found := 0, map[string]bool{}
	for _, file := range strings.Fields(string(list)) {
		if strings.HasSuffix(file, "_test.go") || strings.HasPrefix(file, "CHANGELOG") {
			continue
		}
		content, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		files++
		for _, n := range name.FindAllString(string(content), -1) {
			found[n] = true
			if !slices.Contains(known, n) {
				t.Errorf("%s names %s, which no command takes", file, n)
			}
		}
	}
	if files < 40 || len(found) < 25 {
		t.Errorf("%d names in %d files: the test tests nothing", len(found), files)
	}
}
