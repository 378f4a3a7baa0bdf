package redistest

import (
	"fmt"
	"os/exec"
)

// Run runs a server for a program that isn't a test, in an existing folder of its own. The caller
// must Kill or Stop it. The returned server's methods panic on an error, since such a program needs
// its Redis.
func Run(folder string, args ...string) (*Server, error) {
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, fmt.Errorf("find redis-server on PATH: %w", err)
	}
	s := &Server{t: program{}, binary: binary, folder: folder, args: args}
	if err := s.startOnFreePort(); err != nil {
		return nil, fmt.Errorf("redis-server doesn't start: %w\n%s", err, s.log())
	}
	return s, nil
}

// program is the reporter of a program that isn't a test.
type program struct{}

func (program) Helper()                           {}
func (program) Errorf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (program) Fatal(args ...any)                 { panic(fmt.Sprint(args...)) }
func (program) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
