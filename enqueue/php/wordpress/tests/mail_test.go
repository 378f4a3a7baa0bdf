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

// mail is an e-mail that WordPress sent, as recorded by site/wp-config.php.
type mail struct {
	To      []string `json:"to"`
	Subject string   `json:"subject"`
	Message string   `json:"message"`
	Headers []string `json:"headers"`
}

// mails returns the e-mails since the last call.
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

// noDigest postpones the next digest by a day.
func (f *fixture) noDigest() {
	f.do(step{"option", "pilotsync_digest", map[string]any{"looked_at": time.Now().Unix(), "wrote_at": 0, "about": []string{}}})
}

// mailsOnce: a blocked app causes one e-mail even if its event is repeated, and so does its
// recovery.
func mailsOnce(f *fixture) {
	now := time.Now().Add(time.Minute) // after the events of earlier tests; five minutes ahead are refused
	f.noDigest()
	f.mails()
	block := tasks.Event{Type: tasks.AppBlocked, AppID: app, Reason: "the key is <wrong> & old", At: now}
	for range 2 {
		f.postEvent("m1", time.Now(), block)
	}
	f.wantMail(f.mails(), "admin@example.net", "[Tom's & Jo's] Domain changes are blocked",
		"\nCause: the key is <wrong> & old\n", "\nRemedy: ", "app app1", "http://network.example.net/", "PILOTSYNC_MAIL_TO")

	end := tasks.Event{Type: tasks.AppRecovered, AppID: app, Reason: "fine", At: now.Add(time.Second)}
	for range 2 {
		f.postEvent("m2", time.Now(), end)
	}
	f.postEvent("m1", time.Now(), block) // late
	f.wantMail(f.mails(), "admin@example.net", "[Tom's & Jo's] Domain changes reach ServerPilot again", "You need not do anything")
	// A recovery without a block before.
	f.postEvent("m3", time.Now(), tasks.Event{Type: tasks.AppRecovered, AppID: app, Reason: "fine", At: now.Add(2 * time.Second)})
	if m := f.mails(); len(m) != 0 {
		f.t.Errorf("%q were sent", m)
	}
}

// mailLedgerLost: a lost ledger causes one e-mail, even if it is noticed several times.
func mailLedgerLost(f *fixture) {
	f.noDigest()
	f.mails()
	lost := step{"do_action", "pilotsync_ledger_lost", "the new one"}
	f.do(lost, lost, step{"do_action", "pilotsync_hourly"})
	f.do(lost, step{"do_action", "pilotsync_hourly"})
	f.wantMail(f.mails(), "admin@example.net", "[Tom's & Jo's] pilotsync lost its ledger", "\nCause: Redis ", "\nRemedy: Find the cause")
}

// mailRefused: an e-mail that the mail server refuses is sent later, once.
func mailRefused(f *fixture) {
	at := time.Now().Add(2 * time.Minute)
	f.toggleFile("mail-server-down", true)
	if status, answer := f.postEvent("m4", time.Now(), tasks.Event{Type: tasks.AppBlocked, AppID: app, Reason: "because", At: at}); status != 200 {
		f.t.Errorf("without a mail server an event is answered with %d %s", status, answer)
	}
	if out, err := f.cli("test"); err == nil || !strings.Contains(out, "WRONG  E-mail: 1 e-mail could not be sent") {
		f.t.Errorf("wp pilotsync test prints %q (%v)", out, err)
	}
	f.toggleFile("mail-server-down", false)
	f.do(step{"do_action", "pilotsync_hourly"})
	if sent := f.mails(); len(sent) != 0 {
		f.t.Errorf("within the hour it was tried again: %v", sent)
	}
	f.do(step{"age_mail"}, step{"do_action", "pilotsync_hourly"})
	f.do(step{"age_mail"}, step{"do_action", "pilotsync_hourly"})
	f.wantMail(f.mails(), "admin@example.net", "[Tom's & Jo's] Domain changes are blocked", "Cause: because")
	f.postEvent("m5", time.Now(), tasks.Event{Type: tasks.AppRecovered, AppID: app, At: at.Add(time.Second)})
	f.mails()
	if out, _ := f.cli("test"); !strings.Contains(out, "ok     E-mail: It goes to admin@example.net.") {
		f.t.Errorf("wp pilotsync test prints %q", out)
	}
}

func mailTo(f *fixture) {
	at := time.Now().Add(150 * time.Second) // after the events of earlier tests; five minutes ahead are refused
	for _, c := range []struct {
		name, value string
		to          string // empty for no e-mail
		test        string // what wp pilotsync test says
	}{
		{"several addresses", " ops@example.org , Night@example.org,", "ops@example.org Night@example.org", "ok     E-mail: It goes to ops@example.org, Night@example.org."},
		{"off", "Off", "", "ok     E-mail: PILOTSYNC_MAIL_TO switches it off."},
		{"no address", "ops@example.org, nobody", "admin@example.net",
			`WRONG  E-mail: PILOTSYNC_MAIL_TO in wp-config.php has "nobody", which is not an e-mail address. Set it to one or several addresses with commas between them, or to off. Until then e-mail goes to admin@example.net.`},
		{"empty", "", "admin@example.net", "ok     E-mail: It goes to admin@example.net."},
	} {
		f.t.Run(c.name, func(t *testing.T) {
			in := f.forTest(t)
			in.setMailTo(c.value)
			at = at.Add(10 * time.Second)
			f.postEvent("m6", time.Now(), tasks.Event{Type: tasks.AppBlocked, AppID: app, Reason: "because", At: at})
			if c.to != "" {
				in.wantMail(in.mails(), c.to, "[Tom's & Jo's] Domain changes are blocked")
			} else if m := in.mails(); len(m) != 0 {
				t.Errorf("%q were sent", m)
			}
			if out, _ := in.cli("test"); !strings.Contains(out, c.test) {
				t.Errorf("wp pilotsync test prints %q; want %q", out, c.test)
			}
			if wrong, found := strings.CutPrefix(c.test, "WRONG  "); found {
				want := strings.ReplaceAll(wrong, `"`, "&quot;")
				if s := in.do(step{"health"}); !strings.HasPrefix(s.Output, "critical ") || !strings.Contains(s.Output, want) {
					t.Errorf("Site Health shows %q", s.Output)
				}
			}
		})
	}
	f.postEvent("m7", time.Now(), tasks.Event{Type: tasks.AppRecovered, AppID: app, At: at.Add(time.Second)})
	f.mails()
}
