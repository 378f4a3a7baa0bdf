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

// deliver posts an event that must be applied, each a millisecond later than the previous
// one.
func (f *fixture) deliver(e tasks.Event) {
	f.t.Helper()
	f.clock = f.clock.Add(time.Millisecond)
	e.At = f.clock
	id := e.Domain + " " + e.At.Format(time.RFC3339Nano)
	if status, answer := f.postEvent(id, time.Now(), e); status != http.StatusOK || !strings.Contains(answer, `"applied"`) {
		f.t.Fatalf("%s %s is answered with %d %s", e.Domain, e.State, status, answer)
	}
}

func (f *fixture) wantVisit(address, want string) {
	f.t.Helper()
	if got := f.visit(address); got != want {
		f.t.Errorf("a visitor of %s gets %q; want %q", address, got, want)
	}
}

// inEachVersion runs a test in old and new versions of Ultimate Multisite.
func inEachVersion(f *fixture, test func(version string)) {
	for _, version := range []string{"2.3.4", "2.4.10", "2.4.13"} {
		f.do(step{"option", "fake_version", version})
		test(version)
	}
}

// servedSitesStayServed: no event about a domain ends the serving of its site. Problems are
// in its log and in a notice.
func servedSitesStayServed(f *fixture) {
	inEachVersion(f, func(version string) {
		live, plain := "live-"+version+".example.com", "plain-"+version+".example.com"
		f.do(step{"map", live, map[string]any{"stage": "done", "secure": 1}}, step{"map", plain, map[string]any{"stage": "done-without-ssl"}})
		f.sent()
		for _, c := range []struct {
			state tasks.State
			known bool // as a problem
		}{
			{tasks.CheckingDNS, false}, // after the first handover
			{tasks.CheckingSSL, false},
			{tasks.Failed, true}, // an unexpected proxy
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
			f.deliver(domainEvent(live, c.state, time.Time{}))
			f.wantVisit("https://"+live, "served")
			s := f.do(step{"notices"})
			if stage := s.Domains[live]; stage != "done secure" {
				f.t.Errorf("%s: after %s it is in stage %q", version, c.state, stage)
			}
			if got := strings.Contains(s.Output, live+" ("+c.state.Name()+"): because"); got != c.known {
				f.t.Errorf("%s: after %s the notices are %q; a problem: %v", version, c.state, s.Output, c.known)
			}
			if c.known && !strings.Contains(s.Output, "still served") {
				f.t.Errorf("the notices don't say that the site is still served: %q", s.Output)
			}
			if c.state != tasks.Done {
				last := lastOf(s.Log, "domain-"+live)
				if !strings.HasSuffix(last, "pilotsync: "+c.state.Name()+": because. The site is still served, in stage done.") {
					f.t.Errorf("%s: the domain's log ends with %q", version, last)
				}
			}
		}
		for _, state := range []tasks.State{tasks.CheckingDNS, tasks.Failed, tasks.DoneWithoutSSL, tasks.Rejected} {
			f.deliver(domainEvent(plain, state, time.Time{}))
			f.wantStage(plain, "done-without-ssl")
			f.wantVisit("http://"+plain, "served")
		}
		// An administrator takes it offline, which ends the notice.
		f.do(step{"set", live, map[string]any{"stage": "failed"}}, step{"unmap", plain})
		f.wantVisit("https://"+live, "sign-up page")
		if notices := f.do(step{"notices"}).Output; strings.Contains(notices, version) {
			f.t.Errorf("the notices are still %q", notices)
		}
	})
}

// noticeSaysWhatToDo: the notice has the remedy and the DNS records.
func noticeSaysWhatToDo(f *fixture) {
	const domain = "elsewhere-notice.example.com"
	f.do(step{"map", domain, map[string]any{"stage": "done"}})
	f.sent()
	e := domainEvent(domain, tasks.Failed, time.Time{})
	e.Cause = cause(tasks.CauseDNSElsewhere, tasks.Params{Name: domain, Found: []string{"203.0.113.9", script}, Expected: []string{"198.51.100.4"}})
	f.deliver(e)
	notices := f.do(step{"notices"}).Output
	for _, want := range []string{domain + " (DNS failed): " + domain + " points to 203.0.113.9, &lt;script&gt;", ". Make " + domain + " point to 198.51.100.4",
		"<br>Change: <code>A  elsewhere-notice.example.com  203.0.113.9 → 198.51.100.4</code><br><a href=", "/wp-admin/network/settings.php?page=pilotsync-check&#038;domain=" + domain + "\">Check now</a></li>"} {
		if !strings.Contains(notices, want) {
			f.t.Errorf("the notices lack %q: %s", want, notices)
		}
	}
	if last := lastOf(f.do().Log, "domain-"+domain); !strings.Contains(last, "DNS failed: "+domain+" points to 203.0.113.9") {
		f.t.Errorf("the domain's log ends with %q", last)
	}
	f.do(step{"unmap", domain})
	f.sent()
}

// noticeLimit: the notice lists five domains and counts the others.
func noticeLimit(f *fixture) {
	name := func(i int) string { return fmt.Sprintf("many%d.example.com", i) }
	for i := range 7 {
		f.do(step{"map", name(i), map[string]any{"stage": "done"}})
		f.deliver(domainEvent(name(i), tasks.Failed, time.Time{}))
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

// lastOf returns the last line of a log with a handle.
func lastOf(log []string, handle string) string {
	for _, line := range slices.Backward(log) {
		if strings.HasPrefix(line, handle+" ") {
			return line
		}
	}
	return ""
}

// certificateExpires: secure is set only while the certificate may be valid.
func certificateExpires(f *fixture) {
	const live = "ending.example.com"
	f.do(step{"map", live, map[string]any{"stage": "done", "secure": 1}})
	f.sent()
	ended := func(end time.Duration) tasks.Event {
		e := domainEvent(live, tasks.DoneWithoutSSL, time.Time{})
		e.CertificateUntil = time.Now().Add(end)
		return e
	}
	f.deliver(domainEvent(live, tasks.DoneWithoutSSL, time.Time{})) // from a worker of an older release
	f.wantStage(live, "done secure")
	f.deliver(ended(24 * time.Hour))
	f.wantStage(live, "done secure")
	checking := ended(-time.Hour)
	checking.State = tasks.CheckingSSL
	f.deliver(checking)
	f.wantStage(live, "done secure")
	f.deliver(ended(-time.Hour))
	f.wantStage(live, "done-without-ssl")
	f.wantVisit("http://"+live, "served")
	f.wantVisit("https://"+live, "sent to http://"+live+"/")
	if notices := f.do(step{"notices"}).Output; !strings.Contains(notices, live+" (No certificate)") {
		f.t.Errorf("the notices are %q", notices)
	}
	f.deliver(domainEvent(live, tasks.Done, time.Time{}))
	f.wantStage(live, "done secure")
	f.wantVisit("http://"+live, "sent to https://"+live+"/")

	// A network behind a proxy that speaks plain HTTP to WordPress has secure off.
	f.do(step{"set", live, map[string]any{"secure": 0}})
	f.deliver(domainEvent(live, tasks.Done, time.Time{}))
	f.wantStage(live, "done")
	f.do(step{"unmap", live})
	f.sent()
}

// unservedMapping: without a certificate the site must not redirect to http.
func unservedMapping(f *fixture) {
	inEachVersion(f, func(version string) {
		const domain = "never-served.example.com"
		f.do(step{"map", domain})
		f.wantVisit("http://"+domain, "sign-up page")
		f.deliver(domainEvent(domain, tasks.DoneWithoutSSL, time.Time{}))
		if version == "2.3.4" {
			f.wantStage(domain, "done-without-ssl") // it has no other stage
		} else {
			f.wantStage(domain, "ssl-failed")
			f.wantVisit("http://"+domain, "sign-up page")
		}
		f.deliver(domainEvent(domain, tasks.Done, time.Time{}))
		f.wantVisit("https://"+domain, "served")
		f.do(step{"unmap", domain})
		f.deliver(domainEvent(domain, tasks.Removed, time.Time{}))
		f.sent()
	})
}

// resyncLive hands over served domains; some of them then fail. Visitors must be served
// throughout.
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
			f.t.Fatalf("wp pilotsync %q prints %q (%v)", args, out, err)
		}
		ends := map[string]string{names[0]: "Done", names[1]: "DNS failed", names[2]: "No certificate"}
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
