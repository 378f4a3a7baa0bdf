package upgrade

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	redislog "github.com/redis/go-redis/v9/logging"
)

// built are the programs under test, made once for all tests.
var built struct {
	present, previous, next string // paths of programs
	source                  string // folder with the source of the previous release
	noPrevious              error  // why there is none
}

func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		os.Exit(m.Run()) // all tests skip
	}
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	folder, err := os.MkdirTemp("", "pilotsync-upgrade-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	redislog.Disable()
	if err := buildAll(folder); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func buildAll(folder string) error {
	root, err := filepath.Abs("../..")
	if err != nil {
		return err
	}
	built.present, built.previous, built.next = filepath.Join(folder, "present"), filepath.Join(folder, "previous"), filepath.Join(folder, "next")
	built.source = filepath.Join(folder, "source")
	if err := build(root, built.present); err != nil {
		return fmt.Errorf("build the present state: %w", err)
	}
	overlay, err := laterVersion(root, folder)
	if err != nil {
		return err
	}
	if err := build(root, built.next, "-overlay", overlay); err != nil {
		return fmt.Errorf("build a release to come: %w", err)
	}
	release, commit, err := previousRelease(root)
	if err != nil {
		return err
	}
	if built.noPrevious = unpack(root, commit, built.source); built.noPrevious != nil {
		return nil
	}
	// With -trimpath the build cache serves each new folder.
	if err := build(built.source, built.previous, "-trimpath"); err != nil {
		return fmt.Errorf("build release %s: %w", release, err)
	}
	return nil
}

func build(source, program string, flags ...string) error {
	cmd := exec.Command("go", append(append([]string{"build", "-o", program}, flags...), "./cmd/pilotsync")...)
	cmd.Dir = source
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// laterVersion returns an overlay for go build, by which the program reads and writes a
// later version of payloads than any there is.
func laterVersion(root, folder string) (overlay string, err error) {
	file := filepath.Join(root, "tasks/version.go")
	source, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	versions := regexp.MustCompile(`(?m)^\t(maxReadVersion|writeVersion) +=.*$`)
	if n := len(versions.FindAll(source, -1)); n != 2 {
		return "", fmt.Errorf("%s defines %d of the two versions, maxReadVersion and writeVersion", file, n)
	}
	later := versions.ReplaceAll(source, []byte("\t$1 = 1000"))
	replaced, overlay := filepath.Join(folder, "version.go"), filepath.Join(folder, "overlay.json")
	content, err := json.Marshal(map[string]map[string]string{"Replace": {file: replaced}})
	if err != nil {
		return "", err
	}
	return overlay, errors.Join(os.WriteFile(replaced, later, 0o600), os.WriteFile(overlay, content, 0o600))
}

// previousRelease is the last one in the list of releases' commits.
func previousRelease(root string) (release, commit string, err error) {
	file := filepath.Join(root, "worker/testdata/releases/commits.txt")
	list, err := os.ReadFile(file)
	if err != nil {
		return "", "", err
	}
	for line := range strings.Lines(string(list)) {
		if fields := strings.Fields(line); len(fields) == 2 {
			release, commit = fields[0], fields[1]
		}
	}
	if commit == "" {
		return "", "", fmt.Errorf("%s names no release; it takes lines such as: 0.1.0 COMMIT", file)
	}
	return release, commit, nil
}

// unpack puts the source as of a commit into a new folder. Its error says what to do.
func unpack(root, commit, folder string) error {
	git := func(args ...string) ([]byte, error) {
		cmd := exec.Command("git", append([]string{"-C", root}, args...)...)
		var says bytes.Buffer
		cmd.Stderr = &says
		out, err := cmd.Output()
		if err != nil {
			err = fmt.Errorf("git %s: %w\n%s", args[0], err, says.Bytes())
		}
		return out, err
	}
	if _, err := git("rev-parse", "--git-dir"); err != nil {
		return fmt.Errorf("needs the repository with its history, and git: %w", err)
	}
	if _, err := git("cat-file", "-e", commit+"^{commit}"); err != nil {
		shallow, _ := git("rev-parse", "--is-shallow-repository")
		if strings.TrimSpace(string(shallow)) == "true" {
			return fmt.Errorf("needs commit %s, which this shallow clone lacks: git fetch --unshallow", commit)
		}
		return fmt.Errorf("needs commit %s, which isn't in this repository", commit)
	}
	archive, err := git("archive", "--format=tar", commit)
	if err != nil {
		return err
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		return err
	}
	tar := exec.Command("tar", "-x", "-C", folder)
	tar.Stdin = bytes.NewReader(archive)
	if out, err := tar.CombinedOutput(); err != nil {
		return fmt.Errorf("unpack commit %s: %w\n%s", commit, err, out)
	}
	return nil
}
