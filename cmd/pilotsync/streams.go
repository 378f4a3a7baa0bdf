package main

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// streams is what a command reads from and writes to. Results go to Out, notices
// to Err.
type streams struct {
	In       io.Reader
	Out, Err io.Writer
	// Terminal: Out and Err are a person's terminal, so a moving progress bar is welcome.
	Terminal bool
	// Interactive: In is that terminal too, so a question can be asked.
	Interactive bool
	// OutSize and ErrSize are the columns and lines of the terminal that Out or Err
	// is; nil where it is none.
	OutSize, ErrSize func() (columns, lines int)
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
		OutSize: sizeOf(out), ErrSize: sizeOf(errs),
	}
}

// sizeOf returns what asks a terminal for its size, each time anew, since a window
// can be resized. Where it doesn't answer it is taken to be 80 by 24.
func sizeOf(file *os.File) func() (columns, lines int) {
	if !term.IsTerminal(int(file.Fd())) {
		return nil
	}
	return func() (columns, lines int) {
		columns, lines, err := term.GetSize(int(file.Fd()))
		if err != nil || columns <= 0 || lines <= 0 {
			return 80, 24
		}
		return columns, lines
	}
}

// width is the number of columns of Out, 0 if it isn't a terminal.
func (s *streams) width() int { return columnsOf(s.OutSize) }

func columnsOf(size func() (columns, lines int)) int {
	if size == nil {
		return 0
	}
	columns, _ := size()
	return columns
}

// printf writes a result. On a terminal its lines wrap between words.
func (s *streams) printf(format string, args ...any) error {
	_, err := io.WriteString(s.Out, wrapLines(fmt.Sprintf(format, args...), s.width()))
	return err
}

// notice writes a line that isn't a result. An error of writing it is no reason to
// end, so none is returned.
func (s *streams) notice(format string, args ...any) {
	fmt.Fprintln(s.Err, wrapLines(fmt.Sprintf(format, args...), columnsOf(s.ErrSize)))
}

// asNotices returns streams that write results as notices.
func (s *streams) asNotices() *streams {
	aside := *s
	aside.Out, aside.OutSize = s.Err, s.ErrSize
	return &aside
}

// environ is the whole environment, as os.Environ has it.
func (s *streams) environ() []string {
	if s.Environ == nil {
		return nil
	}
	return s.Environ()
}

// lookup returns a variable of the environment, empty if it isn't set.
func (s *streams) lookup(name string) string {
	if s.LookupEnv == nil {
		return ""
	}
	value, _ := s.LookupEnv(name)
	return value
}
