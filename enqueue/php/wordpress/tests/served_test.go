//go:build wordpress

package wordpress

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"pilotsync/tasks"
	"pilotsync/test/harness"
)

// told posts an event that must be applied, each a moment later than the one before.
func (w *world) told(e tasks.Event) {
	w.t.Helper()
	w.clock = w.clock.Add(time.Millisecond)
	e.At = w.clock
	id := e.Domain + " " + e.At.Format(time.RFC3339Nano)
	if status, answer := w.event(id, time.Now(), e); status != http.StatusOK || !strings.Contains(answer, `"applied"`) {
		w.t.Fatalf("%s %s is answered with %d %s", e.Domain, e.State, status, answer)
	}
}

func (w *world) wantVisit(address, want string) {
	w.t.Helper()
	if got := w.visit(address); got != want {
		w.t.Errorf("a visitor of %s gets %q; want %q", address, got, want)
	}
}

// inEachVersion runs a test in an old and in a new version of Ultimate Multisite.
func inEachVersion(w *world, test func(version string)) {
	for _, version := range []string{"2.3.4", "2.4.10", "2.4.13"} {
		w.do(step{"option", "fake_version", version})
		test(version)
	}
}

// servedStays: whatever happens to a domain, its site is served as before. The
// problem is in its log and in a notice.
func servedStays(w *world) {
	inEachVersion(w, func(version string) {
		live, plain := "live-"+version+".example.com", "plain-"+version+".example.com"
		w.do(step{"map", live, map[string]any{"stage": "done", "secure": 1}}, step{"map", plain, map[string]any{"stage": "done-without-ssl"}})
		w.sent()
		for _, c := range []struct {
			state tasks.State
			known bool // as a problem
		}{
			{tasks.CheckingDNS, false}, // handed over for the first time
			{tasks.CheckingSSL, false},
			{tasks.Failed, true}, // a proxy that isn't expected
			{tasks.CheckingDNS, true},
			{tasks.Done, false},
			{tasks.CheckingSSL, true}, // after three rechecks
			{tasks.DoneWithoutSSL, true},
			{tasks.Pending, true},
			{tasks.Done, false},
			{tasks.Rejected, true},
			{tasks.Done, false},
			{tasks.Removed, true}, // elsewhere
		} {
			w.told(domainEvent(live, c.state, time.Time{}))
			w.wantStage(live, "done secure")
			w.wantVisit("https://"+live, "served")
			notices := w.do(step{"notices"}).Output
			if got := strings.Contains(notices, live+" ("+string(c.state)+"): because"); got != c.known {
				w.t.Errorf("%s: after %s the notices are %q; a problem: %v", version, c.state, notices, c.known)
			}
			if c.known && !strings.Contains(notices, "still served") {
				w.t.Errorf("the notices don't say that the site is still served: %q", notices)
			}
			if line := "domain-" + live; c.state != tasks.Done {
				log := w.do().Log
				if last := lastOf(log, line); !strings.HasSuffix(last, "pilotsync: "+string(c.state)+": because. The site is still served, in stage done.") {
					w.t.Errorf("%s: the domain's log ends with %q", version, last)
				}
			}
		}
		for _, state := range []tasks.State{tasks.CheckingDNS, tasks.Failed, tasks.DoneWithoutSSL, tasks.Rejected} {
			w.told(domainEvent(plain, state, time.Time{}))
			w.wantStage(plain, "done-without-ssl")
			w.wantVisit("http://"+plain, "served")
		}
		// A person takes it off the web: then the notice isn't true any more.
		w.do(step{"set", live, map[string]any{"stage": "failed"}}, step{"unmap", plain})
		w.wantVisit("https://"+live, "sign-up page")
		if notices := w.do(step{"notices"}).Output; strings.Contains(notices, version) {
			w.t.Errorf("the notices are still %q", notices)
		}
	})
}

// oneMore: the notice names five domains, and counts the others.
func oneMore(w *world) {
	name := func(i int) string { return fmt.Sprintf("many%d.example.com", i) }
	for i := range 7 {
		w.do(step{"map", name(i), map[string]any{"stage": "done"}})
		w.told(domainEvent(name(i), tasks.Failed, time.Time{}))
		want := map[int]string{5: "<li>and 1 more; wp pilotsync status shows it</li>", 6: "<li>and 2 more; wp pilotsync status shows them</li>"}[i]
		if notices := w.do(step{"notices"}).Output; !strings.Contains(notices, want) || i < 5 && strings.Contains(notices, " more; ") {
			w.t.Errorf("of %d domains the notices are %q", i+1, notices)
		}
	}
	for i := range 7 {
		w.do(step{"unmap", name(i)})
	}
	w.sent()
}

// lastOf returns the last line of a log that begins with the handle.
func lastOf(log []string, handle string) string {
	for _, line := range slices.Backward(log) {
		if strings.HasPrefix(line, handle+" ") {
			return line
		}
	}
	return ""
}

// certificateEnds: secure is set while the certificate may be valid, and no longer.
func certificateEnds(w *world) {
	const live = "ending.example.com"
	w.do(step{"map", live, map[string]any{"stage": "done", "secure": 1}})
	w.sent()
	ended := func(end time.Duration) tasks.Event {
		e := domainEvent(live, tasks.DoneWithoutSSL, time.Time{})
		e.CertificateUntil = time.Now().Add(end)
		return e
	}
	w.told(domainEvent(live, tasks.DoneWithoutSSL, time.Time{})) // as a worker of an older release tells it
	w.wantStage(live, "done secure")
	w.told(ended(24 * time.Hour))
	w.wantStage(live, "done secure")
	checking := ended(-time.Hour)
	checking.State = tasks.CheckingSSL
	w.told(checking)
	w.wantStage(live, "done secure")
	w.told(ended(-time.Hour))
	w.wantStage(live, "done-without-ssl")
	w.wantVisit("http://"+live, "served")
	w.wantVisit("https://"+live, "sent to http://"+live+"/")
	if notices := w.do(step{"notices"}).Output; !strings.Contains(notices, live+" (done-without-ssl)") {
		w.t.Errorf("the notices are %q", notices)
	}
	w.told(domainEvent(live, tasks.Done, time.Time{}))
	w.wantStage(live, "done secure")
	w.wantVisit("http://"+live, "sent to https://"+live+"/")

	// A network behind a proxy that speaks plain HTTP to WordPress has secure off.
	w.do(step{"set", live, map[string]any{"secure": 0}})
	w.told(domainEvent(live, tasks.Done, time.Time{}))
	w.wantStage(live, "done")
	w.do(step{"unmap", live})
	w.sent()
}

// neverServed: without a certificate the site must not be redirected to http.
func neverServed(w *world) {
	inEachVersion(w, func(version string) {
		const domain = "never-served.example.com"
		w.do(step{"map", domain})
		w.wantVisit("http://"+domain, "sign-up page")
		w.told(domainEvent(domain, tasks.DoneWithoutSSL, time.Time{}))
		if version == "2.3.4" {
			w.wantStage(domain, "done-without-ssl") // there is nothing else
		} else {
			w.wantStage(domain, "ssl-failed")
			w.wantVisit("http://"+domain, "sign-up page")
		}
		w.told(domainEvent(domain, tasks.Done, time.Time{}))
		w.wantVisit("https://"+domain, "served")
		w.do(step{"unmap", domain})
		w.told(domainEvent(domain, tasks.Removed, time.Time{}))
		w.sent()
	})
}

// resyncLive hands domains over that the network serves: one that works, and some of
// which pilotsync finds that they don't. A visitor asks all the while.
func resyncLive(w *world) {
	names := []string{"live.example.com", "elsewhere-live.example.com", "nocert-live.example.com"}
	for _, name := range names {
		w.do(step{"map_old", name, map[string]any{"stage": "done", "secure": 1}})
	}
	w.do(step{"map_old", "live_name.example.com", map[string]any{"stage": "done", "secure": 1}}) // that no list takes
	w.sent()
	names = append(names, "live_name.example.com")
	stop := w.startWorker()
	defer stop()
	for _, args := range [][]string{{"resync"}, {"resync", "--adopt"}} {
		if out, err := w.cli(args...); err != nil {
			w.t.Fatalf("wp pilotsync %q says %q (%v)", args, out, err)
		}
		ends := map[string]string{names[0]: "done", names[1]: "failed", names[2]: "done-without-ssl"}
		harness.AwaitTrue(w.t, "each domain to come to its end", func() bool {
			for _, name := range names {
				if got := w.visit("https://" + name); got != "served" {
					w.t.Fatalf("a visitor of %s gets %q", name, got)
				}
			}
			log := w.do().Log
			for name, state := range ends {
				if !strings.Contains(lastOf(log, "domain-"+name), "pilotsync: "+state) {
					return false
				}
			}
			return true
		})
	}
	for _, name := range names {
		w.wantStage(name, "done secure")
	}
	notices := w.do(step{"notices"}).Output
	for _, name := range names[1:] {
		if !strings.Contains(notices, name) {
			w.t.Errorf("the notices lack %s: %q", name, notices)
		}
		w.do(step{"unmap", name})
	}
	w.sent()
}
