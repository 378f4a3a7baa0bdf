// Command gotest runs go test and sums up what came of it: a line for each package, the
// output of what failed, the slowest tests. All output is in bin/NAME.log. It fails if a
// test fails, or skips because a program is missing. Tests that -short leaves out are counted.
//
//	go run ./scripts/gotest NAME [-C FOLDER] ARGUMENTS-OF-GO-TEST
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"pilotsync/test/tether"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: go run ./scripts/gotest NAME [-C FOLDER] ARGUMENTS-OF-GO-TEST")
		os.Exit(2)
	}
	passed, err := run(os.Args[1], os.Args[2:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
	}
	if err != nil || !passed {
		os.Exit(1)
	}
}

func run(name string, args []string) (passed bool, err error) {
	if err := os.MkdirAll("bin", 0o777); err != nil {
		return false, err
	}
	path := filepath.Join("bin", name+".log")
	log, err := os.Create(path)
	if err != nil {
		return false, err
	}
	defer log.Close()
	fmt.Printf("%s: go test %v (all output is in %s)\n", name, args, path)

	folder := "."
	if len(args) > 2 && args[0] == "-C" {
		folder, args = args[1], args[2:]
	}
	cmd := tether.Command(exec.Command("go", append([]string{"test", "-json"}, args...)...))
	cmd.Dir = folder
	cmd.Stderr = io.MultiWriter(os.Stderr, log)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return false, err
	}
	if err := cmd.Start(); err != nil {
		return false, err
	}
	s := newSummary(os.Stdout)
	if err := read(out, s, log); err != nil {
		return false, err
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		return false, err
	}
	return s.end() && exit == nil, nil
}

// read has a summary note all events, and writes their output to a log.
func read(out io.Reader, s *summary, log io.Writer) error {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil { // go itself wrote it
			e = event{Action: "build-output", Output: lines.Text() + "\n"}
		}
		if _, err := io.WriteString(log, e.Output); err != nil {
			return err
		}
		s.note(e)
	}
	return lines.Err()
}
