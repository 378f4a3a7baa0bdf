package harness

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Suspend stops the process with SIGSTOP, and returns once it runs no more; SIGCONT continues it.
func (p *Process) Suspend() {
	p.t.Helper()
	p.Signal(syscall.SIGSTOP)
	Await(p.t, fmt.Sprintf("%s is suspended", p), func() error { return Suspended(p.Pid()) })
}

// Suspended is nil once all threads of a process that was sent SIGSTOP have stopped. The signal
// goes to one thread, which stops the others: on a busy machine they run on for some milliseconds.
// It needs Linux.
func Suspended(pid int) error {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(threads) == 0 {
		return fmt.Errorf("process %d has no threads: %v", pid, err)
	}
	for _, thread := range threads {
		stat, err := os.ReadFile(thread)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // it has ended
		}
		if err != nil {
			return err
		}
		// The state follows the name, which may have parentheses itself.
		if _, rest, _ := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')')+1:]), " "); !strings.HasPrefix(rest, "T") {
			return fmt.Errorf("a thread of process %d still runs: %.100s", pid, stat)
		}
	}
	return nil
}
