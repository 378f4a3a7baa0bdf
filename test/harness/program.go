// Package harness runs pilotsync, and what it needs, as processes. It builds the program once,
// starts processes, and waits for their output or for a state. All of them end with their test,
// even if the whole run is killed.
package harness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pilotsync/internal/simulator"
)

// Program returns the path of pilotsync, built from the source as it is. The go command
// builds it once for the tests of all packages, and keeps it in its cache. The environment
// variable HARNESS_PROGRAM names another build, such as one with the race detector.
func Program(t testing.TB) string {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var program = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("HARNESS_PROGRAM"); path != "" {
		return path, nil
	}
	out, err := exec.Command("go", "tool", "-n", "pilotsync").Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w\n%s", err, exit.Stderr)
		}
		return "", fmt.Errorf("build pilotsync: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
})

// Settings are the environment variables of a program that uses Redis at redisURL, and a simulator
// in place of ServerPilot, DNS and web servers. It writes the simulator's certificate authority
// into folder. Verifications are an hour away, the API has no rate limit, and no worker listens. Of
// two settings with one name, the last one counts.
func Settings(folder string, sim *simulator.Simulator, redisURL string, apps ...string) ([]string, error) {
	roots := filepath.Join(folder, "roots.pem")
	if err := os.WriteFile(roots, sim.CAPEM(), 0o600); err != nil {
		return nil, fmt.Errorf("write the simulator's certificate authority: %w", err)
	}
	return []string{
		"REDIS_URL=" + redisURL, "SERVERPILOT_API_URL=" + sim.APIURL(), "PILOTSYNC_API_RATE=0",
		"WU_SERVER_PILOT_CLIENT_ID=sim", "WU_SERVER_PILOT_API_KEY=sim-key", "WU_SERVER_PILOT_APP_ID=" + strings.Join(apps, ","),
		"PILOTSYNC_DNS=" + sim.DNSAddr(), fmt.Sprintf("PILOTSYNC_TLS_PORT=%d", sim.TLSPort()), "PILOTSYNC_TLS_ROOTS=" + roots,
		"PILOTSYNC_ALLOW_PRIVATE_ADDRESSES=on", "PILOTSYNC_LISTEN=off", "PILOTSYNC_SSL_DELAYS=1h",
	}, nil
}
