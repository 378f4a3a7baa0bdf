package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pilotsync/test/harness"
)

// The test pastes the commands that the demo prints, in another folder.
func TestWhatTheDemoPrintsCanBePasted(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "a program's own") // a name that a shell splits
	content, err := os.ReadFile(harness.Program(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(binary, content, 0o700); err != nil {
		t.Fatal(err)
	}
	demo := harness.Start(t, exec.Command(binary, "demo", "--keep"))
	printed := ""
	harness.Await(t, "the demo prints the dashboard's address", func() error {
		var isWhole bool
		printed = demo.Written()
		if _, rest, found := strings.Cut(printed, "the ledger: "); found {
			_, _, isWhole = strings.Cut(rest, "\n")
		}
		if !isWhole {
			return errors.New("it hasn't")
		}
		return nil
	})
	var script, page string
	started := false
	for line := range strings.Lines(printed) {
		started = started || strings.Contains(line, "Paste this")
		if command, ok := strings.CutPrefix(line, "  "); started && ok {
			script += command
		}
		if _, address, ok := strings.Cut(line, "the ledger: "); ok {
			page = strings.TrimSpace(address)
			break
		}
	}
	sh := exec.CommandContext(t.Context(), "sh", "-e")
	sh.Dir, sh.Env, sh.Stdin = t.TempDir(), []string{}, strings.NewReader(script)
	said, err := sh.CombinedOutput()
	if err != nil || !strings.Contains(string(said), "certificate valid") {
		t.Errorf("%v\n%s\nsaid:\n%s", err, script, said)
	}
	if body := harness.Page(t, page); !strings.Contains(body, "names, read") || strings.Contains(body, "list isn't shown") {
		t.Errorf("%s doesn't show ServerPilot's list:\n%s", page, body)
	}
	if code := demo.Terminate(); code != 0 {
		t.Errorf("the demo ended with %d", code)
	}
}
