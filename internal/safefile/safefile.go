// Package safefile reads files that other people name or fill, and replaces files. A read is bounded, so
// that none exhausts the memory. A write follows no symbolic link, so that none ends elsewhere.
package safefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

// MaxSize is the most that is read, in bytes. Files with 10,000 apps or 20,000 domains have some MB.
const MaxSize = 16 << 20

// ErrTooLarge is the error of an input beyond [MaxSize].
var ErrTooLarge = fmt.Errorf("it has more than %d MiB, and that is the most that is read", MaxSize>>20)

// ErrInterrupted is the error of a read that waited for a pipe or a terminal when the process was
// asked to end (SIGINT, SIGTERM).
var ErrInterrupted = errors.New("it was waited for until the process was asked to end")

// Read returns a file's content. Its error names the file; it is [ErrTooLarge] for one beyond
// [MaxSize], [ErrInterrupted] at a signal while it waits for a pipe, otherwise as that of [os.ReadFile].
func Read(name string) ([]byte, error) {
	read := func() ([]byte, error) { return readFile(name) }
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		content, err := untilSignal(read) // opening a pipe waits, too
		if errors.Is(err, ErrInterrupted) {
			err = &fs.PathError{Op: "read", Path: name, Err: err}
		}
		return content, err
	}
	return read()
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := readAll(f)
	if errors.Is(err, ErrTooLarge) {
		return nil, &fs.PathError{Op: "read", Path: name, Err: ErrTooLarge}
	}
	return content, err
}

// ReadAll returns everything that r has, up to [MaxSize]; beyond that the error is [ErrTooLarge].
// It is [ErrInterrupted] if the process is asked to end during a read that may wait, such as that of
// standard input.
func ReadAll(r io.Reader) ([]byte, error) {
	read := func() ([]byte, error) { return readAll(r) }
	if f, ok := r.(*os.File); ok {
		if info, err := f.Stat(); err == nil && !info.Mode().IsRegular() {
			return untilSignal(read)
		}
	}
	return read()
}

func readAll(r io.Reader) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	switch {
	case err != nil:
		return nil, err
	case len(content) > MaxSize:
		return nil, ErrTooLarge
	}
	return content, nil
}

// untilSignal returns what read returns, or ErrInterrupted at a signal to end.
func untilSignal(read func() ([]byte, error)) ([]byte, error) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	type result struct {
		content []byte
		err     error
	}
	done := make(chan result, 1)
	go func() { // ends with its input: an open of a pipe can't be interrupted
		content, err := read()
		done <- result{content, err}
	}()
	select {
	case r := <-done:
		return r.content, r.err
	case <-signals:
		return nil, ErrInterrupted
	}
}

// Write replaces a file at once: a reader gets the whole old or the whole new file. It refuses a
// name that is a link, a folder or a device.
func Write(name string, content []byte, mode fs.FileMode) (err error) {
	switch info, statErr := os.Lstat(name); {
	case errors.Is(statErr, fs.ErrNotExist):
	case statErr != nil:
		return statErr
	case !info.Mode().IsRegular():
		return &fs.PathError{Op: "write", Path: name, Err: errors.New("it takes a new name or a regular file, and this is " + kind(info.Mode()))}
	}
	temp, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return err
	}
	_, err = temp.Write(content)
	err = errors.Join(err, temp.Chmod(mode), temp.Sync(), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return nil
}

// kind names what isn't a regular file.
func kind(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	case mode.IsDir():
		return "a folder"
	}
	return "a device or a pipe"
}
