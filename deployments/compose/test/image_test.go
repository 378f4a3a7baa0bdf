package test

import (
	"io/fs"
	"os"
	"slices"
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

// sent are the files that an engine gets: all but those in .dockerignore.
func sent(t *testing.T) []string {
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
	return slices.DeleteFunc(sources(t), func(name string) bool {
		ignored, err := matcher.MatchesOrParentMatches(name)
		if err != nil {
			t.Fatal(err)
		}
		return ignored
	})
}

// sources are all files below root except git's, built ones and npm's.
func sources(t *testing.T) (names []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && (name == ".git" || name == "bin" || entry.Name() == "node_modules") {
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

func TestNothingSecretIsSentToTheEngine(t *testing.T) {
	t.Parallel()
	var names []string
	for _, name := range sent(t) {
		top, _, _ := strings.Cut(name, "/")
		names = append(names, top)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if want := []string{"cmd", "enqueue", "go.mod", "go.sum", "internal", "tasks", "worker"}; !slices.Equal(names, want) {
		t.Errorf("it is sent %q, want %q", names, want)
	}
}
