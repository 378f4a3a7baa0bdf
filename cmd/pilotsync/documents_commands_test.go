package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// The program accepts the command lines in documents: commands and flags exist, and no required one
// is missing.
func TestCommandsInDocumentsAreUnderstood(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	list, err := exec.CommandContext(t.Context(), "git", "-C", root, "ls-files", "*.md").Output()
	if err != nil {
		t.Skip("needs git, to list the documents: ", err)
	}
	found := 0
	for _, file := range strings.Fields(string(list)) {
		if file == "CHANGELOG.md" { // it has commands of earlier releases
			continue
		}
		content, err := os.ReadFile(filepath.Join(root, file))
		if os.IsNotExist(err) { // deleted, but not committed yet
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, command := range shownCommands(string(content)) {
			found++
			if err := checkCall(t, command); err != nil {
				t.Errorf("%s shows 'pilotsync %s': %v", file, strings.Join(command, " "), err)
			}
		}
	}
	if found < 100 {
		t.Errorf("only %d commands were found", found)
	}
}

func TestWrongCommandsInDocumentsAreFound(t *testing.T) {
	t.Parallel()
	got := shownCommands("Run `pilotsync pauze --app A`.\n\n    X=1 pilotsync status --all | head   # all of them\n    wp pilotsync test\n")
	if len(got) != 2 || checkCall(t, got[0]) == nil || checkCall(t, got[1]) == nil {
		t.Errorf("got %q", got)
	}
}

// checkCall parses a command line's arguments as the program does, without running it.
func checkCall(t *testing.T, args []string) error {
	t.Helper()
	parser, err := kong.New(&commands{}, kong.Name("pilotsync"), kong.Vars{"version": versionLine()}, kong.Exit(func(int) {}), kong.Writers(&strings.Builder{}, &strings.Builder{}))
	if err != nil {
		t.Fatal(err)
	}
	if last := args[len(args)-1]; args[0] == "help" || last == "--help" || last == "--version" { // help is shown, nothing is parsed
		return nil
	}
	_, err = parser.Parse(args)
	return err
}

var (
	codeLine = regexp.MustCompile(`(?m)^ {4,}.*$`)
	comment  = regexp.MustCompile(`\s+# .*`)
	codeSpan = regexp.MustCompile("`pilotsync ([^`]+)`")
	// programCall matches the program at the start of a command, not in 'wp pilotsync' and the
	// like.
	programCall = regexp.MustCompile(`(?:^|[;&|(] ?|[A-Z_]=\S* |/|worker |-E \S+ |show )pilotsync (.*)`)
	shellWord   = regexp.MustCompile(`'[^']*'|"[^"]*"|[^\s'"]+`)
)

// shownCommands returns the arguments of each call of the program in a Markdown text. It looks
// in blocks of code, and in code amid text that is more than a command's name.
func shownCommands(text string) (commands [][]string) {
	text = strings.ReplaceAll(text, "\\\n", " ")
	for _, line := range codeLine.FindAllString(text, -1) {
		line = comment.ReplaceAllString(strings.TrimSpace(line), "")
		if strings.HasSuffix(line, "[flags]") { // a synopsis
			continue
		}
		for {
			call := programCall.FindStringSubmatch(line)
			if call == nil {
				break
			}
			if args := arguments(call[1]); len(args) > 0 && !strings.ContainsAny(args[0], "[{") {
				commands = append(commands, args)
			}
			line = call[1]
		}
	}
	for _, span := range codeSpan.FindAllStringSubmatch(text, -1) {
		if args := arguments(strings.ReplaceAll(span[1], "\n", " ")); len(args) > 1 && args[0] != "help" {
			commands = append(commands, args)
		}
	}
	return commands
}

// arguments are a command's words, up to its end for the shell. Placeholders in capitals become a
// domain.
func arguments(call string) (args []string) {
	call = strings.ReplaceAll(comment.ReplaceAllString(call, ""), "DOMAIN", "example.com")
	call = regexp.MustCompile(`\$\([^)]*\)`).ReplaceAllString(call, "2026-03-01T12:00:00Z")
	call = regexp.MustCompile(`\s[|>&;<].*|[;)].*`).ReplaceAllString(call, "")
	for _, w := range shellWord.FindAllString(call, -1) {
		args = append(args, strings.Trim(w, `'"`))
	}
	return args
}
