//go:build !linux

package tether

import "os/exec"

// Command returns cmd.
func Command(cmd *exec.Cmd) *exec.Cmd { return cmd }
