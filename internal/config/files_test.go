package config

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestAFileOfTheSettingsThatChangedInAnyWayIsFound(t *testing.T) {
	t.Parallel()
	do := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, change := range map[string]func(t *testing.T, folder, file string){
		"written in place": func(t *testing.T, _, file string) { do(t, os.WriteFile(file, []byte("new"), 0o600)) },
		"replaced by rename": func(t *testing.T, folder, file string) {
			do(t, os.WriteFile(folder+"/next", []byte("new"), 0o600))
			do(t, os.Rename(folder+"/next", file))
		},
		"Kubernetes' swap of ..data": func(t *testing.T, folder, _ string) {
			do(t, os.Mkdir(folder+"/..2", 0o700))
			do(t, os.WriteFile(folder+"/..2/key", []byte("new"), 0o600))
			do(t, os.Symlink("..2", folder+"/..data_tmp"))
			do(t, os.Rename(folder+"/..data_tmp", folder+"/..data"))
		},
		"removed": func(t *testing.T, _, file string) { do(t, os.Remove(file)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			do(t, os.Mkdir(folder+"/..1", 0o700))
			do(t, os.WriteFile(folder+"/..1/key", []byte("old"), 0o600))
			do(t, os.Symlink("..1", folder+"/..data"))
			do(t, os.Symlink("..data/key", folder+"/key"))
			file := folder + "/key"
			f := NewFiles()
			if _, err := f.ReadFile(file); err != nil {
				t.Fatal(err)
			}
			is := func(when string, want ...string) {
				t.Helper()
				if got := f.Changed(); !slices.Equal(got, want) {
					t.Errorf("%s: changed are %q, want %q", when, got, want)
				}
			}
			is("as it was read")
			is("still as it was read")
			change(t, folder, file)
			is("just changed: it may be half written")
			is("it rests", file)
			is("it was not read again", file)
			f.Reset()
			_, _ = f.ReadFile(file)
			is("read again, wrong or right")
			is("read again, wrong or right")
		})
	}
}

// An editor that removes the file and writes it again, with the same content.
func TestAFileThatIsMissingForAMomentIsNoChange(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "key")
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("old")
	f := NewFiles()
	_, _ = f.ReadFile(file)
	for i, step := range []func(){func() { _ = os.Remove(file) }, func() { write("") }, func() { write("o") }, func() { write("old") }, func() {}} {
		step()
		if got := f.Changed(); len(got) > 0 {
			t.Errorf("step %d: changed are %q", i, got)
		}
	}
}

// A file that can't be read at the start may be there later.
func TestAFileThatComesLaterIsAChange(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "key")
	f := NewFiles()
	if _, err := f.ReadFile(file); !os.IsNotExist(err) {
		t.Fatalf("the error is %v, want %v", err, fs.ErrNotExist)
	}
	if err := os.WriteFile(file, []byte("key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := f.Changed(); len(got) > 0 {
		t.Errorf("at the first poll: %q", got)
	}
	if got := f.Changed(); !slices.Equal(got, []string{file}) {
		t.Errorf("then: %q", got)
	}
}

// Such as --api-key-file=<(secret-tool …): a second read would wait for ever.
func TestAPipeIsReadOnceAndNeverPolled(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	go func() { _ = os.WriteFile(pipe, []byte("key"), 0o600) }()
	f := NewFiles()
	for range 2 {
		content, err := f.ReadFile(pipe)
		if err != nil || strings.TrimSpace(string(content)) != "key" {
			t.Errorf("got %q, %v", content, err)
		}
		if got := f.Changed(); len(got) > 0 {
			t.Errorf("changed: %q", fmt.Sprint(got))
		}
		f.Reset()
	}
}
