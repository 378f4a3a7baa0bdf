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
func (f *fixture) told(e tasks.Event) {
	f.t.Helper()
	f.clock = f.clock.Add(time.Millisecond)
	e.At = f.clock
	id := e.Domain + " " + e.At.Format(time.RFC3339Nano)
	if status, answer := f.event(id, time.Now(), e); status != http.StatusOK || !strings.Contains(answer, `"applied"`) {
		f.t.Fatalf("%s %s is answered with %d %s", e.Domain, e.State, status, answer)
	}
}

func (f *fixture) wantVisit(address, want string) {
	f.t.Helper()
	if got := f.visit(address); got != want {
		f.t.Errorf("a visitor of %s gets %q; want %q", address, got, want)
	}
}

// inEachVersion runs a test in an old and in a new version of Ultimate Multisite.
func inEachVersion(f *fixture, test func(version string)) {
	for _, version := range []string{"2.3.4", "2.4.10", "2.4.13"} {
		f.do(step{"option", "fake_version", version})
		test(version)
	}
}

// servedStays: whatever happens to a domain, its site is served as before. The
// problem is in its log and in a notice.
func servedStays(f *fixture) {
	inEachVersion(f, func(version string) {
		live, plain := "live-"+version+".example.com", "plain-"+version+".example.com"
		f.do(step{"map", live, map[string]any{"stage": "done", "secure": 1}}, step{"map", plain, map[string]any{"stage": "done-without-ssl"}})
		f.sent()
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
			f.told(domainEvent(live, c.state, time.Time{}))
			f.wantStage(live, "done secure")
			f.wantVisit("https://"+live, "served")
			notices := f.do(step{"notices"}).Output
			if got := strings.Contains(notices, live+" ("+string(c.state)+"): because"); got != c.known {
				f.t.Errorf("%s: after %s the notices are %q; a problem: %v", version, c.state, notices, c.known)
			}
			if c.known && !strings.Contains(notices, "still served") {
				f.t.Errorf("the notices don't say that the site is still served: %q", notices)
			}
			if line := "domain-" + live; c.state != tasks.Done {
				log := f.do().Log
				if last := lastOf(log, line); !strings.HasSuffix(last, "pilotsync: "+string(c.state)+": because. The site is still served, in stage done.") {
					f.t.Errorf("%s: the domain's log ends with %q", version, last)
				}
			}
		}
		for _, state := range []tasks.State{tasks.CheckingDNS, tasks.Failed, tasks.DoneWithoutSSL, tasks.Rejected} {
			f.told(domainEvent(plain, state, time.Time{}))
			f.wantStage(plain, "done-without-ssl")
			f.wantVisit("http://"+plain, "served")
		}
		// A person takes it off the web: then the notice isn't true any more.
		f.do(step{"set", live, map[string]any{"stage": "failed"}}, step{"unmap", plain})
		f.wantVisit("https://"+live, "sign-up page")
		if notices := f.do(step{"notices"}).Output; strings.Contains(notices, version) {
			f.t.Errorf("the notices are still %q", notices)
		}
	})
}

// oneMore: the notice names five domains, and counts the others.
func oneMore(f *fixture) {
	name := func(i int) string { return fmt.Sprintf("many%d.example.com", i) }
	for i := range 7 {
		f.do(step{"map", name(i), map[string]any{"stage": "done"}})
		f.told(domainEvent(name(i), tasks.Failed, time.Time{}))
		want := map[int]string{5: "<li>and 1 more; wp pilotsync status shows it</li>", 6: "<li>and 2 more; wp pilotsync status shows them</li>"}[i]
		if notices := f.do(step{"notices"}).Output; !strings.Contains(notices, want) || i < 5 && strings.Contains(notices, " more; ") {
			f.t.Errorf("of %d domains the notices are %q", i+1, notices)
		}
	}
	for i := range 7 {
		f.do(step{"unmap", name(i)})
	}
	f.sent()
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
func certificateEnds(f *fixture) {
	const live = "ending.example.com"
	f.do(step{"map", live, map[string]any{"stage": "done", "secure": 1}})
	f.sent()
	ended := func(end time.Duration) tasks.Event {
		e := domainEvent(live, tasks.DoneWithoutSSL, time.Time{})
		e.CertificateUntil = time.Now().Add(end)
		return e
	}
	f.told(domainEvent(live, tasks.DoneWithoutSSL, time.Time{})) // as a worker of an older release tells it
	f.wantStage(live, "done secure")
	f.told(ended(24 * time.Hour))
	f.wantStage(live, "done secure")
	checking := ended(-time.Hour)
	checking.State = tasks.CheckingSSL
	f.told(checking)
	f.wantStage(live, "done secure")
	f.told(ended(-time.Hour))
	f.wantStage(live, "done-without-ssl")
	f.wantVisit("http://"+live, "served")
	f.wantVisit("https://"+live, "sent to http://"+live+"/")
	if notices := f.do(step{"notices"}).Output; !strings.Contains(notices, live+" (done-without-ssl)") {
		f.t.Errorf("the notices are %q", notices)
	}
	f.told(domainEvent(live, tasks.Done, time.Time{}))
	f.wantStage(live, "done secure")
	f.wantVisit("http://"+live, "sent to https://"+live+"/")

	// A network behind a proxy that speaks plain HTTP to WordPress has secure off.
	f.do(step{"set", live, map[string]any{"secure": 0}})
	f.told(domainEvent(live, tasks.Done, time.Time{}))
	f.wantStage(live, "done")
	f.do(step{"unmap", live})
	f.sent()
}

// neverServed: without a certificate the site must not be redirected to http.
func neverServed(f *fixture) {
	inEachVersion(f, func(version string) {
		const domain = "never-served.example.com"
		f.do(step{"map", domain})
		f.wantVisit("http://"+domain, "sign-up page")
		f.told(domainEvent(domain, tasks.DoneWithoutSSL, time.Time{}))
		if version == "2.3.4" {
			f.wantStage(domain, "done-without-ssl") // there is nothing else
		} else {
			f.wantStage(domain, "ssl-failed")
			f.wantVisit("http://"+domain, "sign-up page")
		}
		f.told(domainEvent(domain, tasks.Done, time.Time{}))
		f.wantVisit("https://"+domain, "served")
		f.do(step{"unmap", domain})
		f.told(domainEvent(domain, tasks.Removed, time.Time{}))
		f.sent()
	})
}

// resyncLive hands domains over that the network serves: one that works, and some of
// which pilotsync finds that they don't. A visitor asks all the while.
func resyncLive(f *fixture) {
	names := []string{"live.example.com", "elsewhere-live.example.com", "nocert-live.example.com"}
	for _, name := range names {
		f.do(step{"map_old", name, map[string]any{"stage": "done", "secure": 1}})
	}
	f.do(step{"map_old", "live_name.example.com", map[string]any{"stage": "done", "secure": 1}}) // that no list takes
	f.sent()
	names = append(names, "live_name.example.com")
	stop := f.startWorker()
	defer stop()
	for _, args := range [][]string{{"resync"}, {"resync", "--adopt"}} {
		if out, err := f.cli(args...); err != nil {
			f.t.Fatalf("wp pilotsync %q says %q (%v)", args, out, err)
		}
		ends := map[string]string{names[0]: "done", names[1]: "failed", names[2]: "done-without-ssl"}
		harness.AwaitTrue(f.t, "each domain to come to its end", func() bool {
			for _, name := range names {
				if got := f.visit("https://" + name); got != "served" {
					f.t.Fatalf("a visitor of %s gets %q", name, got)
				}
			}
			log := f.do().Log
			for name, state := range ends {
				if !strings.Contains(lastOf(log, "domain-"+name), "pilotsync: "+state) {
					return false
				}
			}
			return true
		})
	}
	for _, name := range names {
		f.wantStage(name, "done secure")
	}
	notices := f.do(step{"notices"}).Output
	for _, name := range names[1:] {
		if !strings.Contains(notices, name) {
			f.t.Errorf("the notices lack %s: %q", name, notices)
		}
		f.do(step{"unmap", name})
	}
	f.sent()
}
