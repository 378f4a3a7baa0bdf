//go:build adversary

package adversary

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pilotsync/internal/simulator"
	"pilotsync/test/harness"
)

// The memory limit ends a command that reads without a bound.
func TestACommandsInputIsBounded(t *testing.T) {
	t.Parallel()
	f := newFixture(t, simulator.Options{})
	f.worker()
	for _, device := range []string{"/dev/zero", "/dev/urandom"} {
		for _, args := range [][]string{
			{"enqueue", "add", "--app=app1", "--file=" + device}, {"enqueue", "remove", "--app=app1", "--yes", "--file=" + device},
			{"adopt", "--app=app1", "--file=" + device}, {"worker", "--api-key-file=" + device}, {"web", "--auth=" + device},
			{"status", "--redis-url-file=" + device}, {"doctor", "--config=" + device}, {"doctor", "--wp-config=" + device},
			{"passwords", "make", "--folder=" + t.TempDir(), "--acl=" + device}, {"simulate", "--ca-file=" + device},
			{"status", "--redis-url=rediss://u:p@127.0.0.1:1/0?ca_file=" + device},
		} {
			// The fixture's own settings would compete with the files.
			code, output := f.run([]string{"WU_SERVER_PILOT_API_KEY=", "REDIS_URL="}, args...)
			if args[0] == "enqueue" || args[0] == "adopt" {
				code, output = f.run(nil, args...)
			}
			if code <= 0 || !strings.Contains(output, "the most that is read") {
				t.Errorf("%s ends with %d: %.500s", args, code, output)
			}
		}
	}
	f.requireService()
}

func TestACommandWritesThroughNoLink(t *testing.T) {
	t.Parallel()
	f := newFixture(t, simulator.Options{})
	f.worker()
	folder := t.TempDir()
	victim := filepath.Join(folder, "victim")
	for _, link := range []string{"ca.pem", "other.pem.key"} {
		if err := os.Symlink(victim, filepath.Join(folder, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"ca.pem", "other.pem"} {
		if code, output := f.run(nil, "simulate", "--ca-file="+filepath.Join(folder, name)); code != 1 || !strings.Contains(output, "this is a symbolic link") {
			t.Errorf("--ca-file=%s ends with %d: %.500s", name, code, output)
		}
		if _, err := os.Lstat(victim); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("--ca-file=%s wrote to where the link leads", name)
		}
	}
	f.requireService()
}

func TestNoErrorShowsAURLsSecrets(t *testing.T) {
	t.Parallel()
	f := newFixture(t, simulator.Options{})
	f.worker()
	for _, args := range [][]string{
		{"worker", "--webhook-url=http://hooks.example.com/hunter2?token=hunter2"}, {"worker", "--webhook-url=hooks.example.com/hunter2"},
		{"status", "--redis-url=redis://u:hunter2@127.0.0.1:1/0"}, {"status", "--redis-url=redis://h/0?pw=hunter2"}, {"worker", "https://u:hunter2@h/?hunter2"},
		{"healthy", "--url=http://127.0.0.1:1/?hunter2"},
	} {
		if code, output := f.run(nil, args...); code == 0 || strings.Contains(output, "hunter2") || output == "" {
			t.Errorf("%s ends with %d: %s", args, code, output)
		}
	}
	f.requireService()
}

func TestAnIPv4AddressIsNotServedOverIPv6(t *testing.T) {
	t.Parallel()
	if l, err := net.Listen("tcp6", "[::1]:0"); err != nil {
		t.Skip("this machine has no IPv6")
	} else {
		l.Close()
	}
	f := newFixture(t, simulator.Options{})
	f.worker()
	_, port, err := net.SplitHostPort(f.address())
	if err != nil {
		t.Fatal(err)
	}
	f.web(harness.UserFile, "PILOTSYNC_LISTEN=0.0.0.0:"+port)
	for host, want := range map[string]bool{"127.0.0.1": true, "::1": false} {
		conn, err := net.Dial("tcp", net.JoinHostPort(host, port))
		if (err == nil) != want {
			t.Errorf("0.0.0.0 answers at %s: %v", host, err)
		}
		if err == nil {
			conn.Close()
		}
	}
	f.requireService()
}
