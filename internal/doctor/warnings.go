package doctor

import (
	"fmt"
	"strings"

	"pilotsync/internal/serverpilot"
	"pilotsync/tasks"
)

// Checks of an app that have a result only for some apps.

// evaluateConnection fails for a disconnected server; before its app is of use, it has to be back.
func evaluateConnection(server serverpilot.Server) []Result {
	since := server.DisconnectedSince()
	if since.IsZero() {
		return nil
	}
	cause := tasks.Cause{Code: tasks.CauseServerDisconnected, Params: tasks.Params{Since: since}}
	return []Result{failure(CheckServer, cause.Sentence(), cause.Remedy())}
}

// evaluateCoverage is about a list that doesn't fit on one certificate of Let's Encrypt. It
// passes if ServerPilot has certificates for all of its names.
func evaluateCoverage(app serverpilot.App) []Result {
	c := serverpilot.CoverageOf(app)
	switch {
	case c == nil:
		return nil
	case c.Covered == c.Names:
		return []Result{ok(CheckCoverage, fmt.Sprintf("ServerPilot's certificates cover all %d names; one of Let's Encrypt holds %d", c.Names, serverpilot.MaxCertificateNames))}
	}
	return []Result{warning(CheckCoverage, fmt.Sprintf("%d names are on its list, and a certificate of Let's Encrypt holds %d; ServerPilot's certificate covers %d. Not covered: %s",
		c.Names, serverpilot.MaxCertificateNames, c.Covered, c.Uncovered()), "Move sites to another app, set PILOTSYNC_WWW=main_only or never, or install a certificate of your own.")}
}

// evaluateShared warns of names that other apps of the server have, too.
func evaluateShared(shared []tasks.Cause) []Result {
	if len(shared) == 0 {
		return nil
	}
	var all []string
	for _, c := range shared {
		all = append(all, c.Sentence())
	}
	return []Result{warning(CheckShared, strings.Join(all, "; "), shared[0].Remedy())}
}
