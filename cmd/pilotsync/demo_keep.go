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
func (w *demoWorld) keep(ctx context.Context, s *streams, apps []demoApp) (err error) {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find out where this program is: %w", err)
	}
	ca, remove, err := keep("", "the certificate authority", "pilotsync-demo-ca-*.pem", w.sim.CAPEM(), 0o644) // not a secret
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	if err := w.invite(s.Out, program, ca, apps); err != nil {
		return fmt.Errorf("print what to try: %w", err)
	}
	select {
	case <-ctx.Done():
		return nil
	case <-w.failed:
		return errors.New("the worker or its page ended")
	}
}

// invite prints what can be tried while the demo stays up. The commands work in a shell
// in any folder: go run leaves the program where nobody would find it, for as long as
// it runs.
func (w *demoWorld) invite(out io.Writer, program, ca string, apps []demoApp) error {
	var b strings.Builder
	b.WriteString("\nThe demo stays up until Ctrl-C. Paste this into another terminal first:\n\n")
	fmt.Fprintf(&b, "  pilotsync() { %s \"$@\"; }\n", shellQuote(program))
	if set := conflicting(); len(set) > 0 {
		fmt.Fprintf(&b, "  unset %s\n", strings.Join(set, " "))
	}
	var ids []string
	for _, app := range apps {
		ids = append(ids, app.id)
	}
	fmt.Fprintf(&b, "  export REDIS_URL=%s\n", w.redisURL())
	for _, setting := range simulatorSettings(w.sim, [][2]string{{"WU_SERVER_PILOT_CLIENT_ID", demoClientID},
		{"WU_SERVER_PILOT_API_KEY", demoAPIKey}, {"WU_SERVER_PILOT_APP_ID", strings.Join(ids, ",")}}, ca) {
		fmt.Fprintf(&b, "  export %s=%s\n", setting[0], shellQuote(setting[1]))
	}
	fmt.Fprintf(&b, `
Then try:

  pilotsync enqueue add shop.example.com --app %[1]s --wait
  pilotsync status --app %[1]s
  pilotsync logs shop.example.com
  pilotsync reconcile --app %[1]s --dry-run

The page is at %[2]s
An app's page shows ServerPilot's list beside the ledger: %[2]sapps/%[1]s

The simulated world takes any domain. A word in its first label says how it behaves:

`, apps[0].id, w.page)
	for _, line := range simulator.Conventions() {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	b.WriteString("\n")
	_, err := io.WriteString(out, b.String())
	return err
}

// conflicting are the variables of this environment that would keep the printed ones
// from being used.
func conflicting() (set []string) {
	for _, name := range []string{"PILOTSYNC_CONFIG", "REDIS_URL_FILE", "WU_SERVER_PILOT_CLIENT_ID_FILE", "WU_SERVER_PILOT_API_KEY_FILE", "WU_SERVER_PILOT_APP_ID_FILE"} {
		if os.Getenv(name) != "" {
			set = append(set, name)
		}
	}
	return set
}
