// Package systemd_test checks the units with systemd's own tools, and their settings against the
// program. The package's tests run them under a real systemd.
package systemd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pilotsync/test/harness"
)

type unit struct{ file, command, settings string }

func units() []unit {
	return []unit{
		{"pilotsync@.service", "worker", "pilotsync.env"},
		{"pilotsync-web.service", "web", "pilotsync-web.env"},
	}
}

func analyze(t *testing.T, folder string, args ...string) {
	t.Helper()
	program, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("needs systemd-analyze on PATH, to check units as systemd does: ", err)
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "gnoring") {
		t.Errorf("systemd-analyze %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestSystemdTakesEachUnit(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for _, unit := range units() {
		// It needs the program, which isn't installed here.
		text := strings.ReplaceAll(read(t, unit.file), "/usr/bin/pilotsync", "/bin/sh")
		if err := os.WriteFile(filepath.Join(folder, unit.file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, unit := range units() {
		t.Run(unit.file, func(t *testing.T) {
			analyze(t, folder, "verify", "--man=no", filepath.Join(folder, unit.file))
		})
	}
}

func TestEachUnitIsHardened(t *testing.T) {
	t.Parallel()
	for _, unit := range units() {
		t.Run(unit.file, func(t *testing.T) {
			analyze(t, ".", "security", "--offline=true", "--no-pager", "--threshold=20", "./"+unit.file) // of 100
		})
	}
}

// A setting with another name, or of another command, would have no effect.
func TestEachSettingIsOneOfItsCommand(t *testing.T) {
	t.Parallel()
	program := harness.Program(t)
	for _, unit := range units() {
		text := read(t, unit.file)
		if !strings.Contains(text, "\nExecStart=/usr/bin/pilotsync "+unit.command+"\n") || !strings.Contains(text, "\nEnvironmentFile=/etc/pilotsync/"+unit.settings+"\n") {
			t.Errorf("%s doesn't run %q with %s", unit.file, unit.command, unit.settings)
		}
		help, err := exec.CommandContext(t.Context(), program, unit.command, "--help").Output()
		if err != nil {
			t.Fatalf("pilotsync %s --help: %v", unit.command, err)
		}
		known := map[string]bool{}
		for _, name := range regexp.MustCompile(`\$([A-Z_]+)`).FindAllStringSubmatch(string(help), -1) {
			known[name[1]] = true
		}
		var set []string
		for line := range strings.Lines(text) {
			if pairs, ok := strings.CutPrefix(strings.TrimSpace(line), "Environment="); ok {
				set = append(set, strings.Fields(pairs)...)
			}
		}
		// Those that are commented out must be valid, too.
		set = append(set, regexp.MustCompile(`(?m)^#?[A-Z_]+=`).FindAllString(read(t, unit.settings), -1)...)
		for _, pair := range set {
			name, _, _ := strings.Cut(strings.TrimPrefix(pair, "#"), "=")
			if !known[name] && name != "GOTRACEBACK" { // Go's own
				t.Errorf("%s is set for %s, which 'pilotsync %s' doesn't know", name, unit.file, unit.command)
			}
		}
		if len(set) < 3 || len(known) < 10 {
			t.Errorf("%s: %d settings are set, %d are known", unit.file, len(set), len(known))
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
