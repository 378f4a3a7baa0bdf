package harness

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// Page returns the body at a URL. Its connection isn't kept, so a server that stops doesn't
// wait for it.
func Page(t testing.TB, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// KeyFile makes a file in a folder, with their modes, below folders that all users may pass.
func KeyFile(t testing.TB, folder, file os.FileMode, content string) string {
	t.Helper()
	top := t.TempDir()
	if err := os.Chmod(filepath.Dir(top), 0o755); err != nil { // package testing makes it for its user alone
		t.Fatal(err)
	}
	path := filepath.Join(top, "keys", "key")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{path: file, filepath.Dir(path): folder} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	return path
}
