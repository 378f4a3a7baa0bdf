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

// withFailingDatabase makes the database refuse all queries that contain a text, while work
// runs.
func (f *fixture) withFailingDatabase(query string, work func(in *fixture)) {
	f.t.Helper()
	f.t.Run("while the database refuses "+query, func(t *testing.T) {
		in := f.forTest(t)
		in.writeFile("failing-queries", query)
		work(in)
	})
}

// outboxUnreadable: a database error doesn't mean that the outbox is empty.
func outboxUnreadable(f *fixture) {
	f.redis.Stop()
	f.do(step{"do_action", "wu_add_domain", "unread.example.com", 2})
	f.redis.Start()
	const says = "The outbox could not be read: "
	f.withFailingDatabase("SELECT * FROM net_pilotsync_outbox", func(f *fixture) {
		f.do(step{"do_action", "pilotsync_flush"})
		if out := f.do(step{"notices"}).Output; !strings.Contains(out, "1 domain change has been waiting for Redis") || !strings.Contains(out, says) {
			f.t.Errorf("the notices are %q", out)
		}
		for _, args := range [][]string{{"outbox"}, {"outbox", "--send"}} {
			if out, err := f.cli(args...); err == nil || !strings.Contains(out, says) {
				f.t.Errorf("wp pilotsync %q prints %q (%v)", args, out, err)
			}
		}
		f.wantSent()
	})
	f.withFailingDatabase("FROM net_pilotsync_outbox", func(f *fixture) {
		if out, err := f.cli("test"); err == nil || !strings.Contains(out, "WRONG  Outbox: "+says) {
			f.t.Errorf("wp pilotsync test prints %q (%v)", out, err)
		}
		if out := f.do(step{"notices"}).Output; !strings.Contains(out, says) {
			f.t.Errorf("the notices are %q", out)
		}
		if out, err := f.cli("outbox", "--send"); err == nil || !strings.Contains(out, says) {
			f.t.Errorf("wp pilotsync outbox --send prints %q (%v)", out, err)
		}
	})
	f.do(step{"do_action", "pilotsync_flush"})
	f.wantSent("add unread.example.com always 2")
	if out := f.do(step{"notices"}).Output; out != "" {
		f.t.Errorf("the notices are still %q", out)
	}
}

// missingTable: each table is created, even if the database refused one at first.
func missingTable(f *fixture) {
	for _, table := range []string{"net_pilotsync_outbox", "net_pilotsync_domains", "net_pilotsync_mail"} {
		f.do(step{"sql", "DROP TABLE " + table}, step{"option", "pilotsync_schema", "0"})
		f.withFailingDatabase("CREATE TABLE "+table, func(f *fixture) { f.do() })
		if out := f.do(step{"sql", "SHOW TABLES LIKE '" + table + "'"}).Output; out != table {
			f.t.Errorf("the table %s is missing: %q", table, out)
		}
	}
	// An earlier release has no column for causes.
	f.do(step{"sql", "ALTER TABLE net_pilotsync_domains DROP COLUMN causes"}, step{"option", "pilotsync_schema", "4"})
	f.withFailingDatabase("ALTER TABLE", func(f *fixture) { f.do() })
	if out := f.do(step{"sql", "SHOW COLUMNS FROM net_pilotsync_domains LIKE 'causes'"}).Output; out != "causes" {
		f.t.Errorf("the column for causes is missing: %q", out)
	}
}

// unreadableMapping: a database error doesn't mean that a name isn't mapped. It causes no
// removal, and no event is lost.
func unreadableMapping(f *fixture) {
	const domain = "unreadable.example.com"
	f.do(step{"map", domain})
	f.sent()
	done := domainEvent(domain, tasks.Done, time.Now())
	for _, query := range []string{"SELECT * FROM fake_domains WHERE domain", "FROM net_blogs WHERE blog_id = 2"} {
		f.withFailingDatabase(query, func(f *fixture) {
			f.do(step{"do_action", "wu_remove_domain", domain, 2})
			f.wantSent()
		})
		f.do(step{"do_action", "pilotsync_flush"})
		f.wantSent() // because it is mapped
		if waiting := f.do().Outbox; len(waiting) != 0 {
			f.t.Errorf("the outbox has %q", waiting)
		}
	}
	f.withFailingDatabase("SELECT * FROM fake_domains WHERE domain", func(f *fixture) {
		if status, answer := f.postEvent("unreadable", time.Now(), done); status != http.StatusInternalServerError {
			f.t.Errorf("the event is answered with %d %s", status, answer)
		}
	})
	f.deliver(done)
	f.wantStage(domain, "done secure")

	ledger, err := f.rdb.HGet(f.t.Context(), "pilotsync:ledger", "id").Result()
	if err != nil {
		f.t.Fatal(err)
	}
	f.do(step{"option", "pilotsync_ledger", map[string]any{"id": "", "to": ledger, "after": 0}}) // during a handover
	f.withFailingDatabase("FROM fake_domains WHERE 1 = 1", func(f *fixture) {
		for _, command := range []string{"resync", "status"} {
			if out, err := f.cli(command); err == nil || !strings.Contains(out, "The mappings could not be read: ") {
				f.t.Errorf("wp pilotsync %s prints %q (%v)", command, out, err)
			}
		}
		f.do(step{"do_action", "pilotsync_flush"})
	})
	if got := f.storedLedger(); got != "" {
		f.t.Errorf("the handover to ledger %s counts as complete, without the mappings", got)
	}
	harness.AwaitTrue(f.t, "the handover to continue", func() bool { f.do(step{"do_action", "pilotsync_flush"}); return f.storedLedger() == ledger })
	if sent := f.sent(); !slices.Contains(sent, "adopt "+domain+" always 2") {
		f.t.Errorf("the handover sent %q", sent)
	}
	f.do(step{"unmap", domain})
	f.sent()
}

// scheduledFailures: the failure of a scheduled action doesn't prevent later ones.
func scheduledFailures(f *fixture) {
	const domain = "scheduled.example.com"
	stop := f.startWorker()
	defer stop()
	f.do(step{"map", "nodns-" + domain}) // fails
	harness.AwaitTrue(f.t, "the domain to fail", func() bool { return f.do().Domains["nodns-"+domain] == "failed" })
	f.sent()
	f.mails()
	f.do(step{"option", "pilotsync_digest", map[string]any{"looked_at": 0, "number": 100, "wrote_at": 0, "about": []string{}}})
	f.withFailingDatabase("INTO net_pilotsync_mail", func(f *fixture) {
		f.do(step{"do_action", "pilotsync_hourly"})
		if last := lastOf(f.do().Log, "pilotsync"); !strings.Contains(last, "The database did not save an e-mail") {
			f.t.Errorf("the log ends with %q", last)
		}
	})
	f.do(step{"do_action", "pilotsync_hourly"})
	if mails := f.mails(); len(mails) != 1 || !strings.Contains(mails[0].Message, "nodns-"+domain) {
		f.t.Errorf("the e-mails are %+v; want the one that was refused", mails)
	}

	ledger, err := f.rdb.HGet(f.t.Context(), "pilotsync:ledger", "id").Result()
	if err != nil {
		f.t.Fatal(err)
	}
	f.do(step{"option", "pilotsync_ledger", map[string]any{"id": "", "to": ledger, "after": 0}}) // during a handover
	f.withFailingDatabase("INSERT INTO `net_pilotsync_outbox`", func(f *fixture) {
		f.do(step{"do_action", "pilotsync_flush"})
		if last := lastOf(f.do().Log, "pilotsync"); !strings.Contains(last, "could not be put into the outbox") {
			f.t.Errorf("the log ends with %q", last)
		}
	})
	harness.AwaitTrue(f.t, "the handover to continue", func() bool { f.cron(); return f.storedLedger() == ledger })
	f.do(step{"unmap", "nodns-" + domain})
	f.sent()
}

// mappingChangedMeanwhile: an administrator changes a mapping after a request has read it.
// The administrator's stage wins.
func mappingChangedMeanwhile(f *fixture) {
	const early = `<?php
add_action( '%HOOK%', function () {
	wu_get_domain_by_domain( '%DOMAIN%' );
	$GLOBALS['wpdb']->update( 'fake_domains', array( 'stage' => '%STAGE%' ), array( 'domain' => '%DOMAIN%' ) );
}, 1 );`
	for domain, c := range map[string]struct{ before, set, want string }{
		"put-on-the-web.example.com":    {"checking-dns", "done", "done"},
		"taken-off-the-web.example.com": {"done", "checking-dns", "failed"},
	} {
		f.t.Run(domain, func(t *testing.T) {
			in := f.forTest(t)
			in.do(step{"map", domain, map[string]any{"stage": c.before}})
			in.writeFile("wp-content/mu-plugins/person.php", strings.NewReplacer("%HOOK%", "rest_api_init", "%DOMAIN%", domain, "%STAGE%", c.set).Replace(early))
			if status, answer := in.postEvent(domain, time.Now(), domainEvent(domain, tasks.Failed, time.Now())); status != http.StatusOK {
				t.Errorf("the event is answered with %d %s", status, answer)
			}
			if err := in.removeFile("wp-content/mu-plugins/person.php"); err != nil {
				t.Fatal(err)
			}
			in.wantStage(domain, c.want)
			in.do(step{"unmap", domain})
			in.sent()
		})
	}
	f.t.Run("a refused name", func(t *testing.T) {
		in := f.forTest(t)
		const domain = "no_person.example.com"
		in.writeFile("wp-content/mu-plugins/person.php", strings.NewReplacer("%HOOK%", "wu_add_domain", "%DOMAIN%", domain, "%STAGE%", "done").Replace(early))
		in.do(step{"map_old", domain})
		in.wantStage(domain, "done")
		in.do(step{"unmap", domain})
		in.sent()
	})
}
