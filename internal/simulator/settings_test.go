package simulator

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestAShellReadsAQuotedValueAsItIs(t *testing.T) {
	t.Parallel()
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("needs a shell: ", err)
	}
	for _, value := range []string{"", "plain", "a b", "it's", `"$HOME" \ $(id)` + "`id`", "a\nb", "*", "~", "#"} {
		out, err := exec.CommandContext(t.Context(), sh, "-c", "printf '%s' "+ShellQuote(value)).Output()
		if err != nil || string(out) != value {
			t.Errorf("%q is read as %q (%v)", value, out, err)
		}
	}
}

func TestWriteFileRemovesOnlyATemporaryFile(t *testing.T) {
	t.Parallel()
	given := filepath.Join(t.TempDir(), "ca.pem")
	for _, path := range []string{given, ""} {
		name, remove, err := WriteFile(path, "the authority", "ca-*.pem", []byte("pem"), 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if content, err := os.ReadFile(name); string(content) != "pem" || path != "" && name != path {
			t.Errorf("%s has %q (%v)", name, content, err)
		}
		if err := remove(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) != (path == "") {
			t.Errorf("after its removal %s: %v", name, err)
		}
	}
	_, _, err := WriteFile(filepath.Join(given, "below"), "the authority", "", nil, 0o600)
	if err == nil || !strings.Contains(err.Error(), "write the authority") {
		t.Errorf("below a file: %v", err)
	}
}
