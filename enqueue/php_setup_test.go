package enqueue

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// phpBinary is a php that has what the library is tested with.
type phpBinary string

// lookPHP skips the test where something of PHP is missing, and says what.
func lookPHP(t testing.TB) phpBinary {
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

// command is a script of the PHP tests with its arguments; its input is in as JSON.
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

// run reads what the script printed as JSON into out.
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
