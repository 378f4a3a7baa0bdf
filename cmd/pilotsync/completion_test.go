package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pilotsync/tasks"
	"pilotsync/test/harness"
)

// COMP_LINE is read from the process's environment, so this runs a process, as a shell does.
func TestAShellCompletesCommandsFlagsStatesAndApps(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("needs bash on PATH, to complete lines as it does: ", err)
	}
	folder := filepath.Dir(harness.Program(t))
	var states []string
	for _, state := range tasks.States() {
		states = append(states, string(state))
	}
	slices.Sort(states)
	for line, want := range map[string][]string{
		"pilotsync stat":                     {"status"},
		"pilotsync enqueue ":                 {"add", "remove"},
		"pilotsync help sta":                 {"status"},
		"pilotsync status --stat":            {"--state"},
		"pilotsync status --state ":          states,
		"pilotsync status --state do":        {"done", "done-without-ssl"},
		"pilotsync status --app ":            {"app1", "app2"},
		"pilotsync apps ":                    {"forget", "show"},
		"pilotsync apps show ":               {"app1", "app2"},
		"pilotsync apps forget ":             {"app1", "app2"},
		"pilotsync enqueue add --www m":      {"main_only"},
		"pilotsync completion ":              {"bash", "fish", "zsh"},
		"pilotsync verify --wait --timeo":    {"--timeout"},
		"pilotsync status --nothing-like-it": nil,
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			// As bash does on a tab: it runs the command that `complete` named.
			cmd := exec.Command(bash, "--norc", "--noprofile", "-c", `
				source <(pilotsync completion bash --code) || exit 1
				spec=$(complete -p pilotsync) || exit 1
				[[ $spec == *"-C "* ]] || { echo "no command in: $spec" >&2; exit 1; }
				program=${spec##*-C }; program=${program% pilotsync}; program=${program//\'/}
				words=($COMP); [[ $COMP == *" " ]] && words+=("")
				COMP_LINE=$COMP COMP_POINT=${#COMP} "$program" pilotsync "${words[-1]}" "${words[-2]}"`)
			cmd.Env = append(os.Environ(), "PATH="+folder+":"+os.Getenv("PATH"), "COMP="+line,
				"WU_SERVER_PILOT_APP_ID=app1, app2", "REDIS_URL=redis://127.0.0.1:1/0")
			var errs strings.Builder
			cmd.Stderr = &errs
			out, err := cmd.Output()
			if err != nil || errs.Len() > 0 {
				t.Fatalf("%v\n%s", err, errs.String())
			}
			got := strings.Fields(string(out))
			slices.Sort(got)
			if diff := cmp.Diff(want, got, cmpEmpty()); diff != "" {
				t.Errorf("completions (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("fish and zsh get their code", func(t *testing.T) {
		t.Parallel()
		for shell, want := range map[string]string{"fish": "complete -f -c pilotsync", "zsh": "bashcompinit"} {
			got := command(t, nil, "", "completion", shell, "--code")
			if got.code != exitDone || !strings.Contains(got.out, want) || got.err != "" {
				t.Errorf("%s: %+v", shell, got)
			}
		}
	})
}

// cmpEmpty treats nil and an empty slice as equal.
func cmpEmpty() cmp.Option {
	return cmp.Transformer("empty", func(s []string) []string { return append([]string{}, s...) })
}
