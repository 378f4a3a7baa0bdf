//go:build adversary

package adversary

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"pilotsync/test/harness"
)

// The smallest limits of docker-compose.yml, deployments/kubernetes and deployments/systemd.
const (
	workerMemory = 256 << 20
	webMemory    = 256 << 20
)

// limited returns a command in a control group of its own, which the kernel kills beyond a limit of
// memory in bytes, as it does in a container or under systemd.
func limited(t testing.TB, memory int64, program string, args ...string) *exec.Cmd {
	t.Helper()
	group, err := memoryGroup(t.TempDir(), memory)
	if err != nil {
		t.Skip("needs root and a control group for memory, to run workers under their limit: ", err)
	}
	t.Cleanup(func() { // after the process has ended, since harness.Start comes later
		if err := os.Remove(group); err != nil {
			t.Error(err)
		}
	})
	return exec.Command("/bin/sh", append([]string{"-c", `echo $$ >"$0/cgroup.procs" && exec "$@"`, group, program}, args...)...)
}

// memoryGroup makes a control group named after a folder of the test.
func memoryGroup(unique string, memory int64) (string, error) {
	name := "pilotsync-adversary-" + strconv.Itoa(os.Getpid()) + strings.ReplaceAll(unique, "/", "-")
	name = name[:min(len(name), 255)]
	parent, limit := "/sys/fs/cgroup", "memory.max"
	if _, err := os.Stat(filepath.Join(parent, "cgroup.controllers")); errors.Is(err, fs.ErrNotExist) { // version 1
		parent, limit = filepath.Join(parent, "memory"), "memory.limit_in_bytes"
	}
	group := filepath.Join(parent, name)
	if err := os.Mkdir(group, 0o755); err != nil {
		return "", fmt.Errorf("make a control group: %w", err)
	}
	if err := os.WriteFile(filepath.Join(group, limit), []byte(strconv.FormatInt(memory, 10)), 0o644); err != nil {
		return "", errors.Join(fmt.Errorf("limit the memory of a control group: %w", err), os.Remove(group))
	}
	return group, nil
}

func TestTheMemoryLimitHoldsForProcesses(t *testing.T) {
	t.Parallel()
	// dd takes as much memory as one block has.
	for block, want := range map[string]int{"block=64M": 0, "block=512M": -1} {
		cmd := limited(t, workerMemory, "dd", "if=/dev/zero", "of=/dev/null", "count=1", strings.Replace(block, "block", "bs", 1))
		if code := harness.Start(t, cmd).Wait(); code != want {
			t.Errorf("dd with %s under %d bytes ends with %d, want %d", block, workerMemory, code, want)
		}
	}
}
