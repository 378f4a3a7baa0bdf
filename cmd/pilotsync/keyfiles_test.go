package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pilotsync/internal/doctor"
)

// keyFile makes a file in a folder, with their modes, below folders that all users may pass.
func keyFile(t *testing.T, folder, file os.FileMode, content string) string {
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

func TestAKeyFileThatEveryUserCanReadIsExposed(t *testing.T) {
	t.Parallel()
	s := &streams{LookupEnv: vars{}.lookup}
	for _, test := range []struct {
		folder, file os.FileMode
		want         bool
	}{
		{0o755, 0o644, true}, {0o711, 0o604, true}, {0o755, 0o444, true},
		{0o755, 0o640, false}, {0o755, 0o600, false}, {0o750, 0o644, false}, {0o700, 0o644, false}, {0o744, 0o644, false},
	} {
		path := keyFile(t, test.folder, test.file, "key")
		if got := s.exposed([]string{path, path}); (len(got) == 1) != test.want {
			t.Errorf("%o in %o: %q", test.file, test.folder, got)
		}
		link := filepath.Join(filepath.Dir(filepath.Dir(path)), "link") // in an open folder, as Kubernetes has it
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		if got := s.exposed([]string{link}); (len(got) == 1) != test.want {
			t.Errorf("a link to %o in %o: %q", test.file, test.folder, got)
		}
		kubernetes := &streams{LookupEnv: vars{"KUBERNETES_SERVICE_HOST": "10.0.0.1"}.lookup}
		if got := kubernetes.exposed([]string{path}); got != nil {
			t.Errorf("in Kubernetes: %q", got)
		}
	}
	if got := s.exposed([]string{"/nowhere/key"}); got != nil {
		t.Errorf("a file that isn't there: %q", got)
	}
}

func TestWorkerAndDoctorWarnOfAnExposedKeyFile(t *testing.T) {
	t.Parallel()
	env, _ := simulated(t)
	delete(env, "WU_SERVER_PILOT_API_KEY")
	env["WU_SERVER_PILOT_API_KEY_FILE"] = keyFile(t, 0o755, 0o644, "sim-key\n")
	want := "every user of this machine can read " + env["WU_SERVER_PILOT_API_KEY_FILE"] + ", which holds a key or password (its mode is 0644)"
	w := startWorker(t, env)
	w.logged("(can read " + env["WU_SERVER_PILOT_API_KEY_FILE"] + ", which holds a key)")
	w.stop()
	results, _ := examined(t, env)
	if got := of(results, doctor.CheckSettings); len(got) != 2 || got[1] != "warning: "+want {
		t.Errorf("the doctor says %q", got)
	}

	// A key in PILOTSYNC_CONFIG itself counts, and so does a webhook's secret.
	delete(env, "WU_SERVER_PILOT_API_KEY_FILE")
	config := keyFile(t, 0o755, 0o644, "accounts: [{client_id: sim, api_key: sim-key, apps: [app1]}]")
	results, _ = examined(t, env.with(vars{"PILOTSYNC_CONFIG": config}))
	if got := of(results, doctor.CheckSettings); len(got) != 2 || !strings.Contains(got[1], config) {
		t.Errorf("the doctor says %q", got)
	}
}
