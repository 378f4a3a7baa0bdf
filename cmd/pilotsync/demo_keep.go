package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"pilotsync/internal/simulator"
)

// keep says what to try, and returns when ctx ends.
func (w *demoWorld) keep(ctx context.Context, s *streams, apps []demoApp) error {
	demoInvitation(s.Out, w, apps)
	select {
	case <-ctx.Done():
		return nil
	case <-w.failed:
		return errors.New("the worker or its page ended")
	}
}

// demoInvitation prints what can be tried while the demo stays up.
func demoInvitation(out io.Writer, w *demoWorld, apps []demoApp) {
	program, app := demoProgram(), apps[0].id
	fmt.Fprintf(out, `
The demo stays up until Ctrl-C. In another terminal:

  export REDIS_URL=%s
  %s enqueue add shop.example.com --app %s --wait
  %s status --app %s

The page is at %s

The simulated world takes any domain. A word in its first label says how it behaves:

`, w.redisURL(), program, app, program, app, w.page)
	for _, line := range simulator.Conventions() {
		fmt.Fprintf(out, "  %s\n", line)
	}
	fmt.Fprintln(out)
}

// demoProgram is how this program was called. go run builds it where nobody
// could call it again.
func demoProgram() string {
	if strings.Contains(os.Args[0], "go-build") {
		return "go run ./cmd/pilotsync"
	}
	return os.Args[0]
}
