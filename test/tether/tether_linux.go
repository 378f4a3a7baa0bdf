package tether

import (
	"os/exec"
	"syscall"
)

// Command has cmd killed when the calling process ends, and returns it. It is for a
// cmd that isn't started yet. Linux watches the thread that starts the process; Go's
// threads last as long as their process, unless a goroutine ends that is locked to one.
func Command(cmd *exec.Cmd) *exec.Cmd {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	return cmd
}

// Self has the calling process killed when the one that started it ends. A test's
// process calls it, since the go command that is killed doesn't end it.
func Self() {
	// It fails only for a signal that doesn't exist.
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0)
}
