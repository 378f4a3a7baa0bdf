package config

import (
	"os"
	"path/filepath"
	"testing"

	"pilotsync/test/harness"
)

func TestAKeyFileThatEveryUserCanReadIsExposed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		folder, file os.FileMode
		want         bool
	}{
		{0o755, 0o644, true}, {0o711, 0o604, true}, {0o755, 0o444, true},
		{0o755, 0o640, false}, {0o755, 0o600, false}, {0o750, 0o644, false}, {0o700, 0o644, false}, {0o744, 0o644, false},
	} {
		path := harness.KeyFile(t, test.folder, test.file, "key")
		if got := ExposedKeyFiles([]string{path, path}, nil); (len(got) == 1) != test.want {
			t.Errorf("%o in %o: %q", test.file, test.folder, got)
		}
		link := filepath.Join(filepath.Dir(filepath.Dir(path)), "link") // in an open folder, as Kubernetes has it
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		if got := ExposedKeyFiles([]string{link}, nil); (len(got) == 1) != test.want {
			t.Errorf("a link to %o in %o: %q", test.file, test.folder, got)
		}
		if got := ExposedKeyFiles([]string{path}, vars{"KUBERNETES_SERVICE_HOST": "10.0.0.1"}.Lookup); got != nil {
			t.Errorf("in Kubernetes: %q", got)
		}
	}
	if got := ExposedKeyFiles([]string{"/nowhere/key"}, nil); got != nil {
		t.Errorf("a file that isn't there: %q", got)
	}
}
