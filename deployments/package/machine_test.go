package package_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stepLimit is for what takes a second or two on an idle machine.
const stepLimit = 2 * time.Minute

// machine is a fresh Debian with systemd, in namespaces of its own. Its only network is loopback,
// with all ports free.
type machine struct {
	t    *testing.T
	root string
	init int // systemd's process id
}

// newMachine unpacks a Debian and boots it. It fails without root, since the test must install the
// package.
func newMachine(t *testing.T) *machine {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("needs root, to make a Debian and boot it: sudo make package")
	}
	m := &machine{t: t, root: filepath.Join(t.TempDir(), "debian")}
	if err := os.Mkdir(m.root, 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, "tar", "-C", m.root, "-xpf", debian(t))
	var said bytes.Buffer
	boot := exec.Command("testdata/boot.sh", m.root)
	boot.Stdout, boot.Stderr = &said, &said
	boot.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC | syscall.CLONE_NEWNET | syscall.CLONE_NEWCGROUP,
		Setsid:     true, Pdeathsig: syscall.SIGKILL,
	}
	runtime.LockOSThread() // the signal comes when the thread ends, not the process
	if err := boot.Start(); err != nil {
		t.Fatalf("start namespaces: %v", err)
	}
	m.init = boot.Process.Pid
	t.Cleanup(func() {
		_ = boot.Process.Kill() // and with it all of its processes
		_ = boot.Wait()
		runtime.UnlockOSThread()
		if t.Failed() {
			t.Logf("the machine said:\n%s", &said)
		}
	})
	m.await("systemd is up", "systemctl is-system-running", "running")
	return m
}

// sh runs a script in the machine and returns its output.
func (m *machine) sh(script string) (string, error) {
	ctx, cancel := context.WithTimeout(m.t.Context(), 2*stepLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "nsenter", "-t", fmt.Sprint(m.init), "-m", "-p", "-u", "-i", "-C", "-n", "--", "/bin/bash", "-c", script)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive"}
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// must is sh for a script that has to succeed.
func (m *machine) must(script string) string {
	m.t.Helper()
	out, err := m.sh(script)
	if err != nil {
		journal, _ := m.sh("journalctl --no-pager -o cat -n 30 -u 'pilotsync*' -u simulator")
		m.t.Fatalf("%s: %v\n%s\n\njournal:\n%s", script, err, out, journal)
	}
	return out
}

// await runs a script until its output contains want, whatever its exit code.
func (m *machine) await(what, script, want string) {
	m.t.Helper()
	for deadline := time.Now().Add(stepLimit); ; <-time.After(100 * time.Millisecond) {
		out, err := m.sh(script)
		if strings.Contains(out, want) {
			return
		}
		if time.Now().After(deadline) {
			m.t.Fatalf("%s: not within %s; %s: %v\n%s", what, stepLimit, script, err, out)
		}
	}
}

// put writes a file of the machine.
func (m *machine) put(path, content string, mode os.FileMode) {
	m.t.Helper()
	file := filepath.Join(m.root, path)
	if err := os.WriteFile(file, []byte(content), mode); err != nil {
		m.t.Fatal(err)
	}
	if err := os.Chmod(file, mode); err != nil {
		m.t.Fatal(err)
	}
}

// debian returns a .tar of a small Debian with what the package needs. It is made from the mirror
// of this machine's apt, and kept in the user's cache folder.
func debian(t *testing.T) string {
	t.Helper()
	suite := run(t, "sh", "-c", ". /etc/os-release && echo $VERSION_CODENAME")
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatalf("find the folder for caches, for the Debian that is kept there: %v", err)
	}
	// The plugin needs PHP and a database; WordPress itself is the host's.
	const packages = "ca-certificates,dbus,mariadb-client-core,mariadb-server-core,openssl,php-cli,php-mysql,php-redis,redis-server,systemd,systemd-sysv"
	file := filepath.Join(cache, "pilotsync", fmt.Sprintf("debian-%s-%s-2.tar", suite, runtime.GOARCH)) // a change of the packages needs another number
	if _, err := os.Stat(file); err == nil {
		return file
	}
	mirror := ""
	for line := range strings.Lines(run(t, "apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI)", "Identifier: Packages", "Component: main")) {
		if codename, uri, _ := strings.Cut(strings.TrimSpace(line), " "); codename == suite {
			mirror = uri
			break
		}
	}
	if mirror == "" {
		t.Fatalf("this machine's apt knows no mirror of Debian's %s, to make a fresh one from", suite)
	}
	began := time.Now()
	folder := filepath.Join(t.TempDir(), "fresh")
	run(t, "debootstrap", "--variant=minbase", "--include="+packages, suite, folder, mirror)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, "tar", "-C", folder, "-cf", file+".part", ".")
	if err := os.Rename(file+".part", file); err != nil {
		t.Fatal(err)
	}
	t.Logf("a fresh Debian took %s; it's kept in %s", time.Since(began).Round(time.Second), file)
	return file
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out[max(0, len(out)-4096):])
	}
	return strings.TrimSpace(string(out))
}
