package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

func TestManualPagesHaveEveryCommandAndFlag(t *testing.T) {
	t.Parallel()
	parser, err := kong.New(&commands{}, kong.Name("pilotsync"), kong.Description(description), kong.Vars{"version": versionLine()})
	if err != nil {
		t.Fatal(err)
	}
	pages := manPages(parser.Model, "2026-11-28")
	for _, command := range parser.Model.Children {
		page, found := pages["pilotsync-"+command.Name+".1"]
		if found == command.Hidden {
			t.Errorf("%s is hidden: %t; it has a page: %t", command.Name, command.Hidden, found)
		}
		if command.Hidden {
			continue
		}
		if !strings.Contains(pages["pilotsync.1"], escape("pilotsync-"+command.Name)) {
			t.Errorf("pilotsync.1 does not name pilotsync-%s", command.Name)
		}
		for _, node := range append(command.Leaves(true), command) {
			for _, flag := range shown(node.Flags) {
				if !strings.Contains(page, escape("--"+flag.Name)) || !strings.Contains(page, escape(flag.Help)) {
					t.Errorf("the page of %s lacks --%s with its help", command.Name, flag.Name)
				}
			}
			if examples := node.Detail; !strings.Contains(page, escape(strings.TrimSpace(examples[strings.LastIndex(examples, "    "):]))) {
				t.Errorf("the page of %s lacks the last example of %s", command.Name, node.FullPath())
			}
		}
	}
}

func TestManualPagesAreWellFormed(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("mandoc"); err != nil {
		t.Skip("there is no mandoc: make setup installs it")
	}
	folder := t.TempDir()
	if got := command(t, nil, "", "man", "--date=2026-11-28", folder); got.code != exitDone {
		t.Fatalf("got %+v", got)
	}
	pages, err := filepath.Glob(folder + "/*.1")
	if err != nil || len(pages) < 20 {
		t.Fatalf("the pages are %q, %v", pages, err)
	}
	if out, err := exec.CommandContext(t.Context(), "mandoc", append([]string{"-T", "lint", "-W", "warning"}, pages...)...).CombinedOutput(); err != nil {
		t.Errorf("mandoc: %v\n%s", err, out)
	}
}

func TestEscapedTextIsText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		".SH name": `\&.SH name`, "'br": `\&'br`, `C:\d`: `C:\ed`, "--app": `\-\-app`, "plain": "plain",
	} {
		if got := escape(text); got != want {
			t.Errorf("escape(%q) is %q; want %q", text, got, want)
		}
	}
}
