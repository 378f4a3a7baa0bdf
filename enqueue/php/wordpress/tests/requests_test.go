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

func newMapping(f *fixture) {
	s := f.do(step{"map", "fresh.example.com"})
	f.wantSent("add fresh.example.com always 2")
	if last := lastOf(s.Log, "domain-new"); last != "" {
		f.t.Errorf("there is a log of a domain \"new\": %q", last)
	}
	f.do(step{"unmap", "fresh.example.com"})
	f.sent()
}

// eventNotSaved: save() returns false after a database error.
func eventNotSaved(f *fixture) {
	const domain = "unsaved.example.com"
	f.do(step{"map", domain})
	f.sent()
	f.toggleFile("database-refuses", true)
	f.clock = f.clock.Add(time.Millisecond)
	e := domainEvent(domain, tasks.Done, f.clock)
	if status, answer := f.postEvent("u1", time.Now(), e); status != http.StatusInternalServerError {
		f.t.Errorf("it is answered with %d %s; want 500", status, answer)
	}
	f.toggleFile("database-refuses", false)
	if status, answer := f.postEvent("u1", time.Now(), e); status != http.StatusOK || !strings.Contains(answer, `"applied"`) {
		f.t.Errorf("when it is repeated, it is answered with %d %s", status, answer)
	}
	f.wantStage(domain, "done secure")
	f.do(step{"unmap", domain})
	f.sent()
}

func eventForInvalidName(f *fixture) {
	const domain = "shop.xn--p1ai"
	if out := f.do(step{"map", domain}).Output; !strings.Contains(out, "not valid") {
		f.t.Errorf("its validation accepts the name: %q", out)
	}
	f.do(step{"map_old", domain})
	f.sent()
	f.deliver(domainEvent(domain, tasks.Done, time.Time{}))
	f.wantStage(domain, "done secure")
	f.do(step{"unmap", domain})
	f.sent()
}

// editPageVerifies: each save queues Ultimate Multisite's check, which is off.
func editPageVerifies(f *fixture) {
	const domain = "edited.example.com"
	f.do(step{"map", domain})
	f.wantSent("add " + domain + " always 2") // its first check requests nothing more
	f.deliver(domainEvent(domain, tasks.Done, time.Time{}))
	f.do(step{"edit_page", domain, "done"})
	f.wantSent()
	f.do(step{"edit_page", domain, "checking-dns"})
	f.wantSent("verify " + domain + " always 2")
	f.do(step{"edit_page", domain, "checking-dns"}) // pressed twice
	f.wantSent()
	f.deliver(domainEvent(domain, tasks.CheckingDNS, time.Time{}))
	f.deliver(domainEvent(domain, tasks.Failed, time.Time{}))
	f.do(step{"edit_page", domain, "checking-dns"})
	f.wantSent("verify " + domain + " always 2")
	f.do(step{"unmap", domain})
	f.sent()
}

func activationHandsOver(f *fixture) {
	f.do(step{"map", "started.example.com"}, step{"map", "live-then.example.com", map[string]any{"stage": "done", "secure": 1}})
	f.sent()
	before := len(f.do().Calls)
	calls := f.do(step{"deactivate"}).Calls[before:]
	if !slices.Contains(calls, "polled started.example.com") || slices.Contains(calls, "polled live-then.example.com") {
		f.t.Errorf("switched off, Ultimate Multisite's own check ran for %q", calls)
	}
	f.do(step{"map", "theirs-works.example.com"}, step{"map", "theirs-waits.example.com"})
	f.wantStage("theirs-works.example.com", "done secure")
	f.wantSent()
	f.do(step{"activate"})
	sent := f.sent()
	for _, name := range []string{"started.example.com", "theirs-waits.example.com"} {
		if !slices.Contains(sent, "add "+name+" always 2") {
			f.t.Errorf("switched on again, %s wasn't handed over: %q", name, sent)
		}
	}
	for _, name := range []string{"live-then.example.com", "theirs-works.example.com"} {
		if slices.ContainsFunc(sent, func(s string) bool { return strings.Contains(s, " "+name+" ") }) {
			f.t.Errorf("%s was handed over: %q", name, sent)
		}
	}
	for _, name := range []string{"started", "live-then", "theirs-works", "theirs-waits"} {
		f.do(step{"unmap", name + ".example.com"})
	}
	f.sent()
}

// mappedWhileOff: pilotsync removed a name, and the built-in provider lists it again. With
// the next change a worker would remove it again.
func mappedWhileOff(f *fixture) {
	const domain, www = "again-off.example.com", "www.form-off.example.com"
	stop := f.startWorker()
	defer stop()
	f.do(step{"map", domain}, step{"map", "form-off.example.com"})
	harness.AwaitTrue(f.t, "the names to be listed", func() bool {
		list := f.sim.List(app)
		return slices.Contains(list, "www."+domain) && slices.Contains(list, www)
	})
	f.do(step{"unmap", domain}, step{"unmap", "form-off.example.com"})
	harness.AwaitTrue(f.t, "the names to be off the list", func() bool {
		list := f.sim.List(app)
		return !slices.Contains(list, domain) && !slices.Contains(list, www)
	})
	// A concurrent request records that the plugin works.
	f.do(step{"deactivate"}, step{"option", "pilotsync_works", 1})
	live := map[string]any{"stage": "done", "secure": 1}
	f.do(step{"map_old", domain, live}, step{"map_old", www, live})
	// As the built-in provider does.
	if err := f.sim.EditByHand(app, func(list []string) []string { return append(list, domain, www) }); err != nil {
		f.t.Fatal(err)
	}
	f.sent()
	f.do(step{"activate"})
	var sent []string
	harness.AwaitTrue(f.t, "both names to be handed over", func() bool {
		sent = append(sent, f.sent()...) // except one that the worker processes
		return !slices.ContainsFunc([]string{domain, www}, func(name string) bool {
			return !slices.ContainsFunc(sent, func(s string) bool { return strings.HasPrefix(s, "adopt "+name+" ") })
		})
	})
	f.do(step{"map", "change-off.example.com"})
	harness.AwaitTrue(f.t, "a change to be listed", func() bool { return slices.Contains(f.sim.List(app), "change-off.example.com") })
	for _, name := range []string{domain, www} {
		if list := f.sim.List(app); !slices.Contains(list, name) {
			f.t.Errorf("%s is served, and isn't on the list: %q", name, list)
		}
		f.do(step{"unmap", name})
	}
	f.do(step{"unmap", "change-off.example.com"})
	f.sent()
}

// takesOverAgain: mappings are created while the plugin doesn't work.
func takesOverAgain(f *fixture) {
	at, err := url.Parse(f.redis.URL)
	if err != nil {
		f.t.Fatal(err)
	}
	for name, file := range map[string][2]string{
		"Ultimate Multisite is not set up":       {"not-set-up", ""},
		"settings are missing":                   {"no-constants", ""},
		"the object cache has the same database": {"extra.php", fmt.Sprintf("<?php define( 'WP_REDIS_PORT', %s );", at.Port())},
		"it is disabled":                         {"extra.php", "<?php define( 'PILOTSYNC_DISABLED', true );"},
	} {
		f.t.Run(name, func(t *testing.T) {
			in := f.forTest(t)
			in.do(step{"map", "before.example.com", map[string]any{"stage": "done", "secure": 1}})
			in.sent()
			t.Run("meanwhile", func(t *testing.T) {
				in.t = t
				in.writeFile(file[0], file[1])
				in.do(step{"map", "waits-for-it.example.com"})
				in.wantSent()
			})
			in.t = t
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

// disabledAsText: settings from the environment are text, and "false" means false.
func disabledAsText(f *fixture) {
	f.writeFile("extra.php", "<?php define( 'PILOTSYNC_DISABLED', 'false' ); define( 'PILOTSYNC_SHARED_REDIS', 'false' );")
	f.do(step{"map", "not-disabled.example.com"})
	f.wantSent("add not-disabled.example.com always 2")
	f.do(step{"unmap", "not-disabled.example.com"})
	f.sent()
}

// commandLineWithoutSettings: a cron job whose shell lacks the settings doesn't mean that the
// plugin is inactive.
func commandLineWithoutSettings(f *fixture) {
	f.do(step{"map", "still-checked.example.com"})
	f.sent()
	f.t.Run("cron", func(t *testing.T) {
		in := f.forTest(t)
		in.writeFile("no-constants", "")
		_, _ = in.cli("status")
	})
	f.do()
	f.wantSent()
	f.do(step{"unmap", "still-checked.example.com"})
	f.sent()
}

// subsiteFlags: from 2.4 on a site has a mapping of its own name; an older site has none.
func subsiteFlags(f *fixture) {
	f.do(step{"option", "fake_version", "2.4.13"}, step{"make_site", "mapped.network.example.net"})
	f.sent()
	for _, c := range []struct {
		flags       []string
		mapped, old bool
	}{
		{nil, true, false},
		{[]string{"--subsites"}, true, true},
		{[]string{"--no-subsites"}, false, false},
	} {
		if out, err := f.cli(append([]string{"resync"}, c.flags...)...); err != nil {
			f.t.Fatalf("wp pilotsync resync %q prints %q (%v)", c.flags, out, err)
		}
		sent := strings.Join(f.sent(), "\n")
		if got := strings.Contains(sent, "add mapped.network.example.net never "); got != c.mapped {
			f.t.Errorf("with %q the site with a mapping was handed over: %v", c.flags, got)
		}
		if got := strings.Contains(sent, "add two.network.example.net never 2"); got != c.old {
			f.t.Errorf("with %q the site without a mapping was handed over: %v", c.flags, got)
		}
		if !strings.Contains(sent, "add inside.network.example.net never 2") {
			f.t.Errorf("with %q a mapping below the network's domain, of a site with another name, is missing", c.flags)
		}
	}
	f.do(step{"delete_site", "mapped.network.example.net"})
	f.sent()
}

// alreadyDone: the event about it found no mapping, or was lost with a database.
func alreadyDone(f *fixture) {
	const domain = "known.example.com"
	stop := f.startWorker()
	defer stop()
	f.do(step{"do_action", "wu_add_domain", domain, 2})
	harness.AwaitTrue(f.t, "the domain to be done without a mapping", func() bool {
		return strings.Contains(lastOf(f.do().Log, "domain-"+domain), "pilotsync: Done")
	})
	f.do(step{"map", domain})
	harness.AwaitTrue(f.t, "its new mapping to be done", func() bool { return f.do().Domains[domain] == "done secure" })
	f.do(step{"set", domain, map[string]any{"stage": "checking-ssl-cert", "secure": 0}}) // a backup is restored
	if out, err := f.cli("resync"); err != nil {
		f.t.Fatalf("wp pilotsync resync prints %q (%v)", out, err)
	}
	harness.AwaitTrue(f.t, "the restored mapping to be done", func() bool { return f.do().Domains[domain] == "done secure" })
	f.do(step{"edit_page", domain, "checking-dns"})
	f.wantVisit("https://"+domain, "sign-up page")
	harness.AwaitTrue(f.t, "the requested verification", func() bool { return f.visit("https://"+domain) == "served" })
	f.do(step{"unmap", domain})
	f.sent()
}
