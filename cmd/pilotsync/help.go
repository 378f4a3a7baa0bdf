package main

import "errors"

// helpCmd is in the list of commands and in the shell's completion. It never runs: the
// program turns "help COMMAND" into "COMMAND --help" before it parses.
type helpCmd struct {
	Command []string `arg:"" optional:"" predictor:"command" help:"The command, such as: enqueue add. Default: all commands in short."`
}

// Help is shown under the command's own --help.
func (*helpCmd) Help() string {
	return `Shows the same as --help after the command.

Examples:

    pilotsync help

    pilotsync help enqueue add`
}

// Run is for a call with flags before the word help.
func (*helpCmd) Run() error {
	return usageError{errors.New("help takes a command and no flags, such as: pilotsync help status")}
}
