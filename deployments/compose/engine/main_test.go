// Package engine runs docker-compose.yml and the image in a real engine: dockerd, with Docker
// Compose built from its module, by the README's commands.
//
// No registry is used: the base images are made from this machine's programs. The test runs in
// namespaces of its own. So its containers, mounts, networks and ports are separate, and end with
// it even if it is killed.
package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	root = "../../.."
	// scratchVariable is set inside the namespaces, to the test's folder.
	scratchVariable = "PILOTSYNC_ENGINE_TEST"
	composeModule   = "github.com/docker/compose/v2/cmd"
)

func TestMain(m *testing.M) {
	if os.Getenv(scratchVariable) != "" {
		os.Exit(m.Run())
	}
	if err := enter(); err != nil {
		fmt.Fprintln(os.Stderr, "engine:", err)
		os.Exit(1)
	}
}

// enter runs the test binary again in namespaces of its own, after it has fetched what needs the
// network.
func enter() (err error) {
	if os.Getuid() != 0 {
		return errors.New("it takes root, to run an engine: sudo make compose")
	}
	for _, program := range []string{"dockerd", "docker", "busybox", "redis-server", "redis-cli", "prometheus", "php", "unshare", "ip"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%w: make setup installs it", err)
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	compose, err := output(ctx, ".", "go", "tool", "-n", composeModule)
	if err != nil {
		return err
	}
	if _, err := output(ctx, root, "go", "mod", "download"); err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("/var/tmp", "pilotsync-engine-")
	if err != nil {
		return err
	}
	defer func() {
		gone := func() error { return errors.Join(os.RemoveAll(scratch), removeCgroups(filepath.Base(scratch))) }
		left := gone()
		for deadline := time.Now().Add(time.Minute); left != nil && time.Now().Before(deadline); left = gone() {
			<-time.After(100 * time.Millisecond) // the last processes are still ending
		}
		err = errors.Join(err, left)
	}()
	plugins := filepath.Join(scratch, "docker", "cli-plugins")
	if err := os.MkdirAll(plugins, 0o755); err != nil {
		return err
	}
	if err := os.Symlink(compose, filepath.Join(plugins, "docker-compose")); err != nil {
		return err
	}
	// A shell is the first process: it waits for orphans. Another engine's containerd, below /run,
	// is hidden.
	args := append([]string{"--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc",
		"sh", "-ec", `mount -t tmpfs tmpfs /run; ip link set lo up; status=0; "$@" || status=$?; exit $status`, "sh", os.Args[0]}, os.Args[1:]...)
	runtime.LockOSThread() // Pdeathsig is about the thread
	cmd := exec.CommandContext(ctx, "unshare", args...)
	cmd.Env = append(os.Environ(), scratchVariable+"="+scratch)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd.Run()
}

func output(ctx context.Context, folder, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stderr = folder, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}

// removeCgroups removes the engine's control groups; the kernel keeps them after their processes
// end.
func removeCgroups(name string) error {
	var found []string
	err := filepath.WalkDir("/sys/fs/cgroup", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && strings.Contains(path, name) {
			found = append(found, path)
		}
		return nil
	})
	for _, path := range slices.Backward(found) { // the inner ones first
		err = errors.Join(err, os.Remove(path))
	}
	return err
}
