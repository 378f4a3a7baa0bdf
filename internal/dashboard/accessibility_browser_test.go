package dashboard

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/browsertest"
)

func TestNoPageKeepsPeopleFromUsingIt(t *testing.T) {
	t.Parallel()
	find := browsertest.Violations(t)
	w, ctx := newBusyFixture(t), browsertest.New(t, "404 (Not Found)", "403 (Forbidden)", "422 (Unprocessable Entity)", "503 (Service Unavailable)")
	b := tab{t, ctx}
	check := func(what string) {
		t.Helper()
		found, err := find(ctx)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		for _, violation := range found {
			t.Errorf("%s: %s", what, violation)
		}
	}
	const openAll = `document.querySelectorAll("details").forEach((d) => { d.removeAttribute("name"); d.open = true; }); undefined`
	windows := []struct {
		name, scheme  string
		width, height int64
	}{{"light", "light", 1280, 900}, {"dark", "dark", 1280, 900}, {"a phone", "light", 390, 844}}
	for _, window := range windows {
		if testing.Short() && window.name != "light" {
			continue
		}
		b.setWindow(window.width, window.height, window.scheme)
		for _, page := range busyPages() {
			if page.name == "asynqmon" { // another project's
				continue
			}
			b.open(w.url + page.path)
			b.do(chromedp.Evaluate[chromedp.Void](openAll))
			check(page.path + ", " + window.name)
		}
		b.open(w.url + "/apps/agency-berlin")
		b.do(click("#do-add summary"), chromedp.Evaluate[chromedp.Void](`document.querySelector("#domains").value = "new.example.com\nnodns-neu.example.com\nno domain"; undefined`), click("#do-add button"))
		b.awaitTrue(`document.querySelector(".checked input")`)
		check("the results of a check, " + window.name)
		b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#domains").value = ""; undefined`), click(".add button"))
		b.awaitTrue(`document.querySelector('[role="alert"]')`)
		check("a refused form, " + window.name)
		b.open(w.url + "/domains?q=elsewhere")
		b.do(click("#select-all"), click(`#bulk button[value="verify"]`))
		b.awaitTrue(`document.querySelector(".progress progress")`)
		check("a progress, " + window.name)
		b.open(w.url + "/domains?q=example")
		b.do(click("#select-all"), click(`#bulk button[value="remove"]`))
		b.awaitTrue(`document.querySelector("button.danger")`)
		check("a question before a removal, " + window.name)
		b.open(w.url + "/apps/agency-berlin")
		b.do(click("#do-remove summary"), chromedp.Evaluate[chromedp.Void](`document.querySelector("#leaving").value = "elsewhere-hotel.example.com\nunknown.example.com\nno domain"; undefined`), click("#do-remove button"))
		b.awaitTrue(`document.querySelector("button.danger") && document.body.innerText.includes("unknown.example.com")`)
		check("a question before a list is removed, " + window.name)
	}
	readOnly, _ := w.serve(func(cfg *Config) { cfg.Open = View })
	_, locked := w.serve(func(cfg *Config) { cfg.Users = testUsers(t) })
	for _, window := range windows {
		b.setWindow(window.width, window.height, window.scheme)
		b.open(readOnly + "/domains/agency-berlin/elsewhere-hotel.example.com")
		b.do(chromedp.Evaluate[chromedp.Void](`((form) => { form.method = "post"; form.action = "/domains/agency-berlin/elsewhere-hotel.example.com/verify"; document.body.append(form); form.submit(); })(document.createElement("form")); undefined`))
		b.awaitTrue(`document.querySelector(".code")?.textContent === "403"`)
		check("a refused action, " + window.name)
		b.do(click("#main .button"))
		b.awaitTrue(`location.pathname === "/domains/agency-berlin/elsewhere-hotel.example.com"`)
		rec := sendRequest(locked.Handler(), "GET", "/", func(r *http.Request) { r.Header.Set("Accept", "text/html,*/*") })
		b.open("data:text/html;charset=utf-8;base64," + base64.StdEncoding.EncodeToString(rec.Body.Bytes()))
		if got := b.text("document.body.innerText.trim()"); !strings.Contains(got, "The dashboard needs a name and a password.") {
			t.Errorf("without a login a browser shows %q", got)
		}
		check("without a login, " + window.name)
	}
	w.redis.Stop()
	for _, window := range windows {
		b.setWindow(window.width, window.height, window.scheme)
		b.open(w.url + "/")
		b.awaitTrue(`document.querySelector(".code")?.textContent === "503"`)
		check("the page about Redis, " + window.name)
	}
}

// pressTab moves the focus as a keyboard does.
func pressTab() chromedp.Action[chromedp.Void] { return chromedp.KeyEvent(kb.Tab) }

func TestEverythingWorksByKeyboard(t *testing.T) {
	t.Parallel()
	w := newFixture(t, simulator.Options{}, nil)
	w.startWorker("app1")
	w.enqueue("app1", false, "elsewhere-hotel.example.com", "shop.example.com")
	w.awaitState("app1", "elsewhere-hotel.example.com", tasks.Failed)
	w.awaitState("app1", "shop.example.com", tasks.Done)
	b := tab{t, browsertest.New(t)}
	b.do(noIntervals())

	b.open(w.url + "/domains/app1/elsewhere-hotel.example.com")
	b.do(pressTab())
	if got := b.text("document.activeElement.textContent"); got != "Skip to the content" {
		t.Errorf("the first key goes to %q", got)
	}
	b.do(chromedp.KeyEvent(kb.Enter))
	b.awaitTrue(`document.activeElement.id === "main"`)

	// All that can be used is reached in the order of the page, and shows that it has the focus.
	b.open(w.url + "/domains/app1/elsewhere-hotel.example.com")
	b.awaitTrue(`document.getElementById("live").textContent === "Live"`)
	const usable = `[...document.querySelectorAll("a[href], button, summary, input, textarea, [tabindex='0']")].filter((el) => el.checkVisibility())`
	b.do(chromedp.Evaluate[chromedp.Void](`window.reached = []; undefined`))
	focused := `(() => { const el = document.activeElement, style = getComputedStyle(el), box = el.getBoundingClientRect();
		window.reached.push(` + usable + `.indexOf(el));
		return JSON.stringify([el.textContent.trim().slice(0, 40) || el.id, style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0, box.bottom > 0 && box.top < innerHeight]); })()`
	for range 60 {
		b.do(pressTab())
		if b.holds(`document.activeElement === document.body`) {
			break
		}
		if got := b.text(focused); !strings.HasSuffix(got, ",true,true]") {
			t.Errorf("the focus can't be seen: %s", got)
		}
	}
	if !b.holds(usable + `.every((el, i) => window.reached[i] === i)`) {
		t.Errorf("of %s elements these were reached: %s", b.text(usable+".length"), b.text("window.reached"))
	}

	// A live update replaces the element that has the focus, and the next has it.
	const copyButton = `document.querySelector("#dns tbody tr:last-child button")`
	b.do(chromedp.Evaluate[chromedp.Void](`window.old = ` + copyButton + `; old.focus(); old.dataset.changed = ""; undefined`))
	w.enqueue("app1", false, "elsewhere-hotel.example.com")
	b.awaitTrue(`!window.old.isConnected && document.activeElement === ` + copyButton)
	w.awaitState("app1", "elsewhere-hotel.example.com", tasks.Failed)

	// An action: Enter opens it, Escape closes it, Space presses its button.
	b.do(chromedp.Focus(chromedp.CSS("#do-remove summary")), chromedp.KeyEvent(kb.Enter))
	b.awaitTrue(`document.querySelector("#do-remove").open`)
	b.do(chromedp.KeyEvent(kb.Escape))
	b.awaitTrue(`!document.querySelector("#do-remove").open && document.activeElement === document.querySelector("#do-remove summary")`)
	b.do(chromedp.KeyEvent(kb.Enter), pressTab(), chromedp.KeyEvent(" "))
	b.awaitTrue(`location.search === "?asked=remove" && document.readyState === "complete"`)
	w.awaitState("app1", "elsewhere-hotel.example.com", tasks.Removed)

	// The search, its results and its filters.
	b.open(w.url + "/domains")
	b.do(press("/"), chromedp.KeyEvent("shop"))
	b.awaitTrue(`document.getElementById("total").textContent === "1 domain found"`)
	b.do(chromedp.Focus(chromedp.CSS("#results tbody a")), chromedp.KeyEvent(kb.Enter))
	b.awaitTrue(`location.pathname === "/domains/app1/shop.example.com" && document.readyState === "complete"`)
	b.open(w.url + "/domains")
	b.do(chromedp.Focus(chromedp.CSS(".pill.removed input")), chromedp.KeyEvent(" "))
	b.awaitTrue(`document.getElementById("total").textContent === "1 domain found"`)
}

func TestAPageMovesOnlyForPeopleWhoWantThat(t *testing.T) {
	t.Parallel()
	w := newFixture(t, simulator.Options{}, nil)
	w.enqueue("app1", false, "shop.example.com") // no worker is running, so it waits
	b := tab{t, browsertest.New(t)}
	for wish, want := range map[string]bool{"no-preference": true, "reduce": false} {
		b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: wish}}})
			return err
		}))
		b.open(w.url + "/")
		for _, path := range []string{"/", "/domains", "/apps"} {
			b.open(w.url + path)
			if moves := b.holds(moving); moves && !want {
				t.Errorf("%s moves for people who prefer %s", path, wish)
			}
		}
		if style := b.text(`(() => { document.body.insertAdjacentHTML("beforeend", '<ol class="steps"><li class="now"><span class="mark"></span></li></ol>'); return document.body.lastElementChild.getAnimations({subtree: true}).length > 0; })()`); style != fmt.Sprint(want) {
			t.Errorf("a step in progress moves: %s; people prefer %s", style, wish)
		}
	}
}

// moving: something on the page moves by an animation, or would by a transition or by scrolling.
const moving = `document.getAnimations().length > 0 || [...document.querySelectorAll("*")].some((el) => {
	const style = getComputedStyle(el);
	return style.transitionDuration !== "0s" || style.scrollBehavior === "smooth" || style.animationName !== "none";
})`
