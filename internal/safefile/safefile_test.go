package safefile

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestReadIsBounded(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for _, test := range []struct {
		name string
		size int
		want error
	}{{"small", 5, nil}, {"full", MaxSize, nil}, {"more", MaxSize + 1, ErrTooLarge}} {
		name := filepath.Join(folder, test.name)
		if err := os.WriteFile(name, make([]byte, test.size), 0o600); err != nil {
			t.Fatal(err)
		}
		content, err := Read(name)
		if !errors.Is(err, test.want) || test.want == nil && len(content) != test.size {
			t.Errorf("%s: %d bytes, %v", test.name, len(content), err)
		}
		if err != nil && !strings.Contains(err.Error(), name) {
			t.Errorf("%s: the error is %v, and doesn't name the file", test.name, err)
		}
		if _, err := ReadAll(bytes.NewReader(make([]byte, test.size))); !errors.Is(err, test.want) {
			t.Errorf("%s from a stream: %v", test.name, err)
		}
	}
	for name, want := range map[string]error{"/dev/zero": ErrTooLarge, filepath.Join(folder, "none"): fs.ErrNotExist} {
		if _, err := Read(name); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
}

// It isn't parallel, since other tests' reads would see the signals.
func TestASignalEndsAReadThatWaits(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = out.Close() })
	survive := make(chan os.Signal, 1) // the test does
	signal.Notify(survive, os.Interrupt, syscall.SIGTERM)
	t.Cleanup(func() { signal.Stop(survive) })
	for name, read := range map[string]func() ([]byte, error){
		"a pipe that no process writes": func() ([]byte, error) { return Read(pipe) },
		"standard input":                func() ([]byte, error) { return ReadAll(in) },
	} {
		for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
			ended := make(chan error, 1)
			go func() {
				_, err := read()
				ended <- err
			}()
			tick, late := time.NewTicker(10*time.Millisecond), time.After(time.Minute)
			defer tick.Stop()
			for waiting := true; waiting; {
				select {
				case err := <-ended:
					if waiting = false; !errors.Is(err, ErrInterrupted) {
						t.Errorf("%s, %s: %v", name, sig, err)
					}
				case <-tick.C: // again: the first may come before the read begins
					if err := syscall.Kill(os.Getpid(), sig); err != nil {
						t.Fatal(err)
					}
				case <-late:
					t.Fatalf("%s: %s didn't end the read", name, sig)
				}
			}
		}
	}
}

func TestAPipeIsReadToItsEnd(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	go func() { _ = os.WriteFile(pipe, []byte("content"), 0o600) }()
	if content, err := Read(pipe); err != nil || string(content) != "content" {
		t.Errorf("%q, %v", content, err)
	}
}

func TestWriteFollowsNoLink(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	in := func(name string) string { return filepath.Join(folder, name) }
	if err := os.WriteFile(in("victim"), []byte("keep"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"link": "victim", "dangling": "made"} {
		if err := os.Symlink(in(target), in(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(in("folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		in("link"): "a symbolic link", in("dangling"): "a symbolic link", in("folder"): "a folder", "/dev/null": "a device or a pipe",
		filepath.Join(folder, "none", "file"): "no such file or directory",
	} {
		if err := Write(name, []byte("new"), 0o600); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", name, err, want)
		}
	}
	if kept, err := os.ReadFile(in("victim")); err != nil || string(kept) != "keep" {
		t.Errorf("the file behind the link holds %q, %v", kept, err)
	}
	left, err := os.ReadDir(folder)
	if err != nil || len(left) != 4 {
		t.Errorf("the folder has %v, %v; want what was there", left, err)
	}
}

func TestWriteReplacesAFileWithItsMode(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "file")
	for content, mode := range map[string]fs.FileMode{"first": 0o644, "second": 0o600} {
		if err := Write(name, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(name)
		info, statErr := os.Stat(name)
		if err != nil || statErr != nil || string(got) != content || info.Mode().Perm() != mode {
			t.Errorf("it holds %q with %v; want %q with %v (%v, %v)", got, info.Mode(), content, mode, err, statErr)
		}
	}
}
