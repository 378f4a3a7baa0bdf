package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"pilotsync/internal/terminal"
)

type versionCmd struct{}

// Help is shown under the command's own --help.
func (*versionCmd) Help() string {
	return `Examples:

    pilotsync version

    pilotsync --version      # the same, as is pilotsync -v`
}

// Run prints the module's version as the build stamped it, and Go's.
func (*versionCmd) Run(s *terminal.Streams) error {
	_, err := fmt.Fprintln(s.Out, versionLine())
	return err
}

// versionLine is what 'pilotsync version' and the flags --version and -v print.
func versionLine() string {
	return fmt.Sprintf("pilotsync %s (%s, %s/%s)", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// release is set by the linker and nothing else, for builds outside of version
// control such as the image's: go build -ldflags "-X main.release=v1.2.3".
var release string

// version is the release, or else what the Go toolchain stamped into the binary;
// "(devel)" for an unstamped build.
func version() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
