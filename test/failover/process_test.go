package failover

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"pilotsync/test/tether"
)

// process is a command that runs.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	log   string        // file with what it wrote
	ended chan struct{} // closed once cmd has been waited for
	told  bool          // to end
}

// start runs a command until the test ends, or it is terminated before. It fails
// the test if the command doesn't end well, or ends by itself.
func (w *world) start(env []string, args ...string) *process {
	w.t.Helper()
	log, err := os.CreateTemp(w.t.TempDir(), args[0])
	if err != nil {
		w.t.Fatal(err)
	}
	defer log.Close()
	p := &process{t: w.t, cmd: tether.Command(exec.Command(binary, args...)), log: log.Name(), ended: make(chan struct{})}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = append(append(os.Environ(), w.env...), env...), log, log
	if err := p.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	go func() { // waited for by terminate
		defer close(p.ended)
		_ = p.cmd.Wait() // how it ended is in ProcessState
	}()
	w.t.Cleanup(func() { p.terminate() })
	return p
}

// stopLimit is three times what README promises for a worker's stop: its 30 s are of a
// machine that has time for it.
const stopLimit = 3 * 30 * time.Second

// terminate has the command end in good order, and returns how long that took. Of a
// command that was terminated before it does nothing.
func (p *process) terminate() time.Duration {
	p.t.Helper()
	if p.told {
		return 0
	}
	p.told = true
	select {
	case <-p.ended:
		p.t.Errorf("%v ended by itself (%v):\n%s", p.cmd.Args[1:], p.cmd.ProcessState, p.said())
		return 0
	default:
	}
	began := time.Now()
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // fails only if it ended just now
	select {
	case <-p.ended:
	case <-time.After(stopLimit):
		_ = p.cmd.Process.Kill()
		<-p.ended
		p.t.Errorf("%v was still there %v after SIGTERM", p.cmd.Args[1:], stopLimit)
	}
	took := time.Since(began)
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		p.t.Errorf("%v ended with exit code %d", p.cmd.Args[1:], code)
	}
	said := p.said()
	if os.Getenv("REALREDIS_LOGS") != "" {
		p.t.Logf("%v wrote:\n%s", p.cmd.Args[1:], said)
	}
	for _, bad := range []string{"CROSSSLOT", "NOPERM", "panic:"} {
		if strings.Contains(said, bad) {
			p.t.Errorf("%v wrote %q:\n%s", p.cmd.Args[1:], bad, said)
		}
	}
	return took
}

// said is all that it wrote so far.
func (p *process) said() string {
	p.t.Helper()
	b, err := os.ReadFile(p.log)
	if err != nil {
		p.t.Error(err) // not the end, since it may not be the test's own goroutine
	}
	return string(b)
}
