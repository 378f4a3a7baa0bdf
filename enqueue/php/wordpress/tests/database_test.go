//go:build wordpress

package wordpress

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"pilotsync/tasks"
	"pilotsync/test/harness"
)

// failing has the database refuse all queries with this text in them, while work runs.
func (w *world) failing(query string, work func(in *world)) {
	w.t.Helper()
	w.t.Run("while the database refuses "+query, func(t *testing.T) {
		in, n := *w, *w.network
		in.network, n.t = &n, t
		in.write("failing-queries", query)
		work(&in)
	})
}

// unreadable: an error of the database doesn't mean that the outbox is empty.
func unreadable(w *world) {
	w.redis.Stop()
	w.do(step{"do_action", "wu_add_domain", "unread.example.com", 2})
	w.redis.Start()
	const says = "The outbox could not be read: "
	w.failing("SELECT * FROM net_pilotsync_outbox", func(w *world) {
		w.do(step{"do_action", "pilotsync_flush"})
		if out := w.do(step{"notices"}).Output; !strings.Contains(out, "1 domain change waits for Redis") || !strings.Contains(out, says) {
			w.t.Errorf("the notices are %q", out)
		}
		for _, args := range [][]string{{"outbox"}, {"outbox", "--send"}} {
			if out, err := w.cli(args...); err == nil || !strings.Contains(out, says) {
				w.t.Errorf("wp pilotsync %q says %q (%v)", args, out, err)
			}
		}
		w.wantSent()
	})
	w.failing("FROM net_pilotsync_outbox", func(w *world) {
		if out, err := w.cli("test"); err == nil || !strings.Contains(out, "WRONG  Outbox: "+says) {
			w.t.Errorf("wp pilotsync test says %q (%v)", out, err)
		}
		if out := w.do(step{"notices"}).Output; !strings.Contains(out, says) {
			w.t.Errorf("the notices are %q", out)
		}
		if out, err := w.cli("outbox", "--send"); err == nil || !strings.Contains(out, says) {
			w.t.Errorf("wp pilotsync outbox --send says %q (%v)", out, err)
		}
	})
	w.do(step{"do_action", "pilotsync_flush"})
	w.wantSent("add unread.example.com always 2")
	if out := w.do(step{"notices"}).Output; out != "" {
		w.t.Errorf("the notices are still %q", out)
	}
}

// missingTable: each table is made, though the database refused one at first.
func missingTable(w *world) {
	for _, table := range []string{"net_pilotsync_outbox", "net_pilotsync_domains", "net_pilotsync_mail"} {
		w.do(step{"sql", "DROP TABLE " + table}, step{"option", "pilotsync_schema", "0"})
		w.failing("CREATE TABLE "+table, func(w *world) { w.do() })
		if out := w.do(step{"sql", "SHOW TABLES LIKE '" + table + "'"}).Output; out != table {
			w.t.Errorf("the table %s is missing: %q", table, out)
		}
	}
}

// unreadableMapping: an error of the database doesn't mean that a name isn't mapped. No
// removal follows from it, and no event is used up.
func unreadableMapping(w *world) {
	const domain = "unreadable.example.com"
	w.do(step{"map", domain})
	w.sent()
	done := domainEvent(domain, tasks.Done, time.Now())
	for _, query := range []string{"SELECT * FROM fake_domains WHERE domain", "FROM net_blogs WHERE blog_id = 2"} {
		w.failing(query, func(w *world) {
			w.do(step{"do_action", "wu_remove_domain", domain, 2})
			w.wantSent()
		})
		w.do(step{"do_action", "pilotsync_flush"})
		w.wantSent() // it is mapped
		if waiting := w.do().Outbox; len(waiting) != 0 {
			w.t.Errorf("the outbox has %q", waiting)
		}
	}
	w.failing("SELECT * FROM fake_domains WHERE domain", func(w *world) {
		if status, answer := w.event("unreadable", time.Now(), done); status != http.StatusInternalServerError {
			w.t.Errorf("the event is answered with %d %s", status, answer)
		}
	})
	w.told(done)
	w.wantStage(domain, "done secure")

	ledger, err := w.rdb.HGet(w.t.Context(), "pilotsync:ledger", "id").Result()
	if err != nil {
		w.t.Fatal(err)
	}
	w.do(step{"option", "pilotsync_ledger", map[string]any{"id": "", "to": ledger, "after": 0}}) // a handover is under way
	w.failing("FROM fake_domains WHERE 1 = 1", func(w *world) {
		for _, command := range []string{"resync", "status"} {
			if out, err := w.cli(command); err == nil || !strings.Contains(out, "The mappings could not be read: ") {
				w.t.Errorf("wp pilotsync %s says %q (%v)", command, out, err)
			}
		}
		w.do(step{"do_action", "pilotsync_flush"})
	})
	if got := w.rememberedLedger(); got != "" {
		w.t.Errorf("without the mappings, the ledger %s counts as having them", got)
	}
	harness.AwaitTrue(w.t, "the handover to go on", func() bool { w.do(step{"do_action", "pilotsync_flush"}); return w.rememberedLedger() == ledger })
	if sent := w.sent(); !slices.Contains(sent, "adopt "+domain+" always 2") {
		w.t.Errorf("the handover sent %q", sent)
	}
	w.do(step{"unmap", domain})
	w.sent()
}

// scheduled: what runs on schedule doesn't end what is scheduled after it.
func scheduled(w *world) {
	const domain = "scheduled.example.com"
	stop := w.startWorker()
	defer stop()
	w.do(step{"map", "nodns-" + domain}) // fails
	harness.AwaitTrue(w.t, "the domain to fail", func() bool { return w.do().Domains["nodns-"+domain] == "failed" })
	w.sent()
	w.mails()
	w.do(step{"option", "pilotsync_digest", map[string]any{"looked_at": 0, "number": 100, "wrote_at": 0, "about": []string{}}})
	w.failing("INTO net_pilotsync_mail", func(w *world) {
		w.do(step{"do_action", "pilotsync_hourly"})
		if last := lastOf(w.do().Log, "pilotsync"); !strings.Contains(last, "The database did not take an e-mail") {
			w.t.Errorf("the log ends with %q", last)
		}
	})
	w.do(step{"do_action", "pilotsync_hourly"})
	if mails := w.mails(); len(mails) != 1 || !strings.Contains(mails[0].Message, "nodns-"+domain) {
		w.t.Errorf("the e-mails are %+v; want the one that was refused", mails)
	}

	ledger, err := w.rdb.HGet(w.t.Context(), "pilotsync:ledger", "id").Result()
	if err != nil {
		w.t.Fatal(err)
	}
	w.do(step{"option", "pilotsync_ledger", map[string]any{"id": "", "to": ledger, "after": 0}}) // a handover is under way
	w.failing("INSERT INTO `net_pilotsync_outbox`", func(w *world) {
		w.do(step{"do_action", "pilotsync_flush"})
		if last := lastOf(w.do().Log, "pilotsync"); !strings.Contains(last, "could not be put into the outbox") {
			w.t.Errorf("the log ends with %q", last)
		}
	})
	harness.AwaitTrue(w.t, "the handover to go on", func() bool { w.cron(); return w.rememberedLedger() == ledger })
	w.do(step{"unmap", "nodns-" + domain})
	w.sent()
}

// changedMeanwhile: a person changes a mapping after the request that takes an event, or
// sends the outbox, read it. What the person set counts.
func changedMeanwhile(w *world) {
	const early = `<?php
add_action( '%HOOK%', function () {
	wu_get_domain_by_domain( '%DOMAIN%' );
	$GLOBALS['wpdb']->update( 'fake_domains', array( 'stage' => '%STAGE%' ), array( 'domain' => '%DOMAIN%' ) );
}, 1 );`
	for domain, c := range map[string]struct{ before, set, want string }{
		"put-on-the-web.example.com":    {"checking-dns", "done", "done"},
		"taken-off-the-web.example.com": {"done", "checking-dns", "failed"},
	} {
		w.t.Run(domain, func(t *testing.T) {
			in, n := *w, *w.network
			in.network, n.t = &n, t
			in.do(step{"map", domain, map[string]any{"stage": c.before}})
			in.write("wp-content/mu-plugins/person.php", strings.NewReplacer("%HOOK%", "rest_api_init", "%DOMAIN%", domain, "%STAGE%", c.set).Replace(early))
			if status, answer := in.event(domain, time.Now(), domainEvent(domain, tasks.Failed, time.Now())); status != http.StatusOK {
				t.Errorf("the event is answered with %d %s", status, answer)
			}
			if err := n.remove("wp-content/mu-plugins/person.php"); err != nil {
				t.Fatal(err)
			}
			in.wantStage(domain, c.want)
			in.do(step{"unmap", domain})
			in.sent()
		})
	}
	w.t.Run("nor by a name that is refused", func(t *testing.T) {
		in, n := *w, *w.network
		in.network, n.t = &n, t
		const domain = "no_person.example.com"
		in.write("wp-content/mu-plugins/person.php", strings.NewReplacer("%HOOK%", "wu_add_domain", "%DOMAIN%", domain, "%STAGE%", "done").Replace(early))
		in.do(step{"map_old", domain})
		in.wantStage(domain, "done")
		in.do(step{"unmap", domain})
		in.sent()
	})
}
