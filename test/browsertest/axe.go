package browsertest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// axeScript is axe-core in the repository. Make's target setup installs it, as package-lock.json
// says.
const axeScript = "test/browsertest/node_modules/axe-core/axe.min.js"

// findAxe has axe-core's default rules, which are WCAG 2.x A and AA and good practice.
const findAxe = `axe.run(document, { resultTypes: ["violations"] }).then((found) => found.violations.flatMap((v) =>
	v.nodes.map((n) => v.id + ": " + v.help + ": " + n.target.join(" ") + ": " + n.failureSummary.replace(/\s+/g, " "))))`

// Violations returns a function that finds what keeps people from using the page that a browser
// shows, by axe-core. Without axe-core it skips the test.
func Violations(t testing.TB) func(ctx context.Context) ([]string, error) {
	t.Helper()
	script, err := readAxe()
	if err != nil {
		t.Skip("needs axe-core of npm in test/browsertest (make setup): ", err)
	}
	return func(ctx context.Context) (found []string, err error) {
		// The browser's own interface runs scripts that the page's policy forbids.
		if _, err := chromedp.Run(ctx, chromedp.Evaluate[string](string(script)+"\n;axe.version")); err != nil {
			return nil, err
		}
		return chromedp.Run(ctx, chromedp.Evaluate[[]string](findAxe, chromedp.EvalAwaitPromise))
	}
}

// readAxe finds axe-core from the folder of any package of the repository.
func readAxe() ([]byte, error) {
	folder, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	for {
		script, err := os.ReadFile(filepath.Join(folder, axeScript))
		if !errors.Is(err, fs.ErrNotExist) || folder == filepath.Dir(folder) {
			return script, err
		}
		folder = filepath.Dir(folder)
	}
}
