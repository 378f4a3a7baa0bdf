// Package browsertest runs a headless Chromium for tests of pages. Each test has its own, which can
// reach only this machine and ends with the test. An error in the browser's console, such as a
// violated content security policy, fails the test. Without Chromium the test is skipped.
package browsertest

import (
	"context"
	"encoding/base64"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

const (
	// testLimit is how long a test may use its browser; it ends a browser that hangs. A test has
	// hundreds of steps, each of which takes seconds on a busy machine.
	testLimit = 10 * time.Minute
	// endLimit is how long a browser may take to end by itself.
	endLimit = 10 * time.Second
)

// New starts a browser and returns the context that chromedp's actions run in. It
// ends after ten minutes at the latest.
//
// The test fails for each error in the browser's console that holds none of the allowed texts.
// Such are scripts that throw, answers of 400 and above, and what a content security policy
// blocked.
func New(t testing.TB, allowed ...string) context.Context {
	t.Helper()
	ctx, seen := open(t)
	t.Cleanup(func() { // before the browser ends
		for _, complaint := range seen.other(allowed) {
			t.Error("the browser complains: " + complaint)
		}
	})
	return ctx
}

// Login makes the browser send a name and a password with each later request.
func Login(name, password string) chromedp.Action[chromedp.Void] {
	credentials := base64.StdEncoding.EncodeToString([]byte(name + ":" + password))
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{
			Headers: network.Headers{"Authorization": "Basic " + credentials},
		})
		return err
	})
}

func open(t testing.TB) (context.Context, *complaints) {
	t.Helper()
	path := program()
	if path == "" {
		t.Skip("needs chromium on PATH (Debian: apt install chromium), to look at pages as a browser shows them")
	}
	limited, stop := context.WithTimeout(context.Background(), testLimit)
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.NoSandbox, // tests run as root in containers, where there is none
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		// Only this machine can be resolved and reached.
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost"),
		chromedp.WindowSize(1280, 900),
	)
	allocator, free := chromedp.NewExecAllocator(limited, options...)
	ctx, _ := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		ending, cancel := context.WithTimeout(ctx, endLimit)
		defer cancel()
		_ = chromedp.Cancel(ending) // the lines below kill one that doesn't end
		free()
		stop()
		if c := chromedp.FromContext(ctx); c != nil && c.Allocator != nil {
			c.Allocator.Wait()
		}
	})
	seen := &complaints{}
	if err := chromedp.Listen(ctx, seen.hear); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return ctx, seen
}

// program is Chromium's path, by the names it has in distributions; empty for none.
func program() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// complaints are the errors in a browser's console.
type complaints struct {
	mu    sync.Mutex
	texts []string
}

func (c *complaints) hear(event any) {
	var text string
	switch event := event.(type) {
	case *log.EventEntryAdded:
		if event.Entry.Level != log.EntryLevelError {
			return
		}
		text = fmt.Sprintf("%s: %s %s", event.Entry.Source, event.Entry.Text, event.Entry.URL)
	case *runtime.EventExceptionThrown:
		text = "exception: " + event.ExceptionDetails.Text
		if thrown := event.ExceptionDetails.Exception; thrown != nil {
			text += " " + thrown.Description
		}
	case *runtime.EventConsoleAPICalled:
		if event.Type != "error" && event.Type != "assert" {
			return
		}
		var args []string
		for _, arg := range event.Args {
			args = append(args, string(arg.Value)+arg.Description)
		}
		text = "console: " + strings.Join(args, " ")
	default:
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.texts = append(c.texts, text)
}

// other returns the complaints that hold none of the allowed texts.
func (c *complaints) other(allowed []string) (others []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
next:
	for _, text := range c.texts {
		for _, part := range allowed {
			if strings.Contains(text, part) {
				continue next
			}
		}
		others = append(others, text)
	}
	return others
}
