package browsertest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestABrowserShowsAPageAndWhatIsWrongWithIt(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, password, _ := r.BasicAuth(); name != "ada" || password != "päss" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		switch r.URL.Path {
		case "/":
			w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; img-src 'self'")
			_, _ = io.WriteString(w, `<!doctype html><link rel=icon href="data:,"><h1>Hello</h1><script>1</script><script src="/throws.js"></script>`)
		case "/throws.js":
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = io.WriteString(w, `console.error("said", 7); console.log("harmless"); null.thrown`)
		}
	}))
	t.Cleanup(server.Close)
	ctx, seen := open(t)
	if err := chromedp.Do(ctx, Login("ada", "päss"), chromedp.Navigate(server.URL)); err != nil {
		t.Fatal(err)
	}
	if title, err := chromedp.Run(ctx, chromedp.Text("h1")); err != nil || title != "Hello" {
		t.Errorf("the page says %q, %v", title, err)
	}
	all := strings.Join(seen.other([]string{"data:,"}), "\n")
	for _, want := range []string{"Content Security Policy directive 'script-src 'self''", `console: "said" 7`, "reading 'thrown'"} {
		if !strings.Contains(all, want) {
			t.Errorf("no complaint holds %s:\n%s", want, all)
		}
	}
	if strings.Contains(all, "harmless") || strings.Contains(strings.Join(seen.other([]string{"said"}), "\n"), "said") {
		t.Errorf("what is harmless or allowed is complained of:\n%s", all)
	}
}
