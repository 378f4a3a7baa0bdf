package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"pilotsync/internal/simulator"
	"pilotsync/internal/terminal"
)

// keep says what to try, and returns when ctx ends.
func (svc *services) keep(ctx context.Context, s *terminal.Streams, apps []appCase) (err error) {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program's path: %w", err)
	}
	ca, remove, err := simulator.WriteFile("", "the certificate authority", "pilotsync-demo-ca-*.pem", svc.sim.CAPEM(), 0o644) // not a secret
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	if err := svc.printSuggestions(s.Out, program, ca, apps); err != nil {
		return fmt.Errorf("print what to try: %w", err)
	}
	select {
	case <-ctx.Done():
		return nil
	case <-svc.failed:
		return errEnded
	}
}

// printSuggestions prints what can be tried while the demo stays up. The commands work
// in a shell in any folder: go run keeps the program in a temporary one.
func (svc *services) printSuggestions(out io.Writer, program, ca string, apps []appCase) error {
	var b strings.Builder
	b.WriteString("\nThe demo stays up until Ctrl-C. Paste this into another terminal first:\n\n")
	fmt.Fprintf(&b, "  pilotsync() { %s \"$@\"; }\n", simulator.ShellQuote(program))
	if set := conflictingVariables(); len(set) > 0 {
		fmt.Fprintf(&b, "  unset %s\n", strings.Join(set, " "))
	}
	var ids []string
	for _, app := range apps {
		ids = append(ids, app.id)
	}
	fmt.Fprintf(&b, "  export REDIS_URL=%s\n", svc.redis.URL())
	for _, setting := range svc.sim.WorkerSettings([][2]string{{"WU_SERVER_PILOT_CLIENT_ID", clientID},
		{"WU_SERVER_PILOT_API_KEY", apiKey}, {"WU_SERVER_PILOT_APP_ID", strings.Join(ids, ",")}}, ca) {
		fmt.Fprintf(&b, "  export %s=%s\n", setting[0], simulator.ShellQuote(setting[1]))
	}
	fmt.Fprintf(&b, `
Then try:

  pilotsync enqueue add shop.example.com --app %[1]s --wait
  pilotsync status --app %[1]s
  pilotsync logs shop.example.com
  pilotsync reconcile --app %[1]s --dry-run

The dashboard is at %[2]s
The page of an app shows ServerPilot's list beside the ledger: %[2]sapps/%[1]s

The simulation takes any domain. A word in its first label decides how it behaves:

`, apps[0].id, svc.dashboard)
	for _, line := range simulator.Conventions() {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	b.WriteString("\n")
	_, err := io.WriteString(out, b.String())
	return err
}

// conflictingVariables are those of this environment that would override the printed
// ones.
func conflictingVariables() (set []string) {
	for _, name := range []string{"PILOTSYNC_CONFIG", "REDIS_URL_FILE", "WU_SERVER_PILOT_CLIENT_ID_FILE", "WU_SERVER_PILOT_API_KEY_FILE", "WU_SERVER_PILOT_APP_ID_FILE"} {
		if os.Getenv(name) != "" {
			set = append(set, name)
		}
	}
	return set
}
