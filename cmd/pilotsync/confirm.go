package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"pilotsync/internal/terminal"
)

// needsConfirmation reports whether a command that takes so many names off a list has to be
// confirmed. The limits are ten names and a tenth of the list. A list of unknown size counts as
// empty.
func needsConfirmation(removed, listed int) bool {
	return removed > 10 || 10*removed > listed
}

// yesFlag confirms a command in advance.
type yesFlag struct {
	Yes bool `name:"yes" short:"y" help:"Don't ask for confirmation. Without a terminal, a command that has to be confirmed needs it."`
}

// errNotConfirmed means that the answer was no, and nothing was done.
var errNotConfirmed = errors.New("not confirmed; nothing was changed")

// confirm asks a question, such as "Take 12 names off app1's list?", and returns nil
// only if the answer is yes. The caller has already printed what will change. Without a
// terminal, or if the input is data, it returns a [usageError] that asks for --yes.
func (f yesFlag) confirm(ctx context.Context, s *terminal.Streams, question string) error {
	if f.Yes {
		return nil
	}
	if !s.Interactive {
		return usageError{fmt.Errorf("nothing was changed: this has to be confirmed, and there is no terminal to ask on\n"+
			"If the answer to %q is yes, give --yes", question)}
	}
	fmt.Fprintf(s.Err, "%s [y/N] ", question)
	answers := make(chan string, 1)
	go func() { // ends with its input: a read of a terminal can't be interrupted
		line, _ := bufio.NewReader(io.LimitReader(s.In, maxLine)).ReadString('\n')
		answers <- line
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(s.Err)
		return errNotConfirmed
	case answer := <-answers:
		if !strings.HasSuffix(answer, "\n") {
			fmt.Fprintln(s.Err) // Ctrl-D leaves the cursor behind the question
		}
		switch strings.ToLower(strings.TrimSpace(answer)) {
		case "y", "yes":
			return nil
		}
		return errNotConfirmed
	}
}
