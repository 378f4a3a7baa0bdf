package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"pilotsync/internal/terminal"
	"strings"
	"testing"
)

func TestMoreThanTenNamesOrATenthOfAListNeedConfirmation(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		removed, listed int
		want            bool
	}{
		{0, 0, false}, {0, 300, false},
		{1, 0, true}, // of unknown size
		{1, 9, true}, {1, 10, false}, {2, 10, true}, {2, 19, true}, {2, 20, false},
		{10, 100, false}, {10, 99, true}, {11, 300, true},
	} {
		if got := needsConfirmation(test.removed, test.listed); got != test.want {
			t.Errorf("%d names of %d: %v", test.removed, test.listed, got)
		}
	}
}

func TestOnlyYesIsYes(t *testing.T) {
	t.Parallel()
	const question = "Take 12 names off?"
	for answer, want := range map[string]bool{"y\n": true, "Yes\r\n": true, " YES \n": true, "y": true, "\n": false, "n\n": false, "yep\n": false, "": false} {
		var errs bytes.Buffer
		s := &terminal.Streams{In: strings.NewReader(answer), Err: &errs, Interactive: true}
		err := yesFlag{}.confirm(t.Context(), s, question)
		if (err == nil) != want || err != nil && !errors.Is(err, errNotConfirmed) {
			t.Errorf("the answer %q: %v", answer, err)
		}
		if !strings.HasPrefix(errs.String(), question+" [y/N] ") {
			t.Errorf("asked: %q", errs.String())
		}
	}
}

func TestAnInterruptedQuestionIsNotConfirmed(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	in, w := io.Pipe()
	defer w.Close()
	s := &terminal.Streams{In: in, Err: io.Discard, Interactive: true}
	if err := (yesFlag{}).confirm(ctx, s, "Sure?"); !errors.Is(err, errNotConfirmed) {
		t.Errorf("got %v", err)
	}
}

func TestWithoutATerminalTheFlagDecides(t *testing.T) {
	t.Parallel()
	s := &terminal.Streams{In: strings.NewReader("y\n"), Err: io.Discard}
	err := yesFlag{}.confirm(t.Context(), s, "Take 12 names off?")
	var usage usageError
	if !errors.As(err, &usage) || !strings.Contains(err.Error(), `"Take 12 names off?" is yes, give --yes`) {
		t.Errorf("got %v", err)
	}
	if err := (yesFlag{Yes: true}).confirm(t.Context(), s, "?"); err != nil {
		t.Errorf("with --yes: %v", err)
	}
}
