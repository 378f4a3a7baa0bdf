package dashboard

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"golang.org/x/crypto/bcrypt"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/browsertest"
)

// shownDomains are the names on the page of domains, in their order.
const shownDomains = `[...document.querySelectorAll("#results tbody th a")].map(a => a.getAttribute("href").split("/").pop()).join(" ")`

func TestDomainsThatNeedAttentionComeFirst(t *testing.T) {
	t.Parallel()
	w := newFixture(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}, {ID: "app2"}}}, nil)
	b := tab{t, browsertest.New(t)}
	w.startWorker("app1", "app2")
	w.enqueue("app1", false, "aaa.example.com", "elsewhere-a.example.com", "elsewhere-b.example.com", "caa-shop.example.com", "bücher.example.com")
	w.enqueue("app2", false, "elsewhere-c.example.com", "refused-casino.example.net")
	for domain, state := range map[string]tasks.State{"elsewhere-a.example.com": tasks.Failed, "elsewhere-b.example.com": tasks.Failed, "caa-shop.example.com": tasks.DoneWithoutSSL,
		"xn--bcher-kva.example.com": tasks.Done, "aaa.example.com": tasks.Done} {
		w.awaitState("app1", domain, state)
	}
	w.awaitState("app2", "elsewhere-c.example.com", tasks.Failed)
	w.awaitState("app2", "refused-casino.example.net", tasks.Rejected)

	b.open(w.url + "/")
	b.awaitTrue(`document.querySelector("#attention .groups a")?.innerText.replace(/\s+/g, " ") === "3 DNS elsewhere"`)
	groups := b.text(`[...document.querySelectorAll("#attention .groups a")].map(a => a.innerText.replace(/\s+/g, " ")).join(", ")`)
	if groups != "3 DNS elsewhere, 1 CAA forbids, 1 Refused by ServerPilot" {
		t.Errorf("the groups are %q", groups)
	}
	if !b.holds(`document.querySelector("main section").getAttribute("aria-labelledby") === "h-attention" && document.querySelector("#attention li p").innerText.startsWith("Make the domain point to the app's server")`) {
		t.Error("the groups don't come first, or have no remedy:\n" + b.text(`document.querySelector("main").innerText`))
	}
	if !b.holds(`[...document.querySelectorAll("#apps tr")].filter(tr => tr.innerText.includes("needs attention")).length === 2`) {
		t.Error("an app with failures looks in order:\n" + b.text(`document.querySelector("#apps").innerText`))
	}
	for _, path := range []string{"/", "/domains"} {
		b.open(w.url + path)
		for _, window := range []struct {
			name, scheme  string
			width, height int64
		}{{"light", "light", 1280, 900}, {"dark", "dark", 1280, 900}, {"phone", "light", 390, 844}} {
			b.setWindow(window.width, window.height, window.scheme)
			if b.holds("document.documentElement.scrollWidth > innerWidth") {
				t.Errorf("%s is too wide for %s", path, window.name)
			}
			screenshot(t, b.ctx, "attention"+strings.ReplaceAll(path, "/", "-")+"-"+window.name)
		}
	}
	b.setWindow(1280, 900, "light")
	b.open(w.url + "/")
	b.do(click("#attention .groups a"))
	b.awaitTrue(`location.pathname + location.search === "/domains?cause=DNSElsewhere" && ` + shownDomains + ` === "elsewhere-a.example.com elsewhere-b.example.com elsewhere-c.example.com"`)

	// Trouble sorts first, in the whole list and in a search.
	b.open(w.url + "/domains")
	b.awaitTrue(shownDomains + ` === "elsewhere-a.example.com elsewhere-b.example.com elsewhere-c.example.com refused-casino.example.net caa-shop.example.com aaa.example.com xn--bcher-kva.example.com"`)
	for text, want := range map[string]string{
		"a.example.com": "elsewhere-a.example.com aaa.example.com xn--bcher-kva.example.com", "ÜCHER.ex": "xn--bcher-kva.example.com", "bcher-k": "xn--bcher-kva.example.com",
		"cause:caaforbids": "caa-shop.example.com", "https://www.aaa.example.com/cart": "aaa.example.com", "<b>": "",
	} {
		b.open(w.url + "/domains?q=" + url.QueryEscape(text))
		if got := b.text(shownDomains); got != want {
			t.Errorf("%q finds %q, want %q", text, got, want)
		}
	}

	// The filter by cause works while typing, too.
	b.open(w.url + "/domains?cause=CAAForbids&q=shop")
	b.awaitTrue(shownDomains + ` === "caa-shop.example.com" && document.querySelector("select[name=cause]").value === "CAAForbids"`)
}

func TestDomainsOfASiteAreFound(t *testing.T) {
	t.Parallel()
	w := newFixture(t, simulator.Options{}, nil)
	w.startWorker("app1")
	if _, err := w.client.Enqueue(t.Context(), enqueue.Request{AppID: "app1", Domain: "one.example.com", SiteID: 12}, enqueue.Request{AppID: "app1", Domain: "two.example.com", SiteID: 12},
		enqueue.Request{AppID: "app1", Domain: "12monkeys.example.com", SiteID: 3}); err != nil {
		t.Fatal(err)
	}
	w.awaitState("app1", "two.example.com", tasks.Done)
	w.awaitState("app1", "one.example.com", tasks.Done)
	w.awaitState("app1", "12monkeys.example.com", tasks.Done)
	b := tab{t, browsertest.New(t)}
	for text, want := range map[string]string{"site:12": "one.example.com two.example.com", "12": "12monkeys.example.com one.example.com two.example.com", "site:3": "12monkeys.example.com", "site:4": ""} {
		b.open(w.url + "/domains?q=" + text)
		if got := b.text(shownDomains); got != want {
			t.Errorf("%q finds %q, want %q", text, got, want)
		}
	}
}

func TestASnoozeEndsByItselfWhenTheCauseChanges(t *testing.T) {
	t.Parallel()
	line := func(name, role string) string {
		hash, err := bcrypt.GenerateFromPassword([]byte("secret-"+name), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		return name + ":" + string(hash) + ":" + role + "\n"
	}
	users, err := ParseUsers([]byte(line("ada", "act") + line("viola", "view")))
	if err != nil {
		t.Fatal(err)
	}
	w := newFixture(t, simulator.Options{}, func(cfg *Config) { cfg.Users = users })
	w.startWorker("app1")
	w.enqueue("app1", false, "elsewhere-shop.example.com", "nodns-shop.example.com")
	w.awaitState("app1", "elsewhere-shop.example.com", tasks.Failed)
	w.awaitState("app1", "nodns-shop.example.com", tasks.Failed)
	path := "/domains/app1/elsewhere-shop.example.com"
	if status := httpStatus(t, http.MethodPost, w.url+path+"/snooze", "viola"); status != http.StatusForbidden {
		t.Errorf("a reader snoozes: %d", status)
	}
	b := tab{t, browsertest.New(t, "422 (Unprocessable Entity)")} // a note is missing
	home := strings.Replace(w.url, "http://", "http://ada:secret-ada@", 1)
	b.open(home + path)
	const note = `waits for <script>document.title = "broken"</script> Bob`
	// To choose a day is enough: it chooses "until" as well.
	b.do(click("#do-snooze summary"), click(`#do-snooze input[value="never"]`), chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`{
		const day = document.querySelector("#do-snooze input[type=date]");
		day.stepUp();
		day.dispatchEvent(new Event("input", { bubbles: true }));
		document.querySelector("#note").value = %q;
	} undefined`, note)))
	if !b.holds(`document.querySelector("#do-snooze input[name=how]:checked").value === "date" && !document.querySelector("#note").required`) {
		t.Error("a chosen day isn't what the form sends")
	}
	screenshot(t, b.ctx, "snooze-form-light")
	b.setWindow(390, 844, "dark")
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#do-snooze").scrollIntoView(); undefined`))
	screenshot(t, b.ctx, "snooze-form-phone-dark")
	if b.holds("document.documentElement.scrollWidth > innerWidth") {
		t.Error("the form is too wide for a phone")
	}
	b.setWindow(1280, 900, "light")
	b.do(click("#do-snooze button"))
	b.awaitTrue(`location.search === "?asked=snooze" && document.querySelector(".notice.calm")?.innerText.includes("Snoozed by ada")`)
	if !b.holds(fmt.Sprintf(`document.querySelector(".notice.calm .note").textContent === %q && document.querySelector(".notice.calm").innerText.includes("Until the end of 20") && document.title !== "broken"`, note)) {
		t.Errorf("the note or the date isn't shown as text:\n%s", b.text(`document.querySelector(".notice.calm").innerText`))
	}
	screenshot(t, b.ctx, "snoozed-light")

	// A check that finds the same doesn't end it.
	entries := b.text(`document.querySelectorAll("#history li").length`)
	b.mouse("#verify button")
	b.awaitTrue(`location.search === "?asked=verify" && document.querySelectorAll("#history li").length > ` + entries)
	b.awaitTrue(`document.querySelector("#history li").innerText.includes("attempt 3") && document.querySelector("#state").innerText === "DNS failed"`)
	if !b.holds(`document.querySelector(".notice.calm")?.innerText.includes("Snoozed by ada")`) {
		t.Error("Verify now ends the snooze")
	}

	b.open(w.url + "/")
	b.awaitTrue(`document.querySelector("#attention .groups").innerText.replace(/\s+/g, " ").startsWith("1 DNS missing") && document.querySelectorAll("#attention li").length === 1`)
	b.do(click("#attention .below a"))
	b.awaitTrue(`location.search === "?snoozed=1" && ` + shownDomains + ` === "elsewhere-shop.example.com" && document.querySelector("#results .snoozed").textContent === "Snoozed"`)

	// One that won't be fixed needs a note, and is taken back by hand.
	b.open(w.url + "/domains/app1/nodns-shop.example.com")
	b.do(click("#do-snooze summary"), click(`#do-snooze input[value="never"]`), click("#do-snooze button"))
	if !b.holds(`document.querySelector("#note:invalid") && document.activeElement.id === "note"`) {
		t.Error("the browser doesn't ask for the note")
	}
	if !b.holds(`((day) => { day.value = "2020-01-01"; return day.matches(":invalid"); })(document.querySelector("#do-snooze input[type=date]"))`) {
		t.Error("the browser takes a day that has passed")
	}
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#do-snooze form").submit(); undefined`)) // without the browser's checks
	b.awaitTrue(`document.body.innerText.includes("needs a note that says why")`)
	b.open(w.url + "/domains/app1/nodns-shop.example.com")
	b.do(click("#do-snooze summary"), click(`#do-snooze input[value="never"]`), chromedp.Evaluate[chromedp.Void](`document.querySelector("#note").value = "customer left"; undefined`), click("#do-snooze button"))
	b.awaitTrue(`document.querySelector(".notice.calm")?.innerText.includes("Marked won't fix by ada")`)
	b.open(w.url + "/")
	b.awaitTrue(`document.querySelector("#attention").innerText.includes("No domain needs attention.") && document.querySelector("#attention .below").innerText.includes("2 domains are snoozed")`)
	b.open(w.url + "/domains/app1/nodns-shop.example.com")
	b.do(click("#do-wake summary"), click("#do-wake button"))
	b.awaitTrue(`location.search === "?asked=wake" && !document.querySelector(".notice.calm") && document.querySelector("#do-snooze")`)

	// The history and the audit say who did that, and when.
	if got := b.text(`[...document.querySelectorAll("#history li")].slice(0, 2).map((li) => li.innerText.replace(/,[^\n]*/g, "").replace(/\s+/g, " ").trim()).join("; ")`); got != "End the snooze by ada; Won't fix by ada customer left" {
		t.Errorf("the history begins with %q", got)
	}
	screenshot(t, b.ctx, "snooze-history-light")
	b.open(w.url + "/apps/app1")
	b.do(click("#do-pause summary"), click("#do-pause button"))
	b.awaitTrue(`location.search === "?asked=pause" && document.querySelector("#do-resume")`)
	b.do(click("#do-resume summary"), click("#do-resume button"))
	b.awaitTrue(`location.search === "?asked=resume"`)
	b.open(w.url + "/audit?user=ada")
	const audited = `[...document.querySelectorAll(".audit tbody tr")].map((tr) => [...tr.cells].slice(0, 3).map((td) => td.innerText.trim()).join(" ")).join("; ")`
	day := b.text(`document.querySelector(".audit tbody tr:last-child .note").textContent.slice(0, 16)`)
	if got, want := b.text(audited), "the app app1 Resume ada; the app app1 Pause ada; nodns-shop.example.com End the snooze ada; nodns-shop.example.com Won't fix customer left ada; "+
		"elsewhere-shop.example.com Verify ada; elsewhere-shop.example.com Snooze "+day+": "+note+" ada"; got != want || !strings.HasPrefix(day, "until 20") {
		t.Errorf("the audit is %q, want %q", got, want)
	}
	b.sizes("audit-actions")

	// A verification that finds another cause ends the snooze.
	w.sim.SetBehaviour("elsewhere-shop.example.com", simulator.Behaviour{NoDNS: true})
	w.sim.SetBehaviour("www.elsewhere-shop.example.com", simulator.Behaviour{PointsTo: []netip.Addr{netip.MustParseAddr("127.0.0.9")}})
	if _, err := w.client.Verify(t.Context(), "ada", enqueue.Target{AppID: "app1", Domain: "elsewhere-shop.example.com"}); err != nil {
		t.Fatal(err)
	}
	b.open(w.url + "/")
	b.awaitTrue(`document.querySelector("#attention .groups")?.innerText.replace(/\s+/g, " ").startsWith("2 DNS missing") && !document.querySelector("#attention .below")`)
}

func TestADateThatIsNoneOrHasPassedIsRefused(t *testing.T) {
	t.Parallel()
	for date, want := range map[string]string{"": "it takes a day such as 2026-03-08", "2026-02-30": "it takes a day", "2026-02-28": "has passed", "2030-01-01": "more than two years", "2026-03-01": ""} {
		until, err := snoozeEnd(date, noon)
		if want == "" && (err != nil || !time.UnixMilli(until).Equal(noon.Add(12*time.Hour))) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %d, %v; want %q", date, until, err, want)
		}
	}
}
