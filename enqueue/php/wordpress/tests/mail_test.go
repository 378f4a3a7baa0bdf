//go:build wordpress

package wordpress

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pilotsync/tasks"
)

// mail is an e-mail that WordPress sent, as site/wp-config.php writes it down.
type mail struct {
	To      []string `json:"to"`
	Subject string   `json:"subject"`
	Message string   `json:"message"`
	Headers []string `json:"headers"`
}

// mails returns the e-mails that were sent since it was last called.
func (n *network) mails() []mail {
	n.t.Helper()
	path := filepath.Join(n.folder, "site", "mail.log")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		n.t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		n.t.Fatal(err)
	}
	var all []mail
	for line := range strings.Lines(string(text)) {
		var m mail
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			n.t.Fatalf("e-mail %q: %v", line, err)
		}
		all = append(all, m)
	}
	return all
}

// setMailTo sets PILOTSYNC_MAIL_TO until the end of the test.
func (n *network) setMailTo(value string) {
	n.t.Helper()
	path := filepath.Join(n.folder, "site", "mail-to")
	if err := os.WriteFile(path, []byte(value), 0o600); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = os.Remove(path) })
}

func (n *network) wantMail(m []mail, to, subject string, texts ...string) {
	n.t.Helper()
	if len(m) != 1 {
		n.t.Fatalf("%d e-mails were sent; want one: %q", len(m), m)
	}
	if got := strings.Join(m[0].To, " "); got != to || m[0].Subject != subject {
		n.t.Errorf("the e-mail %q goes to %q; want %q to %q", m[0].Subject, got, subject, to)
	}
	if !slices.Contains(m[0].Headers, "Content-Type: text/plain; charset=UTF-8") {
		n.t.Errorf("the e-mail isn't plain text: %q", m[0].Headers)
	}
	for _, text := range texts {
		if !strings.Contains(m[0].Message, text) {
			n.t.Errorf("the e-mail lacks %q:\n%s", text, m[0].Message)
		}
	}
	for _, secret := range []string{"whsec_", "redis://", "password"} {
		if strings.Contains(m[0].Message, secret) {
			n.t.Errorf("the e-mail holds %q:\n%s", secret, m[0].Message)
		}
	}
}

// noDigest puts the next digest a day off.
func (f *fixture) noDigest() {
	f.do(step{"option", "pilotsync_digest", map[string]any{"looked_at": time.Now().Unix(), "wrote_at": 0, "about": []string{}}})
}

// mailsOnce: an app's trouble is one e-mail, though its event comes twice, and so is its end.
func mailsOnce(f *fixture) {
	now := time.Now().Add(time.Hour) // after the events of the tests before
	f.noDigest()
	f.mails()
	block := tasks.Event{Type: tasks.AppBlocked, AppID: app, Reason: "the key is <wrong> & old", At: now}
	for range 2 {
		f.event("m1", time.Now(), block)
	}
	f.wantMail(f.mails(), "admin@example.net", "[Tom's & Jo's] Domain changes are blocked",
		"\nCause: the key is <wrong> & old\n", "\nRemedy: ", "app app1", "http://network.example.net/", "PILOTSYNC_MAIL_TO")

	end := tasks.Event{Type: tasks.AppRecovered, AppID: app, Reason: "fine", At: now.Add(time.Second)}
	for range 2 {
		f.event("m2", time.Now(), end)
	}
	f.event("m1", time.Now(), block) // late
	f.wantMail(f.mails(), "admin@example.net", "[Tom's & Jo's] Domain changes go through again", "Nothing has to be done")
	// An end of which nobody heard the beginning.
	f.event("m3", time.Now(), tasks.Event{Type: tasks.AppRecovered, AppID: app, Reason: "fine", At: now.Add(2 * time.Second)})
	if m := f.mails(); len(m) != 0 {
		f.t.Errorf("%q were sent", m)
	}
}

// mailLedgerLost: a lost ledger is one e-mail, however often and in whatever way it is noticed.
func mailLedgerLost(f *fixture) {
	f.noDigest()
	f.mails()
	lost := step{"do_action", "pilotsync_ledger_lost", "the new one"}
	f.do(lost, lost, step{"do_action", "pilotsync_hourly"})
	f.do(lost, step{"do_action", "pilotsync_hourly"})
	f.wantMail(f.mails(), "admin@example.net", "[Tom's & Jo's] pilotsync lost its ledger", "\nCause: Redis ", "\nRemedy: Find out why")
}

// mailRefused: what the mail server refuses is sent later, once.
func mailRefused(f *fixture) {
	at := time.Now().Add(2 * time.Hour)
	f.file("mail-server-down", true)
	if status, answer := f.event("m4", time.Now(), tasks.Event{Type: tasks.AppBlocked, AppID: app, Reason: "because", At: at}); status != 200 {
		f.t.Errorf("without a mail server an event is answered with %d %s", status, answer)
	}
	if out, err := f.cli("test"); err == nil || !strings.Contains(out, "WRONG  E-mail: 1 e-mail could not be sent") {
		f.t.Errorf("wp pilotsync test says %q (%v)", out, err)
	}
	f.file("mail-server-down", false)
	f.do(step{"do_action", "pilotsync_hourly"})
	if sent := f.mails(); len(sent) != 0 {
		f.t.Errorf("within the hour it was tried again: %v", sent)
	}
	f.do(step{"age_mail"}, step{"do_action", "pilotsync_hourly"})
	f.do(step{"age_mail"}, step{"do_action", "pilotsync_hourly"})
	f.wantMail(f.mails(), "admin@example.net", "[Tom's & Jo's] Domain changes are blocked", "Cause: because")
	f.event("m5", time.Now(), tasks.Event{Type: tasks.AppRecovered, AppID: app, At: at.Add(time.Second)})
	f.mails()
	if out, _ := f.cli("test"); !strings.Contains(out, "ok     E-mail: It goes to admin@example.net.") {
		f.t.Errorf("wp pilotsync test says %q", out)
	}
}

func mailTo(f *fixture) {
	at := time.Now().Add(3 * time.Hour)
	for _, c := range []struct {
		name, value string
		to          string // empty for nobody
		test        string // what wp pilotsync test says
	}{
		{"several addresses", " ops@example.org , Night@example.org,", "ops@example.org Night@example.org", "ok     E-mail: It goes to ops@example.org, Night@example.org."},
		{"off", "Off", "", "ok     E-mail: PILOTSYNC_MAIL_TO switches it off."},
		{"no address", "ops@example.org, nobody", "admin@example.net",
			`WRONG  E-mail: PILOTSYNC_MAIL_TO in wp-config.php has "nobody", which is not an e-mail address. Set it to one or several addresses with commas between them, or to off. Until then e-mail goes to admin@example.net.`},
		{"empty", "", "admin@example.net", "ok     E-mail: It goes to admin@example.net."},
	} {
		f.t.Run(c.name, func(t *testing.T) {
			n := *f.network
			n.t = t
			n.setMailTo(c.value)
			at = at.Add(time.Minute)
			f.event("m6", time.Now(), tasks.Event{Type: tasks.AppBlocked, AppID: app, Reason: "because", At: at})
			if c.to != "" {
				n.wantMail(n.mails(), c.to, "[Tom's & Jo's] Domain changes are blocked")
			} else if m := n.mails(); len(m) != 0 {
				t.Errorf("%q were sent", m)
			}
			if out, _ := n.cli("test"); !strings.Contains(out, c.test) {
				t.Errorf("wp pilotsync test says %q; want %q", out, c.test)
			}
			if wrong, found := strings.CutPrefix(c.test, "WRONG  "); found {
				want := strings.ReplaceAll(wrong, `"`, "&quot;")
				if s := n.do(step{"health"}); !strings.HasPrefix(s.Output, "critical ") || !strings.Contains(s.Output, want) {
					t.Errorf("Site Health says %q", s.Output)
				}
			}
		})
	}
	f.event("m7", time.Now(), tasks.Event{Type: tasks.AppRecovered, AppID: app, At: at.Add(time.Second)})
	f.mails()
}
