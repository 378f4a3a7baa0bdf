package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pilotsync/test/tether"
)

// Process is a program that runs until a method or the end of its test ends it.
type Process struct {
	t     testing.TB
	cmd   *exec.Cmd
	log   string        // file with what it wrote
	ended chan struct{} // closed once it has ended
}

// Start starts cmd, which must not be started yet. The end of the test kills it with its children.
// If the test fails, its log has the last part of the process's output. With the environment
// variable HARNESS_LOGS set, it always has all of it.
func Start(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	log, err := os.CreateTemp(t.TempDir(), filepath.Base(cmd.Path)+"-*.log")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p := &Process{t: t, cmd: tether.Command(cmd), log: log.Name(), ended: make(chan struct{})}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // Kill waits for it
		defer close(p.ended)
		_ = cmd.Wait() // ProcessState says how it ended
	}()
	t.Cleanup(func() {
		p.Kill()
		written := p.Written()
		if strings.Contains(written, "DATA RACE") || strings.Contains(written, "panic:") {
			t.Errorf("%s raced or panicked", p)
		}
		switch {
		case os.Getenv("HARNESS_LOGS") != "":
			t.Logf("%s wrote:\n%s", p, written)
		case t.Failed():
			const tail = 10_000
			t.Logf("%s wrote last:\n%s", p, written[max(0, len(written)-tail):])
		}
	})
	return p
}

// String names the process for messages.
func (p *Process) String() string {
	name := filepath.Base(p.cmd.Path)
	if len(p.cmd.Args) > 1 {
		name += " " + p.cmd.Args[1]
	}
	return fmt.Sprintf("%s (process %d)", name, p.Pid())
}

// Path is that of the program.
func (p *Process) Path() string { return p.cmd.Path }

// Pid is the process's id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Kill ends the process and its children as a crash would, and waits for its end.
func (p *Process) Kill() {
	_ = syscall.Kill(-p.Pid(), syscall.SIGKILL) // fails only if all have ended
	<-p.ended
}

// Signal sends the process a signal, and fails the test if it has ended.
func (p *Process) Signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatalf("send %s to %s: %v", s, p, err)
	}
}

// Terminate sends SIGTERM, waits for the end, and returns the exit code. Any goroutine may
// call it. For a process that has ended, it only returns the exit code.
func (p *Process) Terminate() (code int) {
	p.t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // fails only if it has ended
	return p.Wait()
}

// Wait waits for the process's end and returns its exit code.
func (p *Process) Wait() (code int) {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(Limit):
		p.t.Errorf("%s hasn't ended after %s", p, Limit)
		p.Kill()
	}
	return p.cmd.ProcessState.ExitCode()
}

// Alive reports whether the process hasn't ended.
func (p *Process) Alive() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// Written is the process's output so far, standard error included.
func (p *Process) Written() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		p.t.Error(err) // not Fatal, since any goroutine may call it
	}
	return string(b)
}

// AwaitWritten waits until the process has written text.
func (p *Process) AwaitWritten(text string) {
	p.t.Helper()
	Await(p.t, fmt.Sprintf("%s writes %q", p, text), func() error {
		alive := p.Alive()
		switch {
		case strings.Contains(p.Written(), text):
			return nil
		case !alive:
			p.t.Fatalf("%s ended and didn't write %q", p, text)
		}
		return fmt.Errorf("it has not")
	})
}
