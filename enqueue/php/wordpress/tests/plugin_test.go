//go:build wordpress

package wordpress

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"golang.org/x/sync/errgroup"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/harness"
	"pilotsync/test/redistest"
	"pilotsync/worker"
	"pilotsync/worker/certcheck"
	"pilotsync/worker/listsync"
	"pilotsync/worker/registry"
	"pilotsync/worker/webhook"
)

const app = "app1"

// fixture is a network with Redis and ServerPilot. Its tests run in sequence on one network,
// because installing one takes seconds.
type fixture struct {
	*network
	redis  *redistest.Server
	rdb    *redis.Client
	sim    *simulator.Simulator
	signer *standardwebhooks.Webhook
	secret string          // PILOTSYNC_WEBHOOK_SECRET of the network
	seen   map[string]bool // tasks that sent has returned
	clock  time.Time       // of the tests' own events
}

func TestPlugin(t *testing.T) {
	// Two secrets, as during a rotation: the worker knows only the second.
	secret := "whsec_" + base64.StdEncoding.EncodeToString([]byte("the secret of the present 012345"))
	other := "whsec_" + base64.StdEncoding.EncodeToString([]byte("the secret of the past 0123456789"))
	signer, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{redis: redistest.Shipped(t), signer: signer, secret: other + " " + secret, seen: map[string]bool{}, clock: time.Now()}
	f.network = newNetwork(t, f.redis.As("php"), f.secret)
	f.rdb = f.redis.Client(t, "admin")
	if f.sim, err = simulator.Start(simulator.Options{CertDelay: 100 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.sim.Close)
	if out := f.do(step{"make_site", "two.network.example.net"}).Output; out != "2" {
		t.Fatalf("the site that mappings belong to: %q", out)
	}

	for _, c := range []struct {
		name string
		test func(*fixture)
	}{
		{"while it is inactive, the built-in provider works", switchedOff},
		{"without its requirements it shows a notice and does nothing", missingRequirements},
		{"it refuses the object cache's Redis database", sharedRedis},
		{"when activated, it takes over in the older layout", takesOverOldLayout},
		{"it takes over in the newer layout", takesOverNewLayout},
		{"without a constant it uses the stored app id", appIDFromUltimate},
		{"invalid settings are reported immediately", invalidSettings},
		{"the network's filter sets the attempts", attempts},
		{"the www rule is Ultimate Multisite's", wwwRule},
		{"a new subsite is one addition without www", subsites},
		{"names below the network's domain get no www form", wwwForms},
		{"removing the mapping of a www name keeps the www form", wwwMapping},
		{"a mapping whose site was deleted can be removed", mappingWithoutSite},
		{"deleting a site keeps addresses of networks and other sites", otherAddressesStay},
		{"repeated actions are repeated changes", repeatedActions},
		{"a new mapping isn't a renamed one", newMapping},
		{"several networks are one installation", severalNetworks},
		{"renaming a mapping removes the old name", renamedMapping},
		{"a renamed mapping ignores a late addition", lateAddition},
		{"an invalid host name doesn't block others", invalidNames},
		{"an outage of Redis loses nothing and keeps the order", redisOutage},
		{"Action Scheduler retries the outbox if it is there", retryWithActionScheduler},
		{"a waiting removal spares a name that is mapped again", waitingRemoval},
		{"the notice's button sends, for administrators only", sendButton},
		{"concurrent processes send each change once", concurrentProcesses},
		{"an unreadable outbox isn't empty", outboxUnreadable},
		{"missing tables are created later", missingTable},
		{"Ultimate Multisite's checks are off unless a filter says so", ownChecksOff},
		{"the network's names answer the signed challenge", answersChallenge},
		{"a forged or old webhook changes nothing", forgedWebhooks},
		{"a webhook that is signed with one byte is refused", guessableSecret},
		{"an event of the future or with odd names is refused", futureEvents},
		{"a repeated or late event changes nothing", repeatedEvents},
		{"Site Health shows when the last event arrived", lastEvent},
		{"the doctor finds a blocked or missing webhook", doctorChecksWebhook},
		{"no event takes a served site offline", servedSitesStayServed},
		{"the notice of a problem has the remedy and the records", noticeSaysWhatToDo},
		{"the notice of domains with a problem lists five", noticeLimit},
		{"an expired certificate ends the redirect to https", certificateExpires},
		{"an event that could not be saved is applied later", eventNotSaved},
		{"concurrent edits by an administrator win", mappingChangedMeanwhile},
		{"events apply to names that validation refuses", eventForInvalidName},
		{"saving the edit page requests a verification", editPageVerifies},
		{"activation and deactivation leave every mapping checked", activationHandsOver},
		{"a name mapped again during deactivation stays listed", mappedWhileOff},
		{"once it works again it takes over mappings in progress", takesOverAgain},
		{"PILOTSYNC_DISABLED as the text false disables nothing", disabledAsText},
		{"a command line without the settings restarts nothing", commandLineWithoutSettings},
		{"resync's flags select the names of subsites", subsiteFlags},
		{"an unserved mapping gets the stage of its version", unservedMapping},
		{"a blocked app has a notice until it recovers", blockedApp},
		{"a mapped domain becomes done by webhook", endToEnd},
		{"a blocked app and its recovery are one e-mail each", mailsOnce},
		{"a lost ledger is one e-mail", mailLedgerLost},
		{"an e-mail that the mail server refuses is sent later", mailRefused},
		{"PILOTSYNC_MAIL_TO sets the recipients", mailTo},
		{"a customer sees causes and DNS records", customerList},
		{"domains that need attention are at most one e-mail a day", dailyDigest},
		{"a failed scheduled action doesn't prevent others", scheduledFailures},
		{"an unreadable mapping isn't a missing one", unreadableMapping},
		{"a domain that is done becomes done when mapped again", alreadyDone},
		{"resync leaves live domains served", resyncLive},
		{"the commands", commands},
		{"after a loss the next event counts regardless of its time", clockAfterLoss},
		{"after deactivation the built-in provider works again", switchedOff},
		{"deletion leaves nothing behind", uninstall},
		{"as a must-use plugin it takes over, too", mustUse},
	} {
		ok := t.Run(c.name, func(t *testing.T) {
			c.test(f.forTest(t))
		})
		if !ok {
			t.Fatalf("later tests depend on this one; PHP's errors: %q", f.phpErrors())
		}
	}
	if lines := f.phpErrors(); lines != nil {
		t.Errorf("PHP's errors:\n%s", strings.Join(lines, ""))
	}
}

// forTest returns the fixture with the test of a subtest.
func (f *fixture) forTest(t *testing.T) *fixture {
	n := *f.network
	n.t = t
	copied := *f
	copied.network = &n
	return &copied
}

// sent returns the changes that were enqueued since the last call, in order.
func (f *fixture) sent() []string {
	f.t.Helper()
	inspector := asynq.NewInspectorFromRedisClient(f.rdb)
	var infos []*asynq.TaskInfo
	for _, list := range []func(string, ...asynq.ListOption) ([]*asynq.TaskInfo, error){inspector.ListPendingTasks, inspector.ListCompletedTasks} {
		found, err := list(tasks.QueueDomains, asynq.PageSize(1000))
		if err != nil && !strings.Contains(err.Error(), "not found") {
			f.t.Fatal(err)
		}
		infos = append(infos, found...)
	}
	type change struct {
		tasks.Change
		text string
	}
	var changes []change
	for _, info := range infos {
		if f.seen[info.ID] {
			continue
		}
		f.seen[info.ID] = true
		c, err := tasks.Decode[tasks.Change](info.Payload)
		if err != nil {
			f.t.Fatal(err)
		}
		kind := strings.TrimPrefix(info.Type, "domain:")
		if c.Import {
			kind = strings.Replace(kind, "add", "adopt", 1)
		}
		if c.Verify {
			kind = "verify"
		}
		text := fmt.Sprintf("%s %s %s %d", kind, c.Domain, c.WWW, c.SiteID)
		if c.Attempts != 0 {
			text += fmt.Sprintf(" attempts %d", c.Attempts)
		}
		changes = append(changes, change{c, text})
	}
	slices.SortFunc(changes, func(a, b change) int { return int(a.Seq - b.Seq) })
	texts := []string{}
	for _, c := range changes {
		texts = append(texts, c.text)
	}
	return texts
}

func (f *fixture) wantSent(want ...string) {
	f.t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), f.sent()); diff != "" {
		f.t.Errorf("changes that were enqueued (-want +got):\n%s", diff)
	}
}

// switchedOff: the provider of the present layout is called.
func switchedOff(f *fixture) {
	f.do(step{"deactivate"})
	before := len(f.do().Calls)
	after := f.do(step{"do_action", "wu_add_domain", "off.example.com", 2}, step{"do_action", "wu_remove_domain", "off.example.com", 2},
		step{"do_action", "wu_add_subdomain", "off.network.example.net", 2}, step{"do_action", "wu_remove_subdomain", "off.network.example.net", 2})
	want := []string{"add_domain off.example.com", "remove_domain off.example.com", "add_subdomain off.network.example.net"} // removes no subdomain
	if diff := cmp.Diff(want, after.Calls[before:]); diff != "" {
		f.t.Errorf("calls of the built-in provider (-want +got):\n%s", diff)
	}
	f.wantSent()
}

func missingRequirements(f *fixture) {
	if out := f.do(step{"activate"}).Output; out != "" {
		f.t.Fatal(out)
	}
	if _, err := f.rdb.Ping(f.t.Context()).Result(); err != nil {
		f.t.Fatal(err)
	}
	for file, want := range map[string]string{"no-ultimate": "Ultimate Multisite is not active", "not-set-up": "Ultimate Multisite is not set up",
		"no-constants": "PILOTSYNC_REDIS_URL is not set", "no-app-id": "The id of the ServerPilot app is not known"} {
		f.toggleFile(file, true)
		before := len(f.do().Calls)
		s := f.do(step{"notices"}, step{"do_action", "wu_add_domain", "nothing.example.com", 2}, step{"notices", 0})
		if strings.Count(s.Output, want) != 1 {
			f.t.Errorf("with %s the notices are %q; want one with %q, for those with the capability", file, s.Output, want)
		}
		if file != "no-ultimate" && len(s.Calls) != before+1 {
			f.t.Errorf("with %s the built-in provider must continue", file)
		}
		f.toggleFile(file, false)
	}
	f.wantSent()
}

func checkTakesOver(f *fixture) {
	f.t.Helper()
	before := f.do().Calls
	s := f.do(step{"do_action", "wu_add_domain", "take.example.com", 2}, step{"do_action", "wu_remove_domain", "take.example.com", 2},
		step{"do_action", "wu_add_subdomain", "take.network.example.net", 2}, step{"do_action", "wu_remove_subdomain", "take.network.example.net", 2})
	if diff := cmp.Diff(before, s.Calls); diff != "" {
		f.t.Errorf("the built-in provider was called (-want +got):\n%s", diff)
	}
	f.wantSent("add take.example.com always 2", "remove take.example.com always 2",
		"add take.network.example.net never 2", "remove take.network.example.net never 2")
}

func takesOverOldLayout(f *fixture) { checkTakesOver(f) }

func takesOverNewLayout(f *fixture) {
	f.do(step{"option", "fake_version", "2.4.13"})
	checkTakesOver(f)
}

func subsites(f *fixture) {
	f.do(step{"make_site", "shop.network.example.net"})
	f.wantSent("add shop.network.example.net never 3")
	f.do(step{"delete_site", "shop.network.example.net"})
	// First for its mapping, then for its own name.
	f.wantSent("remove shop.network.example.net never 3", "remove shop.network.example.net never 3")
}

func wwwForms(f *fixture) {
	f.do(step{"map", "inside.network.example.net"}, step{"map", "network.example.net.example.com"})
	for _, setting := range []string{"main_only", "never"} {
		f.do(step{"option", "fake_setting_auto_create_www_subdomain", setting}, step{"map", strings.TrimSuffix(setting, "_only") + ".example.com"})
	}
	f.do(step{"option", "fake_setting_auto_create_www_subdomain", "always"})
	f.wantSent("add inside.network.example.net never 2", "add network.example.net.example.com always 2",
		"add main.example.com never 2", "add never.example.com never 2")
	s := f.do(step{"do_action", "wu_remove_domain", "network.example.net", 1})
	f.wantSent()
	if last := s.Log[len(s.Log)-1]; !strings.Contains(last, "network's own domain") {
		f.t.Errorf("the log ends with %q", last)
	}
}

// wwwMapping: the removal of www.example.com by name also removes that form of example.com.
func wwwMapping(f *fixture) {
	const bare, www = "both.example.com", "www.both.example.com"
	f.do(step{"map", bare}, step{"map", www})
	f.sent()
	f.do(step{"unmap", www})
	f.wantSent("remove "+www+" never 2", "add "+bare+" always 2")
	f.do(step{"map", www})
	f.sent()
	f.do(step{"option", "fake_setting_auto_create_www_subdomain", "never"}, step{"unmap", www})
	f.wantSent("remove " + www + " never 2")
	f.do(step{"option", "fake_setting_auto_create_www_subdomain", "always"})
	f.do(step{"map", www})
	f.sent()
	f.do(step{"unmap", bare}, step{"unmap", www})
	f.wantSent("remove "+bare+" always 2", "remove "+www+" never 2")
}

// mappingWithoutSite: if its domain mapping is off, Ultimate Multisite keeps the mappings of
// deleted sites.
func mappingWithoutSite(f *fixture) {
	const name = "orphan.network.example.net"
	f.do(step{"map", name, map[string]any{"blog_id": 99}})
	f.sent()
	f.do(step{"do_action", "wu_remove_subdomain", name, "99"})
	f.wantSent("remove " + name + " never 99")
	for _, args := range [][]string{{"resync"}, {"resync", "--adopt"}} {
		if out, err := f.cli(args...); err != nil || !strings.Contains(out, "Skipped: "+name+".") {
			f.t.Errorf("wp pilotsync %q prints %q (%v)", args, out, err)
		}
		if sent := f.sent(); slices.ContainsFunc(sent, func(s string) bool { return strings.Contains(s, name) }) {
			f.t.Errorf("wp pilotsync %q adds a name whose site doesn't exist: %q", args, sent)
		}
	}
	f.do(step{"unmap", name})
	f.sent()
}

// otherAddressesStay: the deleted site's domain is also that of a network, or of a site in
// another path.
func otherAddressesStay(f *fixture) {
	const networkDomain, shared = "www.second.example.org", "shared.network.example.net"
	f.do(
		step{"sql", "INSERT INTO net_site (id, domain, path) VALUES (3, '" + networkDomain + "', '/')"},
		step{"sql", "INSERT INTO net_blogs (blog_id, site_id, domain, path) VALUES (97, 1, '" + shared + "', '/'), (98, 1, '" + shared + "', '/b/')"},
	)
	f.do(step{"flush"})
	f.do(
		step{"do_action", "wu_remove_domain", networkDomain, 2},
		step{"do_action", "wu_remove_subdomain", networkDomain, 2},
		step{"do_action", "wu_remove_subdomain", "second.example.org", 2},
		step{"do_action", "wu_remove_subdomain", shared, 98},
	)
	f.wantSent()
	f.do(step{"sql", "DELETE FROM net_blogs WHERE blog_id IN (97, 98)"}, step{"sql", "DELETE FROM net_site WHERE id = 3"})
	f.do(step{"flush"})
	f.do(step{"do_action", "wu_remove_subdomain", shared, 97})
	f.wantSent("remove " + shared + " never 97")
}

// repeatedActions: a process may run for hours beside others, so its earlier changes say
// nothing about a domain's present state.
func repeatedActions(f *fixture) {
	add, remove := step{"do_action", "wu_add_domain", "Twice.example.com", 2}, step{"do_action", "wu_remove_domain", "twice.example.com", 2}
	f.do(add, add, remove, remove, add)
	f.wantSent("add twice.example.com always 2", "add twice.example.com always 2",
		"remove twice.example.com always 2", "remove twice.example.com always 2", "add twice.example.com always 2")
	// A site's own name is added even if another site has a mapping of it.
	f.do(step{"map", "pair.network.example.net", map[string]any{"blog_id": 1}}, step{"do_action", "wu_add_subdomain", "pair.network.example.net", "2"})
	f.wantSent("add pair.network.example.net never 2", "add pair.network.example.net never 1")
	f.do(step{"unmap", "pair.network.example.net"})
	f.sent()
}

func renamedMapping(f *fixture) {
	f.do(step{"map", "old.example.com"})
	f.do(step{"rename", "old.example.com", "new.example.com"})
	f.wantSent("add old.example.com always 2", "remove old.example.com always 2", "add new.example.com always 2")
	f.do(step{"do_action", "pilotsync_domain_renamed", "other.example.com", "new.example.com", 7})
	f.wantSent("remove other.example.com always 7")
}

func lateAddition(f *fixture) {
	// Renamed and renamed back; only then the addition of the temporary name runs.
	f.do(step{"rename", "new.example.com", "between.example.com"})
	f.do(step{"rename", "between.example.com", "new.example.com"})
	f.sent()
	f.do(step{"do_action", "wu_add_domain", "between.example.com", 2}, step{"do_action", "wu_add_domain", "new.example.com", 2})
	f.wantSent("add new.example.com always 2")
}

func invalidNames(f *fixture) {
	s := f.do(step{"map_old", "under_score.example.com"}, step{"map", "after.example.com"})
	f.wantSent("add after.example.com always 2")
	if s.Domains["under_score.example.com"] != "failed" || len(s.Outbox) != 0 {
		f.t.Errorf("the domain is %q, and the outbox has %v", s.Domains["under_score.example.com"], s.Outbox)
	}
	if !slices.ContainsFunc(s.Log, func(line string) bool { return strings.HasPrefix(line, "domain-under_score.example.com error ") }) {
		f.t.Errorf("the domain's log doesn't have the error: %q", s.Log)
	}
}

func redisOutage(f *fixture) {
	f.redis.Stop()
	f.do(step{"do_action", "wu_add_domain", "down1.example.com", 2}, step{"do_action", "wu_add_domain", "down2.example.com", 2})
	f.do(step{"do_action", "wu_remove_domain", "down1.example.com", 2})
	s := f.do(step{"do_action", "wu_add_domain", "down1.example.com", 3}, step{"notices"})
	want := []string{"add down1.example.com", "add down2.example.com", "remove down1.example.com", "add down1.example.com"}
	if diff := cmp.Diff(want, s.Outbox); diff != "" {
		f.t.Errorf("the outbox (-want +got):\n%s", diff)
	}
	if !strings.Contains(s.Output, "4 domain changes have been waiting for Redis") {
		f.t.Errorf("the notices are %q", s.Output)
	}
	if out, err := f.cli("test"); err == nil || !strings.Contains(out, "WRONG  Redis") || !strings.Contains(out, "WRONG  Outbox: 4 changes wait") {
		f.t.Errorf("wp pilotsync test prints %q (%v)", out, err)
	}
	f.redis.Start()
	harness.AwaitTrue(f.t, "the outbox to be sent by WP-Cron", func() bool { f.cron(); return len(f.do().Outbox) == 0 })
	f.wantSent("add down1.example.com always 2", "add down2.example.com always 2", "remove down1.example.com always 2", "add down1.example.com always 3")
	if s := f.do(step{"notices"}); s.Output != "" {
		f.t.Errorf("the notices are still %q", s.Output)
	}
}

func ownChecksOff(f *fixture) {
	before := len(f.do(step{"map", "polled.example.com"}).Calls)
	if s := f.do(step{"poll", "polled.example.com"}, step{"poll", "polled.example.com"}); len(s.Calls) != before {
		f.t.Errorf("it was checked: %q", s.Calls[before:])
	}
	want := slices.Repeat([]string{"polled theirs.example.com"}, 3) // one of them because it is new
	s := f.do(step{"map", "theirs.example.com"}, step{"poll", "theirs.example.com"}, step{"poll", "polled.example.com"}, step{"poll", "theirs.example.com"})
	if diff := cmp.Diff(want, s.Calls[before:]); diff != "" {
		f.t.Errorf("polled (-want +got):\n%s", diff)
	}
	f.sent()
}

func retryWithActionScheduler(f *fixture) {
	f.do(step{"option", "fake_action_scheduler", true})
	f.redis.Stop()
	f.do(step{"do_action", "wu_add_domain", "scheduled1.example.com", 2}, step{"do_action", "wu_add_domain", "scheduled2.example.com", 2})
	for range 2 { // fails, and is scheduled again
		if out := f.do(step{"actions"}).Output; out != "1 run, 1 scheduled; WP-Cron: no" {
			f.t.Errorf("with Redis down: %s", out)
		}
	}
	f.redis.Start()
	if out := f.do(step{"actions"}).Output; out != "1 run, 0 scheduled; WP-Cron: no" {
		f.t.Errorf("with Redis back: %s", out)
	}
	f.wantSent("add scheduled1.example.com always 2", "add scheduled2.example.com always 2")
	f.do(step{"option", "fake_action_scheduler", false})
}

// clockAfterLoss: the clock of the new Redis is a minute behind that of the lost one.
func clockAfterLoss(f *fixture) {
	const domain = "clock.example.com"
	f.do(step{"map", domain})
	at := time.Now().Add(3 * time.Minute)
	send := func(id string, e tasks.Event, want string) {
		f.t.Helper()
		if status, answer := f.postEvent(id, time.Now(), e); status != http.StatusOK || !strings.Contains(answer, want) {
			f.t.Errorf("the event %s is answered with %d %s; want %q", id, status, answer, want)
		}
	}
	send("clock1", domainEvent(domain, tasks.CheckingDNS, at), `"applied"`)
	send("clock2", domainEvent(domain, tasks.Done, at.Add(-time.Minute)), `"old"`)
	if err := f.rdb.HSet(f.t.Context(), "pilotsync:ledger", "id", "of-another-redis").Err(); err != nil {
		f.t.Fatal(err)
	}
	send("clock3", tasks.Event{Type: tasks.LedgerLost, AppID: app, Ledger: "of-another-redis", At: at}, `"applied"`)
	send("clock4", domainEvent(domain, tasks.Done, at.Add(-time.Minute)), `"applied"`)
	f.wantStage(domain, "done secure")
	f.do(step{"unmap", domain})
	f.sent()
	f.mails()
}

// waitingRemoval: the name is mapped again before its removal is sent.
func waitingRemoval(f *fixture) {
	const domain = "again.example.com"
	f.do(step{"map", domain})
	f.wantSent("add " + domain + " always 2")
	f.redis.Stop()
	f.do(step{"unmap", domain})
	f.do(step{"deactivate"})
	f.do(step{"map", domain})
	f.redis.Start()
	f.do(step{"activate"}, step{"do_action", "pilotsync_flush"})
	if sent := f.sent(); slices.ContainsFunc(sent, func(s string) bool { return strings.HasPrefix(s, "remove "+domain) }) {
		f.t.Errorf("a mapped name is removed: %q", sent)
	}
	if out, err := f.cli("outbox"); err != nil || strings.Contains(out, domain) {
		f.t.Errorf("wp pilotsync outbox prints %q (%v)", out, err)
	}
	f.do(step{"unmap", domain})
	f.sent()
}

func sendButton(f *fixture) {
	f.redis.Stop()
	f.do(step{"do_action", "wu_add_domain", "button.example.com", 2})
	f.redis.Start()
	for _, c := range []struct {
		name  string
		user  int
		nonce bool
		want  int
	}{
		{"without a nonce", 1, false, http.StatusForbidden},
		{"without a user", 0, true, http.StatusForbidden},
	} {
		body, err := json.Marshal([]step{{"button", c.user, c.nonce}})
		if err != nil {
			f.t.Fatal(err)
		}
		if status, _ := f.post("/?test", body, nil); status != c.want {
			f.t.Errorf("%s it is answered with %d; want %d", c.name, status, c.want)
		}
		f.wantSent()
	}
	if status, _ := f.post("/?test", []byte(`[["button", 1, true]]`), nil); status != http.StatusFound {
		f.t.Errorf("it is answered with %d", status)
	}
	f.wantSent("add button.example.com always 2")
}

// concurrentProcesses: several processes put changes into the outbox and send them. Each adds
// and removes its own domain in turn.
func concurrentProcesses(f *fixture) {
	const processes, turns = 4, 6
	want := map[string][]string{}
	var group errgroup.Group
	for p := range processes {
		domain := fmt.Sprintf("crowd%d.example.com", p)
		var steps []step
		for turn := range turns {
			kind := []string{"add", "remove"}[turn%2]
			steps = append(steps, step{"do_action", "wu_" + kind + "_domain", domain, 2})
			want[domain] = append(want[domain], kind+" "+domain+" always 2")
		}
		body, err := json.Marshal(steps)
		if err != nil {
			f.t.Fatal(err)
		}
		group.Go(func() error {
			resp, err := http.Post(f.url+"/?test", "application/json", bytes.NewReader(body))
			if err != nil {
				return err
			}
			return resp.Body.Close()
		})
	}
	if err := group.Wait(); err != nil {
		f.t.Fatal(err)
	}
	if out := f.do().Outbox; len(out) != 0 {
		f.t.Errorf("left in the outbox: %q", out)
	}
	got := map[string][]string{}
	for _, text := range f.sent() {
		domain := strings.Fields(text)[1]
		got[domain] = append(got[domain], text)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		f.t.Errorf("changes of each domain, in order (-want +got):\n%s", diff)
	}
}

// postEvent posts an event, signed as by the worker, and returns the response.
func (f *fixture) postEvent(id string, at time.Time, e tasks.Event) (int, string) {
	f.t.Helper()
	body, err := json.Marshal(e)
	if err != nil {
		f.t.Fatal(err)
	}
	signature, err := f.signer.Sign(id, at, body)
	if err != nil {
		f.t.Fatal(err)
	}
	return f.postSigned(id, at, signature, body)
}

func (f *fixture) postSigned(id string, at time.Time, signature string, body []byte) (int, string) {
	f.t.Helper()
	status, answer := f.post("/wp-json/pilotsync/v1/webhook", body, map[string]string{
		"Content-Type": "application/json", standardwebhooks.HeaderWebhookID: id,
		standardwebhooks.HeaderWebhookTimestamp: strconv.FormatInt(at.Unix(), 10), standardwebhooks.HeaderWebhookSignature: signature,
	})
	return status, string(answer)
}

func domainEvent(domain string, state tasks.State, at time.Time) tasks.Event {
	return tasks.Event{Type: tasks.DomainState, AppID: app, Domain: domain, Seq: 1, State: state, Names: []string{domain}, Reason: "because", At: at}
}

func (f *fixture) wantStage(domain, want string) {
	f.t.Helper()
	if got := f.do().Domains[domain]; got != want {
		f.t.Errorf("%s is in stage %q; want %q", domain, got, want)
	}
}

func forgedWebhooks(f *fixture) {
	f.do(step{"map", "hook.example.com"})
	f.sent()
	now := time.Now()
	e := domainEvent("hook.example.com", tasks.Done, now)
	body, err := json.Marshal(e)
	if err != nil {
		f.t.Fatal(err)
	}
	good, err := f.signer.Sign("id1", now, body)
	if err != nil {
		f.t.Fatal(err)
	}
	old, err := f.signer.Sign("id1", now.Add(-6*time.Minute), body)
	if err != nil {
		f.t.Fatal(err)
	}
	early, err := f.signer.Sign("id1", now.Add(6*time.Minute), body)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, c := range []struct {
		name, id  string
		at        time.Time
		signature string
		body      []byte
	}{
		{"no signature", "id1", now, "", body},
		{"a signature of nothing", "id1", now, "v1,", body},
		{"a wrong signature", "id1", now, "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", body},
		{"another id", "id2", now, good, body},
		{"another time", "id1", now.Add(time.Second), good, body},
		{"another body", "id1", now, good, append(slices.Clone(body), ' ')},
		{"an old one", "id1", now.Add(-6 * time.Minute), old, body},
		{"one from the future", "id1", now.Add(6 * time.Minute), early, body},
	} {
		if status, answer := f.postSigned(c.id, c.at, c.signature, c.body); status != http.StatusUnauthorized {
			f.t.Errorf("%s is answered with %d %s", c.name, status, answer)
		}
	}
	f.wantStage("hook.example.com", "checking-dns")
	if status, answer := f.postSigned("id1", now, "v1,AAAA "+good, body); status != http.StatusOK || !strings.Contains(answer, `"applied"`) {
		f.t.Errorf("a right signature after a wrong one is answered with %d %s", status, answer)
	}
	f.wantStage("hook.example.com", "done secure")
	if status, _ := f.postEvent("id3", now, tasks.Event{Type: "no.such", AppID: app}); status != http.StatusOK {
		f.t.Errorf("an event of a later version is answered with %d", status)
	}
}

// guessableSecret has 256 values.
func guessableSecret(f *fixture) {
	signer, err := standardwebhooks.NewWebhookRaw([]byte("k"))
	if err != nil {
		f.t.Fatal(err)
	}
	now := time.Now()
	body, err := json.Marshal(domainEvent("guessed.example.com", tasks.Done, now))
	if err != nil {
		f.t.Fatal(err)
	}
	signature, err := signer.Sign("g1", now, body)
	if err != nil {
		f.t.Fatal(err)
	}
	f.toggleFile("no-constants", true)
	f.writeFile("extra.php", "<?php define( 'PILOTSYNC_REDIS_URL', '"+f.redis.As("php")+"' ); define( 'PILOTSYNC_WEBHOOK_SECRET', 'whsec_aw==' );")
	if status, answer := f.postSigned("g1", now, signature, body); status != http.StatusServiceUnavailable {
		f.t.Errorf("with a secret of one byte it is answered with %d %s", status, answer)
	}
	f.toggleFile("no-constants", false)
}

// futureEvents would make all later ones look old.
func futureEvents(f *fixture) {
	f.do(step{"map", "future.example.com"})
	f.sent()
	now := time.Now()
	for _, at := range []time.Time{now.Add(6 * time.Minute), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)} {
		for _, e := range []tasks.Event{domainEvent("future.example.com", tasks.Failed, at), {Type: tasks.AppBlocked, AppID: app, Reason: "because", At: at}} {
			if status, answer := f.postEvent("f1", now, e); status != http.StatusBadRequest || !strings.Contains(answer, "from the future") {
				f.t.Errorf("a %s of %s is answered with %d %s", e.Type, at, status, answer)
			}
		}
	}
	f.wantStage("future.example.com", "checking-dns")
	for _, e := range []tasks.Event{
		domainEvent("future.example.com\x1b[2J", tasks.Done, now), domainEvent("future.example.com", "done\r\n", now),
		domainEvent(strings.Repeat("a.", 150)+"example.com", tasks.Done, now), {Type: tasks.AppBlocked, AppID: app + "\n", At: now},
	} {
		if status, answer := f.postEvent("f2", now, e); status != http.StatusBadRequest {
			f.t.Errorf("%q, %q, %q are answered with %d %s", e.AppID, e.Domain, e.State, status, answer)
		}
	}
	if status, answer := f.postEvent("f3", now, domainEvent("future.example.com", tasks.Done, now)); status != http.StatusOK || !strings.Contains(answer, `"applied"`) {
		f.t.Errorf("the next real event is answered with %d %s", status, answer)
	}
	f.wantStage("future.example.com", "done secure")
	f.do(step{"unmap", "future.example.com"})
	f.sent()
}

func repeatedEvents(f *fixture) {
	now := time.Now()
	at := now.Truncate(time.Second).Add(time.Minute)
	f.do(step{"set", "hook.example.com", map[string]any{"stage": "failed", "secure": 0}})
	for _, c := range []struct {
		name, id     string
		event        tasks.Event
		answer, want string
	}{
		{"news", "r1", domainEvent("hook.example.com", tasks.CheckingSSL, at.Add(120*time.Microsecond)), "applied", "checking-ssl-cert"},
		{"older by microseconds", "r2", domainEvent("hook.example.com", tasks.Done, at.Add(20*time.Microsecond)), "old", "checking-ssl-cert"},
		{"older, without a fraction", "r3", domainEvent("hook.example.com", tasks.Done, at), "old", "checking-ssl-cert"},
		{"newer", "r4", domainEvent("hook.example.com", tasks.Failed, at.Add(time.Millisecond)), "applied", "failed"},
		{"the first again", "r1", domainEvent("hook.example.com", tasks.CheckingSSL, at.Add(120*time.Microsecond)), "old", "failed"},
		{"the last again", "r4", domainEvent("hook.example.com", tasks.Failed, at.Add(time.Millisecond)), "old", "failed"},
		{"a change waits", "r5", domainEvent("hook.example.com", tasks.Pending, at.Add(2*time.Millisecond)), "applied", "checking-dns"},
		{"refused", "r6", domainEvent("hook.example.com", tasks.Rejected, at.Add(3*time.Millisecond)), "applied", "failed"},
		{"done", "r7", domainEvent("hook.example.com", tasks.Done, at.Add(4*time.Millisecond)), "applied", "done secure"},
		{"of an unknown domain", "r8", domainEvent("unknown.example.com", tasks.Done, at), "unknown", "done secure"},
		{"of another app", "r9", tasks.Event{Type: tasks.DomainState, AppID: "app2", Domain: "hook.example.com", State: tasks.Failed, Seq: 9, At: at.Add(time.Second)}, "ignored", "done secure"},
	} {
		if status, answer := f.postEvent(c.id, now, c.event); status != http.StatusOK || !strings.Contains(answer, `"`+c.answer+`"`) {
			f.t.Errorf("%s: answered with %d %s; want %s", c.name, status, answer, c.answer)
		}
		if got := f.do().Domains["hook.example.com"]; got != c.want {
			f.t.Errorf("%s: the stage is %q; want %q", c.name, got, c.want)
		}
	}
	log := strings.Join(f.do().Log, "\n")
	for _, line := range []string{"domain-hook.example.com error pilotsync: Rejected: because", "domain-unknown.example.com info pilotsync: Done: because"} {
		if !strings.Contains(log, line) {
			f.t.Errorf("the log lacks %q", line)
		}
	}
}

func blockedApp(f *fixture) {
	now := time.Now()
	f.postEvent("b1", now, tasks.Event{Type: tasks.AppBlocked, AppID: app, Reason: "the key is <wrong>", At: now})
	if s := f.do(step{"notices"}); !strings.Contains(s.Output, "the key is &lt;wrong&gt;") {
		f.t.Errorf("the notices are %q", s.Output)
	}
	f.do(step{"option", "wu_hosting_credential_WU_SERVER_PILOT_APP_ID", "2ppa"})
	f.toggleFile("no-app-id", true) // then it is app2
	if s := f.do(step{"notices"}); s.Output != "" {
		f.t.Errorf("of another app the notices are %q", s.Output)
	}
	f.toggleFile("no-app-id", false)
	if s := f.do(step{"notices"}); !strings.Contains(s.Output, "the key is &lt;wrong&gt;") {
		f.t.Errorf("of the app again the notices are %q", s.Output)
	}
	f.postEvent("b2", now, tasks.Event{Type: tasks.AppRecovered, AppID: app, Reason: "fine", At: now.Add(time.Second)})
	f.postEvent("b1", now, tasks.Event{Type: tasks.AppBlocked, AppID: app, Reason: "the key is <wrong>", At: now})
	if s := f.do(step{"notices"}); s.Output != "" {
		f.t.Errorf("the notices are still %q", s.Output)
	}
}

// endToEnd follows a change from the hook through Redis and a worker back to WordPress.
func endToEnd(f *fixture) {
	if out, err := f.cli("test"); err == nil || !strings.Contains(out, "WRONG  Workers") {
		f.t.Errorf("without a worker wp pilotsync test prints %q (%v)", out, err)
	}
	workerLog := new(harness.Log)
	stop := f.startWorker(workerLog)
	defer stop()
	f.do(step{"map", "good.example.com"}, step{"map", "nodns.example.com"})
	harness.AwaitTrue(f.t, "good.example.com to be done", func() bool { return f.do().Domains["good.example.com"] == "done secure" })
	harness.AwaitTrue(f.t, "nodns.example.com to fail", func() bool { return f.do().Domains["nodns.example.com"] == "failed" })
	if list := f.sim.List(app); !slices.Contains(list, "good.example.com") || !slices.Contains(list, "www.good.example.com") {
		f.t.Errorf("the list is %q", list)
	}
	f.checkWorkerLog("good.example.com", workerLog)
	if out, err := f.cli("test"); err != nil || !strings.Contains(out, "1 worker is running") {
		f.t.Errorf("with a worker wp pilotsync test prints %q (%v)", out, err)
	}
	if s := f.do(step{"health"}); !strings.HasPrefix(s.Output, "good ") {
		f.t.Errorf("Site Health shows %q", s.Output)
	}
	f.checkPage()
	f.do(step{"rename", "good.example.com", "better.example.com"})
	// The mapping starts with the stage of its old name.
	harness.AwaitTrue(f.t, "better.example.com to be done", func() bool {
		s := f.do()
		return s.Domains["better.example.com"] == "done secure" && slices.ContainsFunc(s.Log, func(line string) bool {
			return strings.HasPrefix(line, "domain-better.example.com info pilotsync: Done")
		})
	})
	harness.AwaitTrue(f.t, "the old name to be removed from the list", func() bool { return !slices.Contains(f.sim.List(app), "good.example.com") })
	if out, err := f.cli("status", "better.example.com"); err != nil || !strings.Contains(out, "better.example.com\tdone\tdone\t") || !strings.Contains(out, " of 3\t") {
		f.t.Errorf("wp pilotsync status prints %q (%v)", out, err)
	}
	f.sent()
}

// checkPage: a worker says whether a domain would work, and nothing changes.
func (f *fixture) checkPage() {
	f.t.Helper()
	f.sent()
	page := func(domain string, sent any) string { return f.do(step{"check_page", 1, domain, sent}).Output }
	if got := page("fresh.example.com", nil); !strings.Contains(got, `value="fresh.example.com"`) || strings.Contains(got, "notice-") {
		f.t.Errorf("a link to the page checks already: %s", got)
	}
	if status, _ := f.post("/?test", []byte(`[["check_page", 1, "fresh.example.com", false]]`), nil); status != http.StatusForbidden {
		f.t.Errorf("without a nonce the page answers %d", status)
	}
	if got := f.do(step{"check_page", 0, "fresh.example.com", true}).Output; got != "" {
		f.t.Errorf("a user without the capability sees %s", got)
	}
	for _, c := range []struct {
		domain, locale string
		want           []string
	}{
		{"fresh.example.com", "", []string{"notice-success", "fresh.example.com would work: it points here"}},
		{"good.example.com", "", []string{"notice-success", "certificate valid until"}},
		{"nodns-new.example.com", "", []string{"notice-error", "nodns-new.example.com has no A or AAAA record", "Create an address record of nodns-new.example.com: 127.0.0.1", "Set: <code>A  nodns-new.example.com  127.0.0.1</code>", "Set: <code>CNAME  www.nodns-new.example.com  nodns-new.example.com</code>"}},
		{"nodns-new.network.example.net", "", []string{"notice-error", "Set: <code>A  nodns-new.network.example.net  127.0.0.1</code></p>"}},
		{"nodns-neu.example.com", "de_DE", []string{"notice-error", "keinen A- oder AAAA-Eintrag"}},
		{script + ".example.com", "", []string{"notice-error", "The check failed: domain &quot;&lt;script&gt;", `value="&lt;script&gt;`}},
	} {
		f.do(step{"option", "fake_locale", c.locale})
		var got string
		harness.AwaitTrue(f.t, "the workers to check "+c.domain, func() bool { // a busy one may answer too late
			got = page(c.domain, true)
			return !strings.Contains(got, "No worker answered")
		})
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				f.t.Errorf("the page about %s lacks %q: %s", c.domain, want, got)
			}
		}
		if strings.Contains(got, script) {
			f.t.Errorf("the page about %s isn't escaped: %s", c.domain, got)
		}
	}
	f.do(step{"option", "fake_locale", ""})
	f.wantSent()
	f.redis.Stop()
	if got := page("fresh.example.com", true); !strings.Contains(got, "notice-error") || !strings.Contains(got, "is unavailable") {
		f.t.Errorf("while Redis is unavailable the page is %s", got)
	}
	f.redis.Start()
}

// checkWorkerLog: the task's id from the domain's log in WordPress is in the worker's log
// lines of the change, up to its certificate.
func (f *fixture) checkWorkerLog(domain string, workerLog *harness.Log) {
	f.t.Helper()
	var id string
	for _, line := range f.do().Log {
		if _, found, ok := strings.Cut(line, "domain-"+domain+" info pilotsync: Enqueued as "); ok {
			id = strings.TrimSpace(found)
		}
	}
	if !strings.HasPrefix(id, "change:"+app+":"+domain+":") {
		f.t.Fatalf("the log of %s in WordPress has the task's id %q", domain, id)
	}
	for _, what := range []string{"change recorded", "change settled", "verified: ", "event delivered"} {
		harness.AwaitTrue(f.t, "a worker's line \""+what+"\" with the id", func() bool {
			return slices.ContainsFunc(strings.Split(workerLog.String(), "\n"), func(line string) bool { return strings.Contains(line, id) && strings.Contains(line, what) })
		})
	}
}

func (f *fixture) startWorker(more ...io.Writer) (stop func()) {
	f.t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(f.sim.CAPEM())
	log := logrus.New()
	log.SetOutput(io.MultiWriter(append(more, f.t.Output())...))
	wk, err := worker.New(worker.Config{
		Redis: f.rdb, APIURL: f.sim.APIURL(),
		Accounts:    []registry.Account{{ClientID: "sim", APIKey: "sim-key", Apps: []string{app}}},
		Rules:       listsync.Rules{WWW: tasks.WWWAlways},
		SSLDelays:   []time.Duration{time.Second, time.Second, time.Second},
		Check:       certcheck.Config{DNS: f.sim.DNSAddr(), Port: f.sim.TLSPort(), Roots: roots, AllowPrivate: true},
		Concurrency: 8, Log: log,
		Webhook: webhook.Target{URL: f.url + "/wp-json/pilotsync/v1/webhook", Secrets: []*standardwebhooks.Webhook{f.signer}},
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return harness.Run(f.t, wk.Run)
}

// domainsOf are the domains of the changes of one kind, sorted, each once.
func domainsOf(sent []string, kind string) (domains []string) {
	for _, s := range sent {
		if domain, ok := strings.CutPrefix(s, kind+" "); ok {
			domain, _, _ = strings.Cut(domain, " ")
			domains = append(domains, domain)
		}
	}
	slices.Sort(domains)
	return slices.Compact(domains)
}

func commands(f *fixture) {
	out, err := f.cli("resync")
	if err != nil || !strings.Contains(out, "domains enqueued") {
		f.t.Fatalf("wp pilotsync resync prints %q (%v)", out, err)
	}
	sent := f.sent()
	for domain := range f.do().Domains {
		if domain == "under_score.example.com" {
			continue
		}
		if !slices.ContainsFunc(sent, func(s string) bool { return strings.HasPrefix(s, "add "+domain+" ") }) {
			f.t.Errorf("%s wasn't enqueued: %q", domain, sent)
		}
	}
	added := domainsOf(sent, "add")
	if out, err := f.cli("resync", "--adopt"); err != nil || !strings.Contains(out, "domains enqueued") {
		f.t.Fatalf("wp pilotsync resync --adopt prints %q (%v)", out, err)
	}
	// WordPress's own jobs may send a change of their own meanwhile.
	sent = f.sent()
	if diff := cmp.Diff(added, domainsOf(sent, "adopt")); diff != "" {
		f.t.Errorf("wp pilotsync resync --adopt sent %q (-added +adopted):\n%s", sent, diff)
	}
	f.redis.Stop()
	f.do(step{"do_action", "wu_add_domain", "waits.example.com", 2})
	if out, err := f.cli("outbox"); err != nil || !strings.Contains(out, "\tadd\twaits.example.com\talways\t2\t") {
		f.t.Errorf("wp pilotsync outbox prints %q (%v)", out, err)
	}
	f.redis.Start()
	if out, err := f.cli("outbox", "--send"); err != nil || out != "" {
		f.t.Errorf("wp pilotsync outbox --send prints %q (%v)", out, err)
	}
	f.wantSent("add waits.example.com always 2")
}

func uninstall(f *fixture) {
	if out := f.do(step{"uninstall"}).Output; out != "" {
		f.t.Errorf("it leaves %q", out)
	}
}

func mustUse(f *fixture) {
	content := f.folder + "/site/wp-content"
	f.run("", "cp", "-r", content+"/plugins/pilotsync", content+"/mu-plugins/pilotsync")
	f.run("", "cp", content+"/plugins/pilotsync/mu-loader.php", content+"/mu-plugins/pilotsync.php")
	f.do()
	f.sent() // what is in progress
	checkTakesOver(f)
	if out := f.do(step{"uninstall"}).Output; len(strings.Fields(out)) < 3 {
		f.t.Errorf("when the copy in plugins is deleted, only %q is left", out)
	}
}
