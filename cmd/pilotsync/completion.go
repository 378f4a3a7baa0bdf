package main

import (
	"strings"

	"github.com/alecthomas/kong"
	kongcompletion "github.com/jotaen/kong-completion"
	"github.com/posener/complete"

	"pilotsync/internal/config"
	"pilotsync/tasks"
)

type completionCmd struct {
	kongcompletion.Completion `embed:""`
}

// Help is shown under the command's own --help.
func (*completionCmd) Help() string {
	return `It completes commands, flags, states, and the apps that WU_SERVER_PILOT_APP_ID names; it never asks Redis. Without --code it says what to put into which file.

Examples:

    source <(pilotsync completion bash --code)      # in ~/.bashrc

    source <(pilotsync completion zsh --code)       # in ~/.zshrc

    pilotsync completion fish --code | source       # in ~/.config/fish/config.fish`
}

// completeLine answers the shell where it asks for the ends of a line, which is when
// it runs us with COMP_LINE set. It reports whether it did.
func completeLine(parser *kong.Kong, s *streams) (asked bool) {
	if s.LookupEnv == nil {
		return false
	}
	if line, _ := s.LookupEnv("COMP_LINE"); line == "" {
		return false
	}
	states := make([]string, 0, len(tasks.States()))
	for _, state := range tasks.States() {
		states = append(states, string(state))
	}
	var names []string
	for _, node := range parser.Model.Children {
		names = append(names, node.Name)
	}
	apps, _ := s.LookupEnv("WU_SERVER_PILOT_APP_ID")
	parser.Stdout = s.Out // fish calls without arguments, which would have help go elsewhere
	kongcompletion.Register(parser,
		kongcompletion.WithPredictor("command", complete.PredictSet(names...)),
		kongcompletion.WithPredictor("state", complete.PredictSet(states...)),
		kongcompletion.WithPredictor("app", complete.PredictSet(config.Fields(apps)...)),
		kongcompletion.WithPredictor("file", complete.PredictFiles("*")),
		kongcompletion.WithPredictor("www", complete.PredictSet(strings.Fields("always main_only never")...)),
		kongcompletion.WithExitFunc(func(int) {}),
	)
	return true
}
