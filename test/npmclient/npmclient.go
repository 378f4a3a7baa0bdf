// Package npmclient runs npm's serverpilot, a client of ServerPilot's API that others wrote,
// against the simulator. Make's target setup installs it, as package-lock.json says.
package npmclient

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"pilotsync/internal/simulator"
)

// folder is this package's, as seen from the folder of each package in test.
const folder = "../npmclient"

// Command runs Node in this folder, with a client that calls a simulator with an account's
// credentials. It skips the test where Node or the client is missing.
func Command(t testing.TB, sim *simulator.Simulator, account simulator.Account, args ...string) *exec.Cmd {
	t.Helper()
	node, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(filepath.Join(folder, "node_modules/serverpilot"))
	}
	if err != nil {
		t.Skip("needs node, and npm's client in test/npmclient (make setup): ", err)
	}
	cmd := exec.CommandContext(t.Context(), node, append([]string{"--require", "./simulator.js"}, args...)...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "SERVERPILOT_API_URL="+sim.APIURL(), "SP_CLIENT_ID="+account.ClientID, "SP_API_KEY="+account.APIKey)
	return cmd
}
