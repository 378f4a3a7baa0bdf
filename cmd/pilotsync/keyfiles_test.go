package main

import (
	"strings"
	"testing"

	"pilotsync/internal/doctor"
	"pilotsync/test/harness"
)

func TestWorkerAndDoctorWarnOfAnExposedKeyFile(t *testing.T) {
	t.Parallel()
	env, _ := simulated(t)
	delete(env, "WU_SERVER_PILOT_API_KEY")
	env["WU_SERVER_PILOT_API_KEY_FILE"] = harness.KeyFile(t, 0o755, 0o644, "sim-key\n")
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
	config := harness.KeyFile(t, 0o755, 0o644, "accounts: [{client_id: sim, api_key: sim-key, apps: [app1]}]")
	results, _ = examined(t, env.With(vars{"PILOTSYNC_CONFIG": config}))
	if got := of(results, doctor.CheckSettings); len(got) != 2 || !strings.Contains(got[1], config) {
		t.Errorf("the doctor says %q", got)
	}
}
