package enqueue

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// phpBinary is the path of a php with the extensions that the tests need.
type phpBinary string

// requirePHP skips the test if PHP or one of its extensions is missing.
func requirePHP(t testing.TB) phpBinary {
	t.Helper()
	binary, err := exec.LookPath("php")
	if err != nil {
		t.Skip("needs php on PATH (Debian: php-cli, php-redis, php-intl): ", err)
	}
	out, err := exec.Command(binary, "-m").Output()
	if err != nil {
		t.Fatalf("php -m: %v", err)
	}
	modules := strings.Fields(strings.ToLower(string(out)))
	have := map[string]bool{}
	for _, m := range modules {
		have[m] = true
	}
	for _, m := range []string{"redis", "intl", "json"} {
		if !have[m] {
			t.Skipf("needs PHP's extension %s (Debian: php-%s)", m, m)
		}
	}
	return phpBinary(binary)
}

// command returns a script of the PHP tests with its arguments, and in as JSON on stdin.
func (p phpBinary) command(t testing.TB, in any, script string, args ...string) *exec.Cmd {
	t.Helper()
	stdin, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), string(p), append([]string{filepath.Join("php/tests/scripts", script)}, args...)...)
	cmd.Stdin = bytes.NewReader(stdin)
	return cmd
}

// run runs a script and decodes its output from JSON into out.
func (p phpBinary) run(t testing.TB, in, out any, script string, args ...string) {
	t.Helper()
	cmd := p.command(t, in, script, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", script, err, stdout, stderr.String())
	}
	if err := json.Unmarshal(stdout, out); err != nil {
		t.Fatalf("%s printed: %v\n%.2000s", script, err, stdout)
	}
}
