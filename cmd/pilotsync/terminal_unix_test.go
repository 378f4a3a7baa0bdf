//go:build unix

package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/creack/pty"

	"pilotsync/internal/terminal"
	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

// onTerminal runs the program on a pseudo terminal, and returns its output.
func onTerminal(t *testing.T, columns uint16, env vars, args ...string) string {
	t.Helper()
	screen, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer screen.Close()
	if err := pty.Setsize(tty, &pty.Winsize{Rows: 24, Cols: columns}); err != nil {
		t.Fatal(err)
	}
	shown := make(chan string)
	go func() {
		text, _ := io.ReadAll(screen) // ends with an error once the other end is closed
		shown <- string(text)
	}()
	s := terminal.New(tty, tty, tty)
	s.LookupEnv = env.Lookup
	run(t.Context(), args, s)
	tty.Close()
	return strings.ReplaceAll(<-shown, "\r\n", "\n")
}

func TestNoCommandIsWiderThanItsTerminal(t *testing.T) {
	t.Parallel()
	env, mini := onRedis(t)
	s := newLedgerFixture(t, mini.Addr())
	next := time.Now().Add(time.Hour)
	long := strings.Repeat("label-of-a-long-name.", 9) + "example.com"
	for _, app := range []string{"app1", "aBcDeFgHiJkLmNoP"} {
		s.settle(app, listsync.Record{Domain: "shop.example.com", State: tasks.Failed, Names: []string{"shop.example.com", "www.shop.example.com"}, OldReason: pointsElsewhere, NextAttemptAt: &next})
		s.settle(app, listsync.Record{Domain: long, State: tasks.DoneWithoutSSL, Names: []string{long}, OldReason: long + " 例え.jp 例え.jp 例え.jp 例え.jp 例え.jp 例え.jp ❤️"})
		s.settle(app, listsync.Record{Domain: "bad.example.com", State: tasks.Rejected, OldReason: "taken\x1b[2J elsewhere"})
		s.record(app, "new.example.com")
		if err := s.ledger.Fail(t.Context(), s.acquire(app), &listsync.Failure{Reason: "the API key was refused, and a sentence follows that needs more than one line", Blocked: true, Since: at}); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range []string{"status", "status --state=failed", "apps", "logs shop.example.com", "logs " + long, "history --app=app1", "events",
		"quarantine", "verify shop.example.com", "retry --state=rejected", "verify " + long + " shop.example.com --wait --timeout=1ms",
		"statsu", "reconcile --app=app1", "status nowhere.example.com", "help status", "status --nope"} {
		for _, columns := range []uint16{80, 60, 40} {
			got := onTerminal(t, columns, env, strings.Fields(args)...)
			for _, line := range strings.Split(got, "\n") {
				pasteable := strings.HasPrefix(strings.TrimLeft(line, " "), "pilotsync ")
				if w := ansi.StringWidth(line); w > int(columns) && !pasteable && !strings.HasPrefix(args, "help") {
					t.Errorf("%s in %d columns has a line of %d: %q", args, columns, w, line)
				}
			}
			if strings.Contains(got, "\x1b[2J") {
				t.Errorf("%s lets a reason clear the screen", args)
			}
		}
	}
}

func TestColorIsForTerminalsThatWantIt(t *testing.T) {
	t.Parallel()
	env := withDomains(t)
	with := func(name, value string) vars {
		more := vars{name: value}
		for name, value := range env {
			more[name] = value
		}
		return more
	}
	for _, test := range []struct {
		name string
		env  vars
		want bool
	}{
		{"any terminal", env, true},
		{"NO_COLOR", with("NO_COLOR", "1"), false},
		{"an empty NO_COLOR", with("NO_COLOR", ""), true},
		{"TERM=dumb", with("TERM", "dumb"), false},
		{"FORCE_COLOR beside NO_COLOR", func() vars { v := with("NO_COLOR", "1"); v["FORCE_COLOR"] = "1"; return v }(), false},
	} {
		if got := onTerminal(t, 80, test.env, "status"); strings.Contains(got, "\x1b[31mRejected\x1b[0m") != test.want || strings.Contains(got, "\x1b") != test.want {
			t.Errorf("%s: %q", test.name, got)
		}
	}
	if got := command(t, with("FORCE_COLOR", "1"), "", "status"); strings.Contains(got.out+got.err, "\x1b") {
		t.Errorf("in a pipe: %+v", got)
	}
}
