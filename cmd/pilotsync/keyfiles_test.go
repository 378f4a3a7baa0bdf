package main

import (
	"os"
	"path/filepath"
	"pilotsync/internal/doctor"
	"strings"
	"testing"
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
