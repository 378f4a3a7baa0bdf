package main

import (
	"strings"

	"github.com/alecthomas/kong"
	kongcompletion "github.com/jotaen/kong-completion"
	"github.com/posener/complete"

	"pilotsync/internal/config"
	"pilotsync/internal/terminal"
	"pilotsync/tasks"
)

type completionCmd struct {
	kongcompletion.Completion `embed:""`
}

// Help is shown under the command's own --help.
func (*completionCmd) Help() string {
	return `Completes commands, flags, states, and the apps in WU_SERVER_PILOT_APP_ID; it never asks Redis. Without --code it says which line to add to which file.

Examples:

    source <(pilotsync completion bash --code)      # in ~/.bashrc

    source <(pilotsync completion zsh --code)       # in ~/.zshrc

    pilotsync completion fish --code | source       # in fish's config.fish`
}

// completeLine answers the shell's request for completions of a line: the shell runs
// us with COMP_LINE set. It reports whether there was such a request.
func completeLine(parser *kong.Kong, s *terminal.Streams) (asked bool) {
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
	parser.Stdout = s.Out // fish calls without arguments, and help would go to standard error
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
