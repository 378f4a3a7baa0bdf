// Package terminal is how commands write for people and programs: results and
// notices, tables, wrapped lines, colors and blocks that are drawn again in place.
//
// In a pipe a line is a line, whatever its width, and has no color. On a terminal no
// line is wider than the terminal.
package terminal

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// Streams is what a command reads from and writes to. Results go to Out, notices
// to Err.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	// Terminal: Out and Err are a person's terminal, so a moving progress bar is welcome.
	Terminal bool
	// Interactive: In is that terminal too, so a question can be asked.
	Interactive bool
	// OutSize and ErrSize are the columns and lines of the terminal that Out or Err
	// is; nil if it is none.
	OutSize, ErrSize func() (columns, lines int)
	// LookupEnv is os.LookupEnv; nil for an empty environment.
	LookupEnv func(name string) (string, bool)
	// Environ is os.Environ; nil for an empty environment.
	Environ func() []string
}

// New returns the streams of a process.
func New(in, out, errs *os.File) *Streams {
	terminal := term.IsTerminal(int(out.Fd())) && term.IsTerminal(int(errs.Fd()))
	return &Streams{
		In: in, Out: out, Err: errs, LookupEnv: os.LookupEnv, Environ: os.Environ,
		Terminal: terminal, Interactive: terminal && term.IsTerminal(int(in.Fd())),
		OutSize: sizeOf(out), ErrSize: sizeOf(errs),
	}
}

// sizeOf returns a function that asks a terminal for its size each time, since a
// window can be resized. If the terminal doesn't answer, its size is 80 by 24.
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

// Width is the number of columns of Out, 0 if it isn't a terminal.
func (s *Streams) Width() int { return columnsOf(s.OutSize) }

// ErrWidth is the number of columns of Err, 0 if it isn't a terminal.
func (s *Streams) ErrWidth() int { return columnsOf(s.ErrSize) }

func columnsOf(size func() (columns, lines int)) int {
	if size == nil {
		return 0
	}
	columns, _ := size()
	return columns
}

// Printf writes a result. On a terminal its lines wrap between words.
func (s *Streams) Printf(format string, args ...any) error {
	_, err := io.WriteString(s.Out, WrapLines(fmt.Sprintf(format, args...), s.Width()))
	return err
}

// Noticef writes a line that isn't a result. A command doesn't end because a notice
// can't be written, so no error is returned.
func (s *Streams) Noticef(format string, args ...any) {
	fmt.Fprintln(s.Err, WrapLines(fmt.Sprintf(format, args...), s.ErrWidth()))
}

// AsNotices returns streams that write results as notices.
func (s *Streams) AsNotices() *Streams {
	notices := *s
	notices.Out, notices.OutSize = s.Err, s.ErrSize
	return &notices
}

// Environment has all variables, as os.Environ does.
func (s *Streams) Environment() []string {
	if s.Environ == nil {
		return nil
	}
	return s.Environ()
}

// Lookup returns a variable of the environment, empty if it isn't set.
func (s *Streams) Lookup(name string) string {
	if s.LookupEnv == nil {
		return ""
	}
	value, _ := s.LookupEnv(name)
	return value
}
