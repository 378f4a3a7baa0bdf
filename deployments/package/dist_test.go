// Package package_test builds a release, and runs it in a Debian of its own.
package package_test

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"debug/elf"
	"debug/macho"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

const root = "../.." // of the project

// dist runs dist.sh of a copy of the project, with more variables.
func dist(t *testing.T, script string, env ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", script)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// released is a folder with a release.
func released(t *testing.T, version string, targets ...string) string {
	t.Helper()
	folder := t.TempDir()
	if out, err := dist(t, "dist.sh", "VERSION="+version, "SOURCE_DATE_EPOCH=1700000000", "DIST="+folder, "TARGETS="+strings.Join(targets, " ")); err != nil {
		t.Fatalf("dist.sh: %v\n%s", err, out)
	}
	return folder
}

// unpacked is the content of a .tar.gz, by name.
func unpacked(t *testing.T, file string) map[string][]byte {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zipped, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for archive := tar.NewReader(zipped); ; {
		header, err := archive.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.Uname+header.Gname != "" || header.Uid+header.Gid != 0 || header.ModTime.Unix() != 1700000000 {
			t.Errorf("%s is of user %d %q, time %s", header.Name, header.Uid, header.Uname, header.ModTime)
		}
		if files[header.Name], err = io.ReadAll(archive); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAReleaseIsWholeStaticAndTheSameFromAnotherFolder(t *testing.T) {
	t.Parallel()
	targets := []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64"}
	folder := released(t, "v1.2.3", targets...)
	sums, err := os.ReadFile(filepath.Join(folder, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	want := "pilotsync_1.2.3_amd64.deb pilotsync_1.2.3_arm64.deb pilotsync_1.2.3_darwin_amd64.tar.gz pilotsync_1.2.3_darwin_arm64.tar.gz pilotsync_1.2.3_linux_amd64.tar.gz pilotsync_1.2.3_linux_arm64.tar.gz"
	var names []string
	for line := range strings.Lines(string(sums)) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		content, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%x", sha256.Sum256(content)); got != sum {
			t.Errorf("%s has the sum %s; SHA256SUMS has %s", name, got, sum)
		}
		names = append(names, name)
	}
	if got := strings.Join(names, " "); got != want {
		t.Errorf("the release has %s\nwant %s", got, want)
	}

	for _, target := range targets {
		system, arch, _ := strings.Cut(target, "/")
		name := "pilotsync_1.2.3_" + system + "_" + arch
		files := unpacked(t, filepath.Join(folder, name+".tar.gz"))
		for _, file := range []string{"LICENSE", "README.md", "CHANGELOG.md", "man/pilotsync-worker.1", "deployments/wordpress/pilotsync.zip", "completions/pilotsync.bash", "completions/pilotsync.fish", "completions/_pilotsync"} {
			if text := string(files[name+"/"+file]); text == "" || strings.HasPrefix(file, "completions") && strings.ContainsAny(strings.Replace(text, "/dev/null", "", 1), "/") {
				t.Errorf("%s: %s is %q", name, file, text)
			}
		}
		program := filepath.Join(t.TempDir(), "pilotsync")
		if err := os.WriteFile(program, files[name+"/pilotsync"], 0o700); err != nil {
			t.Fatal(err)
		}
		if system == "darwin" {
			file, err := macho.Open(program)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			} else if cpu := map[string]macho.Cpu{"amd64": macho.CpuAmd64, "arm64": macho.CpuArm64}[arch]; file.Cpu != cpu {
				t.Errorf("%s is for %s", name, file.Cpu)
			}
			continue
		}
		isStatic(t, name, program, map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[arch])
		if system == runtime.GOOS && arch == runtime.GOARCH {
			if out, err := exec.CommandContext(t.Context(), program, "version").CombinedOutput(); !strings.HasPrefix(string(out), "pilotsync v1.2.3 (") || err != nil {
				t.Errorf("%s says %q, %v", name, out, err)
			}
		}
	}

	t.Run("the package has what an installation needs, and its links resolve", func(t *testing.T) { hasWhatAnInstallationNeeds(t, folder) })

	elsewhere := filepath.Join(t.TempDir(), "another")
	copyTracked(t, elsewhere)
	second := t.TempDir()
	if out, err := dist(t, filepath.Join(elsewhere, "deployments/package/dist.sh"),
		"VERSION=v1.2.3", "SOURCE_DATE_EPOCH=1700000000", "DIST="+second, "TARGETS=linux/"+runtime.GOARCH); err != nil {
		t.Fatalf("dist.sh of a copy without a repository: %v\n%s", err, out)
	}
	again, err := os.ReadFile(filepath.Join(second, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(again), "\n"); n != 2 {
		t.Errorf("for one target there are %d files", n)
	}
	for line := range strings.Lines(string(again)) {
		if !strings.Contains(string(sums), line) {
			t.Errorf("built elsewhere there is %snot in\n%s", line, sums)
		}
	}
}

func isStatic(t *testing.T, name, program string, machine elf.Machine) {
	t.Helper()
	file, err := elf.Open(program)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	defer file.Close()
	libraries, _ := file.ImportedLibraries() // an error says that there is no table of them
	interpreted := slices.ContainsFunc(file.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC })
	if file.Machine != machine || len(libraries) > 0 || interpreted {
		t.Errorf("%s is for %s, needs %v, has an interpreter: %v", name, file.Machine, libraries, interpreted)
	}
}

// copyTracked copies the repository's files with their present content.
func copyTracked(t *testing.T, to string) {
	t.Helper()
	list := exec.CommandContext(t.Context(), "git", "ls-files", "-z")
	list.Dir = root
	names, err := list.Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(names), "\x00"), "\x00") {
		from, target := filepath.Join(root, name), filepath.Join(to, name)
		info, err := os.Stat(from)
		if os.IsNotExist(err) { // deleted, but not committed yet
			continue
		}
		var content []byte
		if err == nil {
			content, err = os.ReadFile(from)
		}
		if err == nil {
			err = os.MkdirAll(filepath.Dir(target), 0o755)
		}
		if err == nil {
			err = os.WriteFile(target, content, info.Mode()&fs.ModePerm)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestDebianSortsVersionsAsTheyFollowOneAnother(t *testing.T) {
	t.Parallel()
	before := ""
	for _, c := range []struct{ version, want string }{
		{"0ab12cd", "0~git20231114.0ab12cd"},
		{"e06aac6-dirty", "0~git20231114.e06aac6+dirty"},
		{"v0.9.0-rc.1", "0.9.0~rc.1"},
		{"v0.9.0-rc.1-2-gabc1234", "0.9.0~rc.1+2.gabc1234"},
		{"v0.9.0", "0.9.0"},
		{"0.9.0-5-gabc1234", "0.9.0+5.gabc1234"},
		{"v0.9.0-5-gabc1234-dirty", "0.9.0+5.gabc1234+dirty"},
		{"v0.10.0", "0.10.0"},
	} {
		cmd := exec.CommandContext(t.Context(), "sh", "dist.sh", "debian-version")
		cmd.Env = append(os.Environ(), "VERSION="+c.version, "SOURCE_DATE_EPOCH=1700000000")
		out, err := cmd.CombinedOutput()
		got := strings.TrimSpace(string(out))
		if got != c.want || err != nil {
			t.Errorf("%s becomes %q, %v; want %s", c.version, got, err, c.want)
		}
		if err := exec.CommandContext(t.Context(), "dpkg", "--compare-versions", got, "gt", before).Run(); before != "" && err != nil {
			t.Errorf("%s isn't later than %s to dpkg: %v", got, before, err)
		}
		before = got
	}
	for _, wrong := range []string{"1.2", "latest", "v1.2.3; true", "v1.2.3+x"} {
		if out, err := dist(t, "dist.sh", "VERSION="+wrong, "DIST="+t.TempDir()); err == nil || !strings.Contains(out, wrong) || !strings.Contains(out, "it takes v1.2.3") {
			t.Errorf("VERSION=%s: %v, %s", wrong, err, out)
		}
	}
}
