package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/alecthomas/kong"
)

func TestAWrongCallNamesTheHelpAndWhatWasMeant(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"statsu":               "unexpected argument statsu, did you mean \"status\"?\nTry: pilotsync --help\n",
		"enqueue":              "Try: pilotsync enqueue --help\n",
		"enqueue ad x":         "did you mean \"add\"?\nTry: pilotsync enqueue --help\n",
		"enqueue add --app=a":  "Try: pilotsync enqueue add --help\n",
		"status --jsn":         "did you mean \"--json\"?\nTry: pilotsync status --help\n",
		"restore --at=x":       "Try: pilotsync restore --help\n",
		"history --app=a -n 0": "Try: pilotsync history --help\n",
		"events --nope":        "Try: pilotsync events --help\n",
		"help nosuch":          "unexpected argument nosuch\nTry: pilotsync --help\n",
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			got := command(t, nil, "", strings.Fields(args)...)
			if got.code != exitUsage || got.out != "" || !strings.HasSuffix(got.err, want) {
				t.Errorf("got %+v; want code 2 and %s", got, want)
			}
		})
	}
}

func TestHelpAndVersionHaveMoreThanOneName(t *testing.T) {
	t.Parallel()
	for args, as := range map[string]string{
		"help":             "--help",
		"help status":      "status --help",
		"help enqueue add": "enqueue add --help",
		"--version":        "version",
		"-v":               "version",
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			got, want := command(t, nil, "", strings.Fields(args)...), command(t, nil, "", strings.Fields(as)...)
			if got != want || got.code != exitDone || got.out == "" || got.err != "" {
				t.Errorf("got %+v; want %+v", got, want)
			}
		})
	}
}

// kong wraps the help's paragraphs, but not its examples.
func TestExamplesFitATerminalOf80Columns(t *testing.T) {
	t.Parallel()
	parser, err := kong.New(&commands{}, kong.Vars{"version": "x"})
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range parser.Model.Children {
		for _, node := range append(command.Leaves(false), command) {
			for line := range strings.Lines(node.Detail) {
				if line = strings.TrimRight(line, "\n"); strings.HasPrefix(line, "    ") && utf8.RuneCountInString(line) > 80 {
					t.Errorf("%s: %q", node.FullPath(), line)
				}
			}
		}
	}
}
