package dashboard

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/redis/go-redis/v9"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/browsertest"
	"pilotsync/worker/operator"
)

// bistro is bücher-café.example.com in ASCII.
const bistro = "xn--bcher-caf-j4a4r.example.com"

// newBusyFixture has apps and domains in all kinds of trouble.
func newBusyFixture(t *testing.T) *fixture {
	t.Helper()
	full := []string{"zentrale.example.org", "www.zentrale.example.org", "Archiv.example.org"}
	for i := range 270 {
		full = append(full, "kunde"+formatNumber(1000 + i)[2:]+".example.net")
	}
	w := newFixture(t, simulator.Options{CertDelay: time.Millisecond, Apps: []simulator.App{
		{ID: "agency-berlin", Domains: full}, {ID: "agency-lisbon"}, {ID: "studio-oslo"}, {ID: "werkstatt"}}}, nil)
	w.sim.SetAppStatus("studio-oslo", 402)
	w.sim.SetAppStatus("werkstatt", 503)
	w.startWorker("agency-berlin", "agency-lisbon", "studio-oslo", "werkstatt")
	w.enqueue("agency-berlin", false, "brauhaus.example.com", "zahnarzt.example.com", "bücher-café.example.com", "elsewhere-hotel.example.com",
		"garten.example.org", "nodns-surf.example.com", "nocert-fado.example.com", "refused-casino.example.net", "messe-2025.example.com", "*.wild.example.com")
	w.enqueue("agency-lisbon", false, "padaria.example.com", "latecert-galeria.example.com", "a-very-long-name-that-somebody-thought-a-good-idea-for-a-shop.subdomain.of.another.example.com")
	w.enqueue("studio-oslo", false, "fjord.example.com", "kaffe.example.com")
	w.enqueue("werkstatt", false, "tischler.example.com")
	w.awaitState("agency-berlin", "messe-2025.example.com", tasks.Done)
	w.enqueue("agency-berlin", true, "messe-2025.example.com")
	w.awaitState("agency-berlin", "messe-2025.example.com", tasks.Removed)
	w.awaitState("agency-berlin", "elsewhere-hotel.example.com", tasks.Failed)
	w.awaitState("agency-berlin", "nocert-fado.example.com", tasks.DoneWithoutSSL)
	w.awaitState("agency-berlin", bistro, tasks.Done)
	if err := w.sim.EditByHand("agency-berlin", func(list []string) []string { // garten.example.org is removed in ServerPilot
		return list[:len(list)-1]
	}); err != nil {
		t.Fatal(err)
	}
	await(t, "two apps are failing", func() bool {
		apps, err := w.ledger.AppStates(t.Context(), "studio-oslo", "werkstatt")
		return err == nil && apps[0].Failure != nil && apps[1].Failure != nil
	})
	if err := operator.New(w.rdb).Pause(t.Context(), "agency-lisbon", "ada"); err != nil {
		t.Fatal(err)
	}
	w.enqueue("agency-lisbon", false, "wartet.example.com")
	// The simulator's certificates are new, so the ledger's indexes get earlier times.
	for index, at := range map[string]time.Time{"expiry": time.Now().Add(80 * time.Hour), "renew_by": time.Now().Add(-time.Hour)} {
		if err := w.rdb.ZAdd(t.Context(), "pilotsync:{agency-berlin}:"+index, redis.Z{Member: bistro, Score: float64(at.Unix())}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// namedPage is a page of the fixture.
type namedPage struct{ name, path string }

func busyPages() []namedPage {
	return []namedPage{
		{"overview", "/"}, {"domains", "/domains"}, {"filtered", "/domains?state=failed&state=done-without-ssl&app=agency-berlin"}, {"nothing", "/domains?q=zzz"},
		{"domain-failed", "/domains/agency-berlin/elsewhere-hotel.example.com"}, {"domain-done", "/domains/agency-berlin/" + bistro + "?asked=verify"},
		{"domain-pending", "/domains/studio-oslo/fjord.example.com"}, {"domain-wildcard", "/domains/agency-berlin/*.wild.example.com"},
		{"domain-long", "/domains/agency-lisbon/a-very-long-name-that-somebody-thought-a-good-idea-for-a-shop.subdomain.of.another.example.com"},
		{"asynqmon", "/asynqmon/queues/domains?status=completed"}, {"app", "/apps/agency-berlin"}, {"app-blocked", "/apps/studio-oslo"}, {"app-paused", "/apps/agency-lisbon?asked=pause"}, {"apps", "/apps"}, {"audit", "/audit"}, {"missing", "/domains/agency-berlin/unknown.example.com"},
	}
}

// Leaves screenshots of every page: light, dark and on a phone. It also checks that no page
// is wider than its window.
func TestEveryPageFitsItsWindow(t *testing.T) {
	t.Parallel()
	w, ctx := newBusyFixture(t), browsertest.New(t, "404 (Not Found)")
	folder := "screenshots"
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	b := tab{t, ctx}
	for _, window := range []struct {
		name, scheme  string
		width, height int64
	}{{"light", "light", 1280, 900}, {"dark", "dark", 1280, 900}, {"phone", "light", 390, 844}, {"phone-dark", "dark", 390, 844}} {
		if testing.Short() && window.scheme == "dark" { // colors make no page wider
			continue
		}
		b.setWindow(window.width, window.height, window.scheme)
		for _, page := range busyPages() {
			b.open(w.url + page.path)
			if page.name == "domain-failed" {
				b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#do-remove").open = true; undefined`))
			}
			if page.name == "asynqmon" { // its width isn't under our control
				b.awaitTrue(`document.body.innerText.includes("domain:add")`)
			} else if over := b.text("document.documentElement.scrollWidth - innerWidth"); b.holds("document.documentElement.scrollWidth > innerWidth") {
				t.Errorf("%s is %s px too wide for %s", page.path, over, window.name)
			}
			if testing.Short() {
				continue
			}
			shot, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(folder, page.name+"-"+window.name+".png"), shot, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}
