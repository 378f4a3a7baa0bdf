package dashboard

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"golang.org/x/crypto/bcrypt"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/browsertest"
)

func TestPagesFollowADomainWithoutReloading(t *testing.T) {
	t.Parallel()
	w := newFixture(t, simulator.Options{CertDelay: 1500 * time.Millisecond}, nil)
	b := tab{t, browsertest.New(t)}
	b.do(noIntervals())
	b.open(w.url + "/")
	b.awaitTrue(`document.getElementById("live").textContent === "Live"`)
	b.do(chromedp.Evaluate[chromedp.Void](`window.loadedOnce = true; undefined`))
	if !b.holds(`document.body.innerText.includes("No worker is running") && document.body.innerText.includes("No domain was requested yet")`) {
		t.Error("an empty page doesn't show that it is empty:\n" + b.text("document.body.innerText"))
	}
	w.startWorker("app1")
	w.enqueue("app1", false, "shop.example.com")
	b.awaitTrue(`document.querySelector("#latest a")?.textContent === "shop.example.com"`)
	b.awaitTrue(`document.querySelector("#latest .badge").textContent === "Done"`)
	b.awaitTrue(`document.querySelector("#tiles .done .count").textContent === "1" && !document.body.innerText.includes("No worker is running")`)
	if !b.holds("window.loadedOnce") {
		t.Error("the page was reloaded")
	}

	// The same on the domain's own page, during its removal.
	b.do(click(`#latest a[href="/domains/app1/shop.example.com"]`))
	b.awaitTrue(`document.querySelector("h1")?.textContent === "shop.example.com" && document.getElementById("live").textContent === "Live"`)
	for _, step := range []string{"Requested", "Listed", "DNS points here", "Certificate"} {
		if !b.holds(fmt.Sprintf(`[...document.querySelectorAll(".steps .done")].some(li => li.textContent.includes(%q))`, step)) {
			t.Errorf("%s isn't shown as done", step)
		}
	}
	if !b.holds(`document.querySelector("#history").innerText.includes("certificate valid")`) {
		t.Error("the verification's result isn't shown:\n" + b.text(`document.querySelector("#history").innerText`))
	}
	b.do(chromedp.Evaluate[chromedp.Void](`window.loadedOnce = true; undefined`))
	w.enqueue("app1", true, "shop.example.com")
	b.awaitTrue(`document.querySelector("#state .badge").textContent === "Removed"`)
	if !b.holds("window.loadedOnce") {
		t.Error("the domain's page was reloaded")
	}
}

func TestDomainsAreFoundByTypingAndFiltering(t *testing.T) {
	t.Parallel()
	w := newFixture(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}, {ID: "app2"}}}, nil)
	names := make([]string, 0, 70)
	for i := range 60 {
		names = append(names, fmt.Sprintf("kunde%02d.example.com", i))
	}
	w.startWorker("app1", "app2")
	w.enqueue("app1", false, append(names, "refused-casino.example.net", "bücher.example.com")...)
	w.enqueue("app2", false, "kunde05.example.com", "laden.example.com")
	w.awaitState("app1", "refused-casino.example.net", tasks.Rejected)
	w.awaitState("app2", "laden.example.com", tasks.Done)
	b := tab{t, browsertest.New(t)}
	b.open(w.url + "/domains")
	total := func(want string) {
		t.Helper()
		b.awaitTrue(fmt.Sprintf(`document.getElementById("total").textContent === %q`, want))
	}
	total("64 domains")
	b.do(click(`a[rel="next"]`))
	b.awaitTrue(`document.querySelector(".pager")?.innerText.includes("Page 2 of 4")`)
	b.do(click(`.pager a[rel="next"]`))
	b.awaitTrue(`document.querySelector(".pager")?.innerText.includes("Page 3 of 4")`)
	b.sizes("pager")
	b.do(click(`.pager a[rel="prev"]`))
	b.awaitTrue(`document.querySelector(".pager")?.innerText.includes("Page 2 of 4")`)
	if rows := b.text(`document.querySelectorAll("#results tbody tr").length`); rows != "20" {
		t.Errorf("the second page has %s rows; want 20", rows)
	}

	b.do(press("/"))
	b.awaitTrue(`document.activeElement.id === "q"`)
	b.do(chromedp.KeyEvent("kunde05"))
	total("2 domains found")
	if url := b.text("location.pathname + location.search"); url != "/domains?q=kunde05" {
		t.Errorf("the address is %s", url)
	}
	if !b.holds(`document.activeElement.id === "q" && document.activeElement.value === "kunde05"`) {
		t.Error("the search lost the focus, or what was typed")
	}
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#pick").open = true; undefined`), click(`input[name="app"][value="app2"]`))
	total("1 domain found")
	b.do(chromedp.Reload()) // the URL has the search
	total("1 domain found")
	b.open(w.url + "/domains")
	b.do(click(`.pill.rejected`))
	total("1 domain found")
	b.do(click(`.pill.done`), chromedp.Focus(chromedp.CSS("#q")), chromedp.KeyEvent("bücher.ex"))
	total("1 domain found")
	b.awaitTrue(`document.querySelector("#results bdi")?.textContent === "bücher.example.com"`)

	// The search also works without JavaScript.
	plain := httpGet(t, w.url+"/domains?q=laden&state=done&state=failed&app=app1&app=app2", "")
	if !strings.Contains(plain, "1 domain found") || !strings.Contains(plain, `value="laden"`) {
		t.Error("the form without JavaScript finds something else:\n" + plain)
	}
}

func TestOnlyActorsActAndTheHistoryNamesThem(t *testing.T) {
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
	w.enqueue("app1", false, "nodns-shop.example.com")
	w.awaitState("app1", "nodns-shop.example.com", tasks.Failed)
	path := w.url + "/domains/app1/nodns-shop.example.com"

	for _, url := range []string{w.url + "/", w.url + "/domains", path, w.url + "/apps/app1", w.url + "/live", w.url + "/asynqmon/", w.url + "/static/app.js"} {
		if status := httpStatus(t, http.MethodGet, url, ""); status != http.StatusUnauthorized {
			t.Errorf("GET %s without a password: %d", url, status)
		}
	}
	for _, action := range []string{"verify", "add", "remove"} {
		for user, want := range map[string]int{"": http.StatusUnauthorized, "viola": http.StatusForbidden} {
			if status := httpStatus(t, http.MethodPost, path+"/"+action, user); status != want {
				t.Errorf("%s by %q: %d, want %d", action, user, status, want)
			}
			if status := httpStatus(t, http.MethodPost, w.url+"/apps/app1/pause", user); status != want {
				t.Errorf("pause by %q: %d, want %d", user, status, want)
			}
		}
	}
	if page := httpGet(t, path, "viola"); strings.Contains(page, "<form method=\"post\"") || !strings.Contains(page, "the role of viola is view") {
		t.Error("a viewer is offered actions, or isn't told why there are none:\n" + page)
	}

	b := tab{t, browsertest.New(t)}
	b.do(browsertest.Login("ada", "secret-ada"))
	b.open(path)
	// All attempts failed; now the name's DNS is right.
	w.sim.SetBehaviour("nodns-shop.example.com", simulator.Behaviour{})
	b.do(click("#verify button"))
	b.awaitTrue(`document.body.innerText.includes("Verification requested") && location.search === "?asked=verify"`)
	b.awaitTrue(`document.querySelector("#state .badge").textContent === "Done"`)
	b.awaitTrue(`document.querySelector("#history").innerText.includes("by ada")`)

	// With the keyboard only: Tab moves to the button, Enter opens it, Tab and Enter confirm.
	b.open(path)
	b.do(chromedp.Focus(chromedp.CSS("#do-add summary")), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter))
	b.awaitTrue(`document.querySelector("#do-remove").open`)
	b.do(chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter))
	b.awaitTrue(`document.body.innerText.includes("Removal requested") && location.search === "?asked=remove"`)
	b.awaitTrue(`document.querySelector("#state .badge").textContent === "Removed"`)
	if line := b.text(`[...document.querySelectorAll(".timeline li")].find(li => li.innerText.includes("asked to be taken off the list")).innerText`); !strings.Contains(line, "by ada") {
		t.Errorf("the history doesn't say who removed it: %s", line)
	}
	if list := w.sim.List("app1"); len(list) != 0 {
		t.Errorf("the list still has %v", list)
	}

	// A whole app is paused and resumed.
	b.open(w.url + "/apps/app1")
	b.do(click("#do-pause summary"), click("#do-pause button"))
	b.awaitTrue(`location.search === "?asked=pause" && document.querySelector("#trouble").innerText.includes("Paused by ada")`)
	w.enqueue("app1", false, "waits.example.com")
	b.awaitTrue(`document.querySelector("#trouble").innerText.includes("1 change waits")`)
	b.open(w.url + "/")
	b.awaitTrue(`document.querySelector("#notices").innerText.includes("app1 is paused by ada")`)
	b.open(w.url + "/apps/app1")
	b.do(click("#do-resume summary"), click("#do-resume button"))
	b.awaitTrue(`document.querySelector("#state").innerText === "healthy"`)
	w.awaitState("app1", "waits.example.com", tasks.Done)
}

func TestScriptsInDataAreShownAsText(t *testing.T) {
	t.Parallel()
	const script = `<script>window.hacked=1</script><img src=x onerror="window.hacked=1">`
	w := newFixture(t, simulator.Options{}, nil)
	w.startWorker("app1")
	w.enqueue("app1", false, "shop.example.com")
	w.awaitState("app1", "shop.example.com", tasks.Done)
	// pilotsync refuses such names and reasons, so the test writes them to Redis itself.
	record, err := json.Marshal(map[string]any{"domain": script, "seq": 1, "state": "failed", "reason": script, "names": []string{script, "javascript:alert(1)"},
		"certificate": map[string]any{"issuer": script, "not_after": time.Now()}, "requested_at": time.Now(), "updated_at": time.Now(), "wanted": true})
	if err != nil {
		t.Fatal(err)
	}
	event, err := json.Marshal(map[string]any{"at": time.Now(), "state": "failed", "reason": script, "who": script,
		"checks": []map[string]string{{"name": script, "dns": script, "tls": script}}, "autossl": script})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	bad := bytes.ReplaceAll(record, []byte(`"domain":`), []byte(`"x":`))
	for _, err := range []error{
		w.rdb.HSet(ctx, "pilotsync:{app1}:domains", script, record, "shop.example.com", bytes.Replace(bad, []byte(`"seq"`), []byte(`"domain":"shop.example.com","seq"`), 1)).Err(),
		w.rdb.LPush(ctx, "pilotsync:{app1}:log:shop.example.com", event).Err(),
		w.rdb.ZAdd(ctx, "pilotsync:{app1}:index", zero(" "+script), zero("failed "+script)).Err(),
		w.rdb.ZAdd(ctx, "pilotsync:{app1}:latest", one(script)).Err(),
		w.rdb.HSet(ctx, "pilotsync:{app1}:sync", "trouble", script, "trouble_since", "1", "blocked", "1").Err(),
		w.sim.EditByHand("app1", func(list []string) []string { return append(list, script) }),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	b := tab{t, browsertest.New(t, "404 (Not Found)", "400 (Bad Request)")}
	for _, test := range []struct{ path, says string }{
		{"/", script}, {"/domains", script}, {"/apps/app1", script}, {"/domains/app1/shop.example.com", script}, {"/domains?q=" + script, ""},
		{"/domains/app1/" + strings.ReplaceAll(script, "/", "%2F"), "window.hacked"}, {"/domains?state=" + script, "window.hacked"}, {"/domains/app1/shop.example.com?asked=" + script, ""},
	} {
		b.open(w.url + test.path)
		if !b.holds(fmt.Sprintf(`document.body.innerText.includes(%q)`, test.says)) {
			t.Errorf("%s doesn't show it:\n%s", test.path, b.text("document.body.innerText"))
		}
		if b.holds(`window.hacked || [...document.querySelectorAll("script")].some(s => !s.src) || [...document.links].some(a => a.protocol === "javascript:")`) {
			t.Errorf("%s runs or links a script", test.path)
		}
	}
}

func TestPagesRecoverAfterAnOutageOfRedis(t *testing.T) {
	t.Parallel()
	w := newFixture(t, simulator.Options{}, nil)
	b := tab{t, browsertest.New(t, "503 (Service Unavailable)")}
	b.open(w.url + "/")
	b.awaitTrue(`document.getElementById("live").textContent === "Live"`)
	w.redis.Stop()
	b.awaitTrue(`document.getElementById("live").textContent.startsWith("Redis doesn't answer")`)
	if !b.holds(`document.querySelector("#tiles")`) {
		t.Error("the page lost its content")
	}
	b.open(w.url + "/domains")
	b.awaitTrue(`document.querySelector("h1").textContent.startsWith("Redis doesn't answer")`) // "in time", on a busy machine
	w.redis.Start()
	b.awaitTrue(`document.querySelector("h1").textContent === "Domains"`)
}

func TestAPageAboutRedisSaysWhatIsWrongNow(t *testing.T) {
	t.Parallel()
	w := newFixture(t, simulator.Options{}, nil)
	b := tab{t, browsertest.New(t, "503 (Service Unavailable)")}
	if err := w.rdb.Do(t.Context(), "ACL", "SETUSER", "default", "-@all").Err(); err != nil {
		t.Fatal(err)
	}
	b.open(w.url + "/domains")
	b.awaitTrue(`document.querySelector("h1").textContent === "Redis refuses this dashboard"`)
	w.redis.Stop()
	b.awaitTrue(`document.querySelector("h1").textContent.startsWith("Redis doesn't answer") && document.title.startsWith("Redis doesn't answer")`)
	w.redis.Start() // with the usual rights
	b.awaitTrue(`document.querySelector("h1").textContent === "Domains"`)
}

func TestTheLiveStatusShowsThatRedisRefuses(t *testing.T) {
	t.Parallel()
	w := newFixture(t, simulator.Options{}, nil)
	b := tab{t, browsertest.New(t, "503 (Service Unavailable)")}
	light := `document.getElementById("live").textContent`
	b.open(w.url + "/")
	b.awaitTrue(light + ` === "Live"`)
	// The user loses its rights, as by a mistake in users.acl.
	if err := w.rdb.Do(t.Context(), "ACL", "SETUSER", "default", "-@all", "+acl").Err(); err != nil {
		t.Fatal(err)
	}
	b.awaitTrue(light + ` === "Redis refuses this dashboard"`)
	b.open(w.url + "/domains")
	b.awaitTrue(`document.querySelector("h1").textContent === "Redis refuses this dashboard"`)
	b.awaitTrue(light + ` === "Redis refuses this dashboard"`)
	if err := w.rdb.Do(t.Context(), "ACL", "SETUSER", "default", "+@all").Err(); err != nil {
		t.Fatal(err)
	}
	b.awaitTrue(`document.querySelector("h1").textContent === "Domains" && ` + light + ` === "Live"`)
}

func TestAsynqmonShowsATaskThatPHPEnqueued(t *testing.T) {
	t.Parallel()
	php, err := exec.LookPath("php")
	if err != nil {
		t.Skip("needs php on PATH (Debian: php-cli, php-redis, php-intl): ", err)
	}
	if out, err := exec.Command(php, "-m").Output(); err != nil || !strings.Contains(string(out), "redis") || !strings.Contains(string(out), "intl") {
		t.Skip("needs PHP's extensions redis and intl (Debian: php-redis, php-intl)")
	}
	w := newFixture(t, simulator.Options{}, nil)
	cmd := exec.CommandContext(t.Context(), php, "../../enqueue/php/tests/scripts/enqueue.php", w.redis.URL, "app1")
	cmd.Stdin = strings.NewReader(`[{"domain": "from-php.example.com", "site_id": 7}]`)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var receipts []struct{ TaskID string }
	if err := json.Unmarshal(out, &receipts); err != nil || len(receipts) != 1 {
		t.Fatalf("%v: %s", err, out)
	}
	b := tab{t, browsertest.New(t)}
	b.open(w.url + "/asynqmon/queues/domains/tasks/" + receipts[0].TaskID)
	b.awaitTrue(`document.body.innerText.includes('"domain": "from-php.example.com"') && document.body.innerText.includes("domain:add")`)

	// The task's page links to the domain, and the domain's page to the task.
	w.startWorker("app1")
	w.awaitState("app1", "from-php.example.com", tasks.Done)
	b.awaitTrue(`document.querySelector('a[href="/domains/app1/from-php.example.com"]')`)
	b.do(click(`a[href="/domains/app1/from-php.example.com"]`))
	b.awaitTrue(`document.querySelector("h1")?.textContent === "from-php.example.com" && document.querySelector("#tasks a")`)
	b.do(click(`#tasks a[href*="change:"], #tasks a[href*="change%3A"]`))
	b.awaitTrue(`document.body.innerText.includes('"domain": "from-php.example.com"')`)
}

func TestPagesWorkWithoutJavaScript(t *testing.T) {
	t.Parallel()
	w := newFixture(t, simulator.Options{}, nil)
	w.startWorker("app1")
	w.enqueue("app1", false, "shop.example.com")
	w.awaitState("app1", "shop.example.com", tasks.Done)
	b := tab{t, browsertest.New(t)}
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
	b.open(w.url + "/domains/app1/shop.example.com")
	if b.holds(`document.documentElement.classList.contains("js")`) {
		t.Fatal("scripts run")
	}
	b.do(chromedp.Click(chromedp.CSS("#do-remove summary")), chromedp.Click(chromedp.CSS("#do-remove button")))
	b.awaitTrue(`location.search === "?asked=remove"`)
	b.awaitTrue(`document.querySelector("#state .badge")?.textContent === "Removed"`)
	if line := b.text(`document.querySelector("#history").innerText`); !strings.Contains(line, "by operator") {
		t.Errorf("the history doesn't say who removed it: %s", line)
	}
}
