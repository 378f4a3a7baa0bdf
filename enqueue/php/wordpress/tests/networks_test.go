//go:build wordpress

package wordpress

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"pilotsync/tasks"
	"pilotsync/test/harness"
)

// severalNetworks: an installation with two networks has one outbox, one set of options and
// one app. Actions on one network don't affect the other.
func severalNetworks(f *fixture) {
	const host = "other.example.org"
	blog := f.do(step{"make_network", host}).Output
	f.do(step{"unmap", host}) // a new site gets a mapping of its own name
	f.sent()
	f.writeFile("other-network", blog)
	n := *f.network
	other := *f
	other.network, n.host = &n, host
	mapped := map[string]any{"blog_id": blog}

	f.do(step{"map", "first.example.com"})
	f.wantSent("add first.example.com always 2")
	if out := other.do(step{"activate"}).Output; out != "" {
		f.t.Fatal(out)
	}
	f.wantSent() // the main network has already handed it over
	if url := other.do(step{"webhook_url"}).Output; url != "http://network.example.net/wp-json/pilotsync/v1/webhook" {
		f.t.Errorf("the other network's webhook address is %s", url)
	}

	// Ultimate Multisite doesn't receive its own hook there, so no wu_add_domain follows.
	other.do(step{"map", "second.example.com", mapped})
	f.wantSent("add second.example.com always " + blog)
	other.do(step{"rename", "second.example.com", "third.example.com"})
	f.wantSent("remove second.example.com always "+blog, "add third.example.com always "+blog)
	f.deliver(domainEvent("third.example.com", tasks.Failed, time.Time{}))
	f.wantStage("third.example.com", "failed")
	f.do(step{"set", "third.example.com", map[string]any{"stage": "checking-dns"}})
	if out, err := f.cli("resync", "--subsites"); err != nil {
		f.t.Errorf("wp pilotsync resync prints %q (%v)", out, err)
	}
	if sent := strings.Join(f.sent(), "\n"); strings.Contains(sent, " "+host+" ") || !strings.Contains(sent, "add third.example.com always "+blog) {
		f.t.Errorf("resync on the main network sent %s", sent)
	}

	// Both networks show what one of them finds.
	f.redis.Stop()
	if out := other.do(step{"do_action", "wu_add_domain", "late.example.com", 2}, step{"notices"}).Output; !strings.Contains(out, "1 domain change has been waiting for Redis") {
		f.t.Errorf("the other network's notices are %q", out)
	}
	if out := f.do(step{"notices"}).Output; !strings.Contains(out, "1 domain change has been waiting for Redis") {
		f.t.Errorf("the main network's notices are %q", out)
	}
	f.redis.Start()
	harness.AwaitTrue(f.t, "the outbox to be sent by the main network", func() bool { return len(f.do(step{"do_action", "pilotsync_flush"}).Outbox) == 0 })
	f.wantSent("add late.example.com always 2")
	now := time.Now()
	for id, at := range map[string]*fixture{"n1": f, "n2": &other} { // workers send the event to one of the addresses, or to both
		if status, answer := at.postEvent(id, now, tasks.Event{Type: tasks.AppBlocked, AppID: app, Reason: "the key is wrong", At: now}); status != http.StatusOK {
			f.t.Errorf("the event is answered with %d %s", status, answer)
		}
	}
	if out := other.do(step{"notices"}).Output; !strings.Contains(out, "the key is wrong") {
		f.t.Errorf("the other network's notices are %q", out)
	}
	if mails := f.mails(); len(mails) != 1 || !slices.Equal(mails[0].To, []string{"admin@example.net"}) || !strings.HasPrefix(mails[0].Subject, "[Tom's & Jo's] ") {
		f.t.Errorf("the e-mails are %+v; want one, to the main network's administrator", mails)
	}
	f.postEvent("n3", now, tasks.Event{Type: tasks.AppRecovered, AppID: app, Reason: "fine", At: now.Add(time.Second)})
	f.mails()

	f.do(step{"option", "wu_hosting_credential_WU_SERVER_PILOT_APP_ID", "1ppa"})
	other.do(step{"option", "fake_version", "2.4.13"})
	f.toggleFile("no-app-id", true)
	other.do(step{"do_action", "wu_add_domain", "stored.example.com", 2})
	f.wantSent("add stored.example.com always 2")
	f.toggleFile("no-app-id", false)

	if out := other.do(step{"options_elsewhere"}).Output; out != "" {
		f.t.Errorf("the other network has the options %s", out)
	}

	// Deactivated and deleted on one network, the plugin still works on the other.
	before := len(f.do().Calls)
	calls := other.do(step{"deactivate"}).Calls[before:]
	if want := []string{"polled third.example.com"}; !slices.Equal(calls, want) {
		f.t.Errorf("deactivated on one network, Ultimate Multisite did %q; want %q", calls, want)
	}
	if out := other.do(step{"uninstall"}).Output; !strings.Contains(out, "pilotsync_outbox") || !strings.Contains(out, "pilotsync_schema") {
		f.t.Errorf("deleted on one network, it leaves %q", out)
	}
	f.do(step{"unmap", "third.example.com"}, step{"unmap", "first.example.com"})
	f.wantSent("remove third.example.com always "+blog, "remove first.example.com always 2")
}
