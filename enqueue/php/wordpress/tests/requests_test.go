//go:build wordpress

package wordpress

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"pilotsync/tasks"
	"pilotsync/test/harness"
)

func newMapping(w *world) {
	s := w.do(step{"map", "fresh.example.com"})
	w.wantSent("add fresh.example.com always 2")
	if last := lastOf(s.Log, "domain-new"); last != "" {
		w.t.Errorf("there is a log of a domain \"new\": %q", last)
	}
	w.do(step{"unmap", "fresh.example.com"})
	w.sent()
}

// notSaved: save() returns false after an error of the database.
func notSaved(w *world) {
	const domain = "unsaved.example.com"
	w.do(step{"map", domain})
	w.sent()
	w.file("database-refuses", true)
	w.clock = w.clock.Add(time.Millisecond)
	e := domainEvent(domain, tasks.Done, w.clock)
	if status, answer := w.event("u1", time.Now(), e); status != http.StatusInternalServerError {
		w.t.Errorf("it is answered with %d %s; want 500", status, answer)
	}
	w.file("database-refuses", false)
	if status, answer := w.event("u1", time.Now(), e); status != http.StatusOK || !strings.Contains(answer, `"applied"`) {
		w.t.Errorf("when it comes again it is answered with %d %s", status, answer)
	}
	w.wantStage(domain, "done secure")
	w.do(step{"unmap", domain})
	w.sent()
}

func skipsValidation(w *world) {
	const domain = "shop.xn--p1ai"
	if out := w.do(step{"map", domain}).Output; !strings.Contains(out, "not valid") {
		w.t.Errorf("its validation takes the name: %q", out)
	}
	w.do(step{"map_old", domain})
	w.sent()
	w.told(domainEvent(domain, tasks.Done, time.Time{}))
	w.wantStage(domain, "done secure")
	w.do(step{"unmap", domain})
	w.sent()
}

// editPage: Ultimate Multisite queues its check each time, which is off.
func editPage(w *world) {
	const domain = "edited.example.com"
	w.do(step{"map", domain})
	w.wantSent("add " + domain + " always 2") // its first check asks for nothing more
	w.told(domainEvent(domain, tasks.Done, time.Time{}))
	w.do(step{"edit_page", domain, "done"})
	w.wantSent()
	w.do(step{"edit_page", domain, "checking-dns"})
	w.wantSent("verify " + domain + " always 2")
	w.do(step{"edit_page", domain, "checking-dns"}) // pressed twice
	w.wantSent()
	w.told(domainEvent(domain, tasks.CheckingDNS, time.Time{}))
	w.told(domainEvent(domain, tasks.Failed, time.Time{}))
	w.do(step{"edit_page", domain, "checking-dns"})
	w.wantSent("verify " + domain + " always 2")
	w.do(step{"unmap", domain})
	w.sent()
}

func handsOver(w *world) {
	w.do(step{"map", "started.example.com"}, step{"map", "live-then.example.com", map[string]any{"stage": "done", "secure": 1}})
	w.sent()
	before := len(w.do().Calls)
	calls := w.do(step{"deactivate"}).Calls[before:]
	if !slices.Contains(calls, "polled started.example.com") || slices.Contains(calls, "polled live-then.example.com") {
		w.t.Errorf("switched off, Ultimate Multisite's own check ran for %q", calls)
	}
	w.do(step{"map", "theirs-works.example.com"}, step{"map", "theirs-waits.example.com"})
	w.wantStage("theirs-works.example.com", "done secure")
	w.wantSent()
	w.do(step{"activate"})
	sent := w.sent()
	for _, name := range []string{"started.example.com", "theirs-waits.example.com"} {
		if !slices.Contains(sent, "add "+name+" always 2") {
			w.t.Errorf("switched on again, %s wasn't handed over: %q", name, sent)
		}
	}
	for _, name := range []string{"live-then.example.com", "theirs-works.example.com"} {
		if slices.ContainsFunc(sent, func(s string) bool { return strings.Contains(s, " "+name+" ") }) {
			w.t.Errorf("%s was handed over: %q", name, sent)
		}
	}
	for _, name := range []string{"started", "live-then", "theirs-works", "theirs-waits"} {
		w.do(step{"unmap", name + ".example.com"})
	}
	w.sent()
}

// mappedWhileOff: pilotsync removed a name, and the built-in provider lists it again. A
// worker would take it off once more with the next change.
func mappedWhileOff(w *world) {
	const domain, www = "again-off.example.com", "www.form-off.example.com"
	stop := w.startWorker()
	defer stop()
	w.do(step{"map", domain}, step{"map", "form-off.example.com"})
	harness.AwaitTrue(w.t, "the names to be listed", func() bool {
		list := w.sim.List(app)
		return slices.Contains(list, "www."+domain) && slices.Contains(list, www)
	})
	w.do(step{"unmap", domain}, step{"unmap", "form-off.example.com"})
	harness.AwaitTrue(w.t, "the names to be off the list", func() bool {
		list := w.sim.List(app)
		return !slices.Contains(list, domain) && !slices.Contains(list, www)
	})
	// A request that was under way meanwhile notes that the plugin works.
	w.do(step{"deactivate"}, step{"option", "pilotsync_works", 1})
	live := map[string]any{"stage": "done", "secure": 1}
	w.do(step{"map_old", domain, live}, step{"map_old", www, live})
	// As the built-in provider does.
	if err := w.sim.EditByHand(app, func(list []string) []string { return append(list, domain, www) }); err != nil {
		w.t.Fatal(err)
	}
	w.sent()
	w.do(step{"activate"})
	var sent []string
	harness.AwaitTrue(w.t, "both names to be handed over", func() bool {
		sent = append(sent, w.sent()...) // without the one that the worker is at
		return !slices.ContainsFunc([]string{domain, www}, func(name string) bool {
			return !slices.ContainsFunc(sent, func(s string) bool { return strings.HasPrefix(s, "adopt "+name+" ") })
		})
	})
	w.do(step{"map", "change-off.example.com"})
	harness.AwaitTrue(w.t, "a change to be listed", func() bool { return slices.Contains(w.sim.List(app), "change-off.example.com") })
	for _, name := range []string{domain, www} {
		if list := w.sim.List(app); !slices.Contains(list, name) {
			w.t.Errorf("%s is served, and isn't on the list: %q", name, list)
		}
		w.do(step{"unmap", name})
	}
	w.do(step{"unmap", "change-off.example.com"})
	w.sent()
}

// comesBack: it did nothing for a while, and mappings were made meanwhile.
func comesBack(w *world) {
	at, err := url.Parse(w.redis.URL)
	if err != nil {
		w.t.Fatal(err)
	}
	for name, file := range map[string][2]string{
		"Ultimate Multisite is not set up":    {"not-set-up", ""},
		"settings are missing":                {"no-constants", ""},
		"the object cache has the same place": {"extra.php", fmt.Sprintf("<?php define( 'WP_REDIS_PORT', %s );", at.Port())},
		"it is disabled":                      {"extra.php", "<?php define( 'PILOTSYNC_DISABLED', true );"},
	} {
		w.t.Run(name, func(t *testing.T) {
			in, n := *w, *w.network
			in.network, n.t = &n, t
			in.do(step{"map", "before.example.com", map[string]any{"stage": "done", "secure": 1}})
			in.sent()
			t.Run("meanwhile", func(t *testing.T) {
				n.t = t
				in.write(file[0], file[1])
				in.do(step{"map", "waits-for-it.example.com"})
				in.wantSent()
			})
			n.t = t
			in.do()
			in.do()
			sent := strings.Join(in.sent(), "\n")
			if strings.Count(sent, "add waits-for-it.example.com always 2") != 1 || strings.Contains(sent, " before.example.com ") {
				t.Errorf("once it works again it hands over %q; want the mapping whose check is in progress, once", sent)
			}
			in.do(step{"unmap", "before.example.com"}, step{"unmap", "waits-for-it.example.com"})
			in.sent()
		})
	}
}

// disabledAsText: settings from the environment are text, and "false" is no.
func disabledAsText(w *world) {
	w.write("extra.php", "<?php define( 'PILOTSYNC_DISABLED', 'false' ); define( 'PILOTSYNC_SHARED_REDIS', 'false' );")
	w.do(step{"map", "not-disabled.example.com"})
	w.wantSent("add not-disabled.example.com always 2")
	w.do(step{"unmap", "not-disabled.example.com"})
	w.sent()
}

// commandLineWithoutSettings: a cron job whose shell lacks the settings is no sign that the
// plugin does nothing.
func commandLineWithoutSettings(w *world) {
	w.do(step{"map", "still-checked.example.com"})
	w.sent()
	w.t.Run("cron", func(t *testing.T) {
		in, n := *w, *w.network
		in.network, n.t = &n, t
		in.write("no-constants", "")
		_, _ = in.cli("status")
	})
	w.do()
	w.wantSent()
	w.do(step{"unmap", "still-checked.example.com"})
	w.sent()
}

// subsiteFlags: from 2.4 on a site has a mapping of its own name; an older one has none.
func subsiteFlags(w *world) {
	w.do(step{"option", "fake_version", "2.4.13"}, step{"make_site", "mapped.network.example.net"})
	w.sent()
	for _, c := range []struct {
		flags       []string
		mapped, old bool
	}{
		{nil, true, false},
		{[]string{"--subsites"}, true, true},
		{[]string{"--no-subsites"}, false, false},
	} {
		if out, err := w.cli(append([]string{"resync"}, c.flags...)...); err != nil {
			w.t.Fatalf("wp pilotsync resync %q says %q (%v)", c.flags, out, err)
		}
		sent := strings.Join(w.sent(), "\n")
		if got := strings.Contains(sent, "add mapped.network.example.net never "); got != c.mapped {
			w.t.Errorf("with %q the site with a mapping was handed over: %v", c.flags, got)
		}
		if got := strings.Contains(sent, "add two.network.example.net never 2"); got != c.old {
			w.t.Errorf("with %q the site without a mapping was handed over: %v", c.flags, got)
		}
		if !strings.Contains(sent, "add inside.network.example.net never 2") {
			w.t.Errorf("with %q a mapping below the network's domain, of a site with another name, is missing", c.flags)
		}
	}
	w.do(step{"delete_site", "mapped.network.example.net"})
	w.sent()
}

// alreadyDone: the event that said so found no mapping, or was lost with a database.
func alreadyDone(w *world) {
	const domain = "known.example.com"
	stop := w.startWorker()
	defer stop()
	w.do(step{"do_action", "wu_add_domain", domain, 2})
	harness.AwaitTrue(w.t, "the domain to be done without a mapping", func() bool {
		return strings.Contains(lastOf(w.do().Log, "domain-"+domain), "pilotsync: done")
	})
	w.do(step{"map", domain})
	harness.AwaitTrue(w.t, "its new mapping to be done", func() bool { return w.do().Domains[domain] == "done secure" })
	w.do(step{"set", domain, map[string]any{"stage": "checking-ssl-cert", "secure": 0}}) // a backup is restored
	if out, err := w.cli("resync"); err != nil {
		w.t.Fatalf("wp pilotsync resync says %q (%v)", out, err)
	}
	harness.AwaitTrue(w.t, "the restored mapping to be done", func() bool { return w.do().Domains[domain] == "done secure" })
	w.do(step{"edit_page", domain, "checking-dns"})
	w.wantVisit("https://"+domain, "sign-up page")
	harness.AwaitTrue(w.t, "the verification that was asked for", func() bool { return w.visit("https://"+domain) == "served" })
	w.do(step{"unmap", domain})
	w.sent()
}
