package tether

import (
	"os/exec"
	"syscall"
)

// Command returns cmd, which must not be started yet. The process of cmd is killed when the calling
// process ends, and the calling process when its parent ends. So a whole run of tests, down to the
// last Redis, ends with the go command. Linux watches the thread that starts a process. Go's
// threads last as long as their process, unless a goroutine ends that is locked to one.
func Command(cmd *exec.Cmd) *exec.Cmd {
	// It fails only for a signal that doesn't exist.
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0)
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	return cmd
}
