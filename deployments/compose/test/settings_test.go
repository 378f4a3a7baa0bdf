package test

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestEachVariableIsASettingOfItsCommand(t *testing.T) {
	t.Parallel()
	build := exec.CommandContext(t.Context(), "go", "tool", "-n", "pilotsync") // from the cache, or built
	build.Dir = root
	out, err := build.Output()
	if err != nil {
		t.Fatalf("build the program: %v", err)
	}
	program := strings.TrimSpace(string(out))
	for name, s := range whole(t).Services {
		if s.Build == nil {
			continue
		}
		if len(s.Entrypoint) > 0 || len(s.Command) == 0 {
			t.Fatalf("%s: entry point %q, command %q; it takes a subcommand alone", name, s.Entrypoint, s.Command)
		}
		command := s.Command
		if i := slices.IndexFunc(command, func(word string) bool { return strings.HasPrefix(word, "-") }); i > 0 {
			command = command[:i]
		}
		help, err := exec.CommandContext(t.Context(), program, append(slices.Clone(command), "--help")...).Output()
		if err != nil {
			t.Fatal(err)
		}
		known := regexp.MustCompile(`\$[A-Z_]+`).FindAllString(string(help), -1)
		for variable := range s.Environment {
			if !slices.Contains(known, "$"+variable) {
				t.Errorf("%s sets %s, which 'pilotsync %s' doesn't know", name, variable, s.Command[0])
			}
		}
	}
	for name, s := range whole(t).Services {
		if s.Build != nil {
			continue
		}
		for variable := range s.Environment {
			// Grafana has no list of its settings; this is its rule for names.
			if name != "grafana" || !regexp.MustCompile(`^GF_[A-Z]+_[A-Z_]+$`).MatchString(variable) {
				t.Errorf("%s sets %s, which no test checks", name, variable)
			}
		}
	}
}
