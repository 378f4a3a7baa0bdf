package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pilotsync/internal/config"
	"pilotsync/internal/wpconfig"
	"pilotsync/test/harness"

	"github.com/alecthomas/kong"
)

const (
	secretWord = harness.Secret
	userFile   = harness.UserFile
)

type vars = harness.Variables

// account are the settings that a worker requires.
var account = harness.Account()

func TestAllWrongSettingsAreReportedAtOnce(t *testing.T) {
	t.Parallel()
	got := command(t, vars{"PILOTSYNC_TLS_PORT": "0", "REDIS_URL": "nonsense", "WU_SERVER_PILOT_API_KEY": "a " + secretWord}, "", "worker", "--www=x")
	lines := strings.Split(strings.TrimSpace(got.err), "\n")
	if got.code != exitUsage || len(lines) != 8 || lines[0] != "pilotsync: 6 settings are wrong:" {
		t.Errorf("exit code %d and %d lines:\n%s", got.code, len(lines), got.err)
	}
	for _, name := range []string{"WU_SERVER_PILOT_CLIENT_ID", "WU_SERVER_PILOT_API_KEY", "WU_SERVER_PILOT_APP_ID", "PILOTSYNC_WWW", "PILOTSYNC_TLS_PORT", "REDIS_URL"} {
		if strings.Count(got.err, "\n"+name+" (--") != 1 {
			t.Errorf("%s isn't there once:\n%s", name, got.err)
		}
	}
}

func TestSettingsDoNotPrintTheirSecrets(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"worker", "--apikey=" + secretWord},
		{"worker", "--api-key=" + secretWord, "--www=x"},
		{"worker", "--api-key=" + secretWord, "--no-such-flag"},
		{"worker", "--redis-url=redis://:" + secretWord + "@:x"},
		{"worker", "--redis-url=redis://h/0?pw=" + secretWord},
		{"worker", "redis://:" + secretWord + "@h/0"},
		{"worker", "--webhook-url=http://hooks.example.com/?token=" + secretWord},
		{"worker", "--webhook-url=hooks.example.com/T1/" + secretWord},
		{"worker", "--webhook-url=" + secretWord},
		{"worker", "--api-url=user:" + secretWord + "@api.example.com"},
		{"healthy", "--url=https://u:" + secretWord + "@h/" + secretWord},
		{"healthy", "--url=http://127.0.0.1:1/?token=" + secretWord},
		{"worker", "--webhook-secret=" + secretWord},
		{"worker", "--client-id=x:" + secretWord, "--help"},
		{"status", "--redis-url=http://:" + secretWord + "@h"},
		{"enqueue", "add", "example.com", "--app=a", "--redis-url=redis://u:" + secretWord + "@127.0.0.1:1/9"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			t.Parallel()
			got := command(t, vars{"WU_SERVER_PILOT_API_KEY": secretWord, "PILOTSYNC_WEBHOOK_SECRET": secretWord}, "", args...)
			if strings.Contains(got.out+got.err, secretWord) || got.out+got.err == "" {
				t.Errorf("exit code %d\n%s%s", got.code, got.out, got.err)
			}
		})
	}
}

// settingNames are the variables of all commands.
func settingNames(t *testing.T) []string {
	t.Helper()
	env := config.NewEnvironment(nil)
	if _, err := kong.New(&commands{}, env.Options()...); err != nil {
		t.Fatal(err)
	}
	return env.Names()
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

// Shipped settings must be accepted, and settings in documents must exist.
func TestShippedFilesNameKnownSettingsOnly(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	list, err := exec.Command("git", "-C", root, "ls-files", "*.md", "*.env", "*.yml", "*.yaml", "*.service", "*Dockerfile", "deployments", "enqueue/php/wordpress/src").Output()
	if err != nil {
		t.Skip("needs git, to list the files that are shipped: ", err)
	}
	known := append(settingNames(t), wpconfig.Constants()...)
	known = append(known, "PILOTSYNC_PLUGIN_FILE") // the plugin defines it itself
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
