package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

type versionCmd struct{}

// Help is shown under the command's own --help.
func (*versionCmd) Help() string {
	return `Examples:

    pilotsync version`
}

// Run prints the version, and Go's.
func (*versionCmd) Run(s *streams) error {
	_, err := fmt.Fprintf(s.Out, "pilotsync %s (%s, %s/%s)\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// released is the version of a release: `make dist` has the linker set it
// (-X main.released=v1.2.3). Nothing else may.
var released string

// version is the release's, or else the one that the Go toolchain stamped into the
// binary, "(devel)" for an unstamped build.
func version() string {
	if released != "" {
		return released
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
