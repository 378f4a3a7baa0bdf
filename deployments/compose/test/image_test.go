package test

import (
	"debug/elf"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

const dockerfile = root + "/deployments/image/Dockerfile"

// stages are the Dockerfile's two, as BuildKit reads it, without a warning of its linter.
func stages(t *testing.T) (build, final instructions.Stage) {
	t.Helper()
	file, err := os.Open(dockerfile)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	parsed, err := parser.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range parsed.Warnings {
		t.Errorf("Dockerfile: %s", w.Short)
	}
	warn := func(rule, _, _, text string, at []parser.Range) { t.Errorf("Dockerfile, %v: %s: %s", at, rule, text) }
	all, args, err := instructions.Parse(parsed.AST, linter.New(&linter.Config{Warn: warn}))
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 2 || len(args) > 0 {
		t.Fatalf("there are %d stages and the arguments %v before them; the tests know two and none", len(all), args)
	}
	return all[0], all[1]
}

// buildImage builds the image in a folder, without an engine: from the files that
// .dockerignore leaves, by the Dockerfile's own commands, and with nothing in it that isn't copied
// there. What the Dockerfile does beyond what is known here is a failure.
func buildImage(t *testing.T, folder, version string) {
	t.Helper()
	build, final := stages(t)
	source, made := t.TempDir(), t.TempDir()
	copyContext(t, source)
	env := append(os.Environ(), "TARGETOS=linux", "TARGETARCH="+goEnv(t, "GOARCH"), "VERSION="+version)
	for _, command := range build.Commands {
		switch c := command.(type) {
		case *instructions.WorkdirCommand, *instructions.ArgCommand:
		case *instructions.CopyCommand: // of what is in source already
			for _, name := range c.SourcePaths {
				if _, err := os.Stat(filepath.Join(source, name)); err != nil || c.From != "" {
					t.Fatalf("%s: isn't in what .dockerignore leaves: %v", c, err)
				}
			}
		case *instructions.RunCommand:
			cmd := exec.CommandContext(t.Context(), "sh", "-ec", strings.ReplaceAll(strings.Join(c.CmdLine, " "), "/image", made))
			cmd.Dir, cmd.Env = source, env
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", c, err, out)
			}
		default:
			t.Fatalf("%s: the test can't do that", c)
		}
	}
	for _, command := range final.Commands {
		if c, ok := command.(*instructions.CopyCommand); ok {
			if c.From != build.Name || len(c.SourcePaths) != 1 {
				t.Fatalf("%s: the test can't do that", c)
			}
			from := c.SourcePaths[0]
			if inside, ok := strings.CutPrefix(from, "/image"); ok {
				from = made + inside
			}
			copyTree(t, from, filepath.Join(folder, c.DestPath), c.Chown)
		}
	}
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// copyContext copies what an engine is sent.
func copyContext(t *testing.T, to string) {
	t.Helper()
	file, err := os.Open(root + "/.dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	patterns, err := ignorefile.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range sources(t) {
		ignored, err := matcher.MatchesOrParentMatches(name)
		if err != nil {
			t.Fatal(err)
		}
		if !ignored {
			copyTree(t, filepath.Join(root, name), filepath.Join(to, name), "")
		}
	}
}

// sources are all files below root but git's and those that are built.
func sources(t *testing.T) (names []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && (name == ".git" || name == "bin") {
			return fs.SkipDir
		}
		if err == nil && !entry.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// copyTree copies a file, or what is in a folder, and gives it to owner (UID:GID)
// if there is one and the test may.
func copyTree(t *testing.T, from, to, owner string) {
	t.Helper()
	err := filepath.WalkDir(from, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		inside, _ := filepath.Rel(from, name)
		target := filepath.Join(to, inside)
		if entry.IsDir() {
			err = os.MkdirAll(target, 0o755)
		} else {
			err = copyFile(name, target)
		}
		if err == nil && owner != "" {
			err = give(target, owner)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func copyFile(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, text, info.Mode()&0o755|0o444)
}

// give changes a file's owner where the test is root; elsewhere all is its own.
func give(name, owner string) error {
	if os.Getuid() != 0 {
		return nil
	}
	uid, gid := ids(owner)
	return os.Chown(name, int(uid), int(gid))
}

// ids are the numbers of UID:GID; 0 for what is no number.
func ids(owner string) (uid, gid uint32) {
	user, group, _ := strings.Cut(owner, ":")
	u, _ := strconv.ParseUint(user, 10, 32)
	g, _ := strconv.ParseUint(group, 10, 32)
	return uint32(u), uint32(g)
}

// health is the command of the image's health check.
func health(t *testing.T) []string {
	t.Helper()
	_, final := stages(t)
	for _, command := range final.Commands {
		if c, ok := command.(*instructions.HealthCheckCommand); ok && len(c.Health.Test) > 1 && c.Health.Test[0] == "CMD" {
			return c.Health.Test[1:]
		}
	}
	t.Fatal("the image has no health check without a shell")
	return nil
}

func TestTheImageIsTheProgramAndLittleMore(t *testing.T) {
	t.Parallel()
	build, final := stages(t)
	if final.BaseName != "scratch" || build.Platform != "$BUILDPLATFORM" {
		t.Errorf("the image is FROM %s, and built on %q", final.BaseName, build.Platform)
	}
	var user, entry string
	for _, command := range final.Commands {
		switch c := command.(type) {
		case *instructions.UserCommand:
			user = c.User
		case *instructions.EntrypointCommand:
			entry = strings.Join(c.CmdLine, " ")
			if c.PrependShell {
				t.Error("the entry point needs a shell, and there is none")
			}
		case *instructions.RunCommand:
			t.Errorf("%s: there is nothing to run it with", c)
		}
	}
	if user != "65532:65532" || entry != "/pilotsync" {
		t.Errorf("it runs %q as %q", entry, user)
	}
}

// theImageIsStatic looks at what was built.
func theImageIsStatic(t *testing.T, image, version string) {
	binary := filepath.Join(image, "pilotsync")
	file, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	libraries, err := file.ImportedLibraries()
	if err != nil && !strings.Contains(err.Error(), "not a dynamic") || len(libraries) > 0 {
		t.Errorf("the program needs %q (%v)", libraries, err)
	}
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("the program has a segment %s", p.Type)
		}
	}
	out, err := exec.CommandContext(t.Context(), binary, "version").Output()
	if err != nil || !strings.HasPrefix(string(out), "pilotsync "+version+" ") {
		t.Errorf("its version: %s (%v)", out, err)
	}
	var names []string
	var size, all int64
	err = fs.WalkDir(os.DirFS(image), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		names, all = append(names, name), all+info.Size()
		if name == "pilotsync" {
			size = info.Size()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	if want := []string{"etc/ssl/certs/ca-certificates.crt", "pilotsync"}; !slices.Equal(names, want) {
		t.Errorf("in the image are %q, want %q", names, want)
	}
	t.Logf("the program has %d KiB, the image %d KiB", size>>10, all>>10)
	if all-size > 2<<20 {
		t.Errorf("the image has %d KiB over the program", (all-size)>>10)
	}
	for _, volume := range whole(t).Services["passwords"].Volumes {
		if volume.Type == "volume" {
			if info, err := os.Stat(filepath.Join(image, volume.Target)); err != nil || !info.IsDir() || path.Dir(volume.Target) != "/var/lib/pilotsync" {
				t.Errorf("a new volume at %s would be root's: %v", volume.Target, err)
			}
		}
	}
}

func TestNothingSecretIsSentToTheEngine(t *testing.T) {
	t.Parallel()
	context := t.TempDir()
	copyContext(t, context)
	entries, err := os.ReadDir(context)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if want := []string{"cmd", "enqueue", "go.mod", "go.sum", "internal", "tasks", "worker"}; !slices.Equal(names, want) {
		t.Errorf("it is sent %q, want %q", names, want)
	}
}
