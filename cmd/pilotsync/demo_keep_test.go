package main

import (
	"bufio"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The commands that the demo prints are pasted as they are, in another folder.
func TestWhatTheDemoPrintsCanBePasted(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "a program's own") // a name that a shell takes apart
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	demo := exec.Command(binary, "demo", "--keep")
	out, err := demo.StdoutPipe()
	if err == nil {
		err = demo.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = demo.Process.Signal(syscall.SIGTERM)
		if err := demo.Wait(); err != nil {
			t.Errorf("the demo ended with: %v", err)
		}
	}()
	var script, page string
	begun := false
	for lines := bufio.NewScanner(out); page == "" && lines.Scan(); {
		line := lines.Text()
		begun = begun || strings.Contains(line, "Paste this")
		if command, ok := strings.CutPrefix(line, "  "); begun && ok {
			script += command + "\n"
		}
		_, page, _ = strings.Cut(line, "the ledger: ")
	}
	sh := exec.CommandContext(t.Context(), "sh", "-e")
	sh.Dir, sh.Env, sh.Stdin = t.TempDir(), []string{}, strings.NewReader(script)
	said, err := sh.CombinedOutput()
	if err != nil || !strings.Contains(string(said), "certificate valid") {
		t.Errorf("%v\n%s\nsaid:\n%s", err, script, said)
	}
	if body := get(t, page); !strings.Contains(body, "names, read") || strings.Contains(body, "list isn't shown") {
		t.Errorf("%s doesn't show ServerPilot's list:\n%s", page, body)
	}
}
