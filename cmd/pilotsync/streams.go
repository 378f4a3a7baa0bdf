package main

import (
	"io"
	"os"

	"golang.org/x/term"
)

// streams is what a command reads from and writes to.
type streams struct {
	In       io.Reader
	Out, Err io.Writer
	// Terminal: Out and Err are a person's terminal, so a moving progress bar is welcome.
	Terminal bool
	// Interactive: In is that terminal too, so a question can be asked.
	Interactive bool
	// LookupEnv is os.LookupEnv; nil for an empty environment.
	LookupEnv func(name string) (string, bool)
	// Environ is os.Environ; nil for an empty environment.
	Environ func() []string
}

func newStreams(in, out, errs *os.File) *streams {
	terminal := term.IsTerminal(int(out.Fd())) && term.IsTerminal(int(errs.Fd()))
	return &streams{
		In: in, Out: out, Err: errs, LookupEnv: os.LookupEnv, Environ: os.Environ,
		Terminal: terminal, Interactive: terminal && term.IsTerminal(int(in.Fd())),
	}
}
