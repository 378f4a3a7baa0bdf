package demo

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"pilotsync/enqueue"
	"pilotsync/internal/terminal"
	"pilotsync/tasks"
	"pilotsync/test/harness"
	"pilotsync/worker/ledger"
)

// smallCases are cases that are settled within a few seconds.
func smallCases() []appCase {
	return []appCase{{
		id: "app1", byHand: []string{"b.example.org", "a.example.org"}, stays: []string{"b.example.org", "a.example.org"},
		domains: []domainCase{
			{name: "one.example.com", operations: "add", ends: tasks.Done, adds: bothForms, cause: tasks.CauseWorks},
			{name: "two.example.com", operations: "add remove", ends: tasks.Removed},
		},
	}}
}

// sized is a terminal's size.
func sized(columns, lines int) func() (int, int) {
	return func() (int, int) { return columns, lines }
}

func TestDemoEndsAsExpected(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	if err := (Demo{}).Run(t.Context(), &terminal.Streams{Out: &out, Err: &errs}); err != nil {
		t.Fatalf("%v\n%s%s", err, &out, &errs)
	}
	if errs.Len() > 0 {
		t.Errorf("on standard error:\n%s", &errs)
	}
	columns := regexp.MustCompile(" +")
	for _, want := range []string{
		"52 of 52 changes settled: 5 DNS failed, 1 Rejected, 4 No certificate, 32 Done, 5 Removed\n",
		"\nAPP DOMAIN STATE REASON\n",
		"\nagency-berlin bäckerei-münchen.example.com (xn--bckerei-mnchen-5hb60b.example.com) Done certificate valid until ",
		"\nagency-tokyo 寿司.example.com (xn--sprr0q.example.com) Done certificate valid until ",
		"\nagency-berlin elsewhere-hotel.example.com DNS failed points to 203.0.113.9; this app is on 127.0.0.1",
		"\nagency-berlin ipv6-kino.example.net DNS failed has the IPv6 address 2001:db8::9, ",
		"\nagency-lisbon bogus-farol.example.org DNS failed the DNSSEC signatures of bogus-farol.example.org are wrong",
		"\nagency-lisbon caa-banco.example.com No certificate the CAA record of caa-banco.example.com doesn't let Let's Encrypt certify",
		"\nagency-tokyo my--nocert-shop.example.net No certificate Let's Encrypt never certifies my--nocert-shop.example.net: ",
		"\nagency-tokyo othersite-sento.example.org DNS failed is behind Simulated CDN, and the site that answers there isn't of this network",
		"\nagency-lisbon refused-casino.example.net Rejected ServerPilot refused it: ",
		"\nAll 47 domains and 3 lists are as expected.\n",
	} {
		if !strings.Contains(columns.ReplaceAllString(out.String(), " "), want) {
			t.Errorf("the output lacks %q", want)
		}
	}
	writes := regexp.MustCompile(`52 changes took (\d+) list writes`).FindStringSubmatch(out.String())
	if writes == nil {
		t.Error("the output doesn't say how many writes it took")
	} else if n, _ := strconv.Atoi(writes[1]); n < 3 || n > 30 {
		t.Errorf("it took %d writes", n)
	}
	if t.Failed() {
		t.Log(out.String())
	}
}

func TestDemoFailsWhereTheEndIsNotAsItMustBe(t *testing.T) {
	t.Parallel()
	apps := smallCases()
	apps[0].stays = []string{"a.example.org", "b.example.org"}
	apps[0].domains[0].ends = tasks.Failed
	apps[0].domains[1].adds = itself
	var out, errs bytes.Buffer
	if err := (Demo{}).run(t.Context(), &terminal.Streams{Out: &out, Err: &errs}, apps); !errors.Is(err, ErrUnexpected) {
		t.Fatalf("the error is %v", err)
	}
	for _, want := range []string{
		"3 differences from what is expected:\n",
		"  app1: one.example.com must be failed, but is done: certificate valid until ",
		"  app1: two.example.com is missing on ServerPilot's list\n",
		"  app1: the list must begin with the names set by hand, a.example.org, b.example.org; it begins with b.example.org, a.example.org\n",
	} {
		if !strings.Contains(errs.String(), want) {
			t.Errorf("standard error lacks %q", want)
		}
	}
	if strings.Contains(out.String(), "as expected") {
		t.Error("the output claims that all is well")
	}
	_, file, named := strings.Cut(errs.String(), "The worker's log is in ")
	log, err := os.ReadFile(strings.TrimSpace(file))
	if !named || err != nil || !bytes.Contains(log, []byte("one.example.com")) {
		t.Errorf("no log to look into: %v\n%s", err, log)
	}
	_ = os.Remove(strings.TrimSpace(file))
	if t.Failed() {
		t.Log(out.String(), errs.String())
	}
}

func TestDemoShowsABarOnATerminal(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	if err := (Demo{}).run(t.Context(), &terminal.Streams{Out: &out, Err: &errs, Terminal: true, OutSize: sized(80, 24), ErrSize: sized(80, 24)}, smallCases()); err != nil {
		t.Fatalf("%v\n%s", err, &errs)
	}
	if !strings.Contains(errs.String(), "(3/3)") {
		t.Errorf("no bar that gets to its end: %q", &errs)
	}
	if strings.Contains(out.String(), "settled:") {
		t.Errorf("lines of progress besides the bar:\n%s", &out)
	}
}

func TestTheBarStaysWithinItsLine(t *testing.T) {
	t.Parallel()
	var errs bytes.Buffer
	show, _ := progressBar(&terminal.Streams{Err: &errs, Terminal: true, ErrSize: sized(80, 24)}, 46)
	for settled := range 47 {
		p := progress{settled: settled, states: map[tasks.State]int{}}
		for _, state := range tasks.States() {
			p.states[state] = 10
		}
		show(p)
	}
	lines := strings.Split(strings.ReplaceAll(errs.String(), "\033[0K", ""), "\r")
	if len(lines) < 47 {
		t.Errorf("drawn only %d times: %q", len(lines), lines)
	}
	for _, line := range lines {
		if w := ansi.StringWidth(line); w > 78 { // the echo of Ctrl-C takes two columns
			t.Errorf("%d columns wide: %q", w, line)
		}
	}
}

func TestDemoCanBeInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs bytes.Buffer
	err := (Demo{}).Run(ctx, &terminal.Streams{Out: &out, Err: &errs})
	if err == nil || err.Error() != "interrupted before the end" {
		t.Errorf("the error is %v", err)
	}
	if strings.Contains(errs.String(), "log is in") {
		t.Errorf("an interruption is not a failure: %s", &errs)
	}
}

func TestDemoKeptUpTakesNewDomains(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	read, write := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := Demo{Keep: true}.run(ctx, &terminal.Streams{Out: write, Err: io.Discard}, smallCases())
		write.Close()
		ended <- err
	}()
	var url, page string
	lines := bufio.NewScanner(read)
	for conventions := false; !conventions && lines.Scan(); conventions = strings.Contains(lines.Text(), "nocert: ") {
		if _, after, found := strings.Cut(lines.Text(), "export REDIS_URL="); found {
			url = after
		}
		if _, after, found := strings.Cut(lines.Text(), "The dashboard is at "); found {
			page = after
		}
	}
	go func() { _, _ = io.Copy(io.Discard, read) }()
	opt, err := redis.ParseURL(url)
	if err != nil {
		t.Fatalf("%q: %v", url, err)
	}
	rdb := redis.NewClient(opt)
	defer rdb.Close()
	if _, err := enqueue.New(rdb).Enqueue(ctx, enqueue.Request{AppID: "app1", Domain: "refused-later.example.com"}); err != nil {
		t.Fatal(err)
	}
	for state := tasks.Pending; state != tasks.Rejected; {
		v, _, err := ledger.New(rdb).Domain(ctx, "app1", "refused-later.example.com")
		if err != nil {
			t.Fatal(err)
		}
		state = v.State
	}
	if body := harness.Page(t, page); !strings.Contains(body, "refused-later.example.com") {
		t.Errorf("the page doesn't show the new domain:\n%s", body)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("it ended with: %v", err)
	}
}

func TestDeviationsHaveEachDifference(t *testing.T) {
	t.Parallel()
	view := func(state tasks.State) ledger.View {
		return ledger.View{State: state, Cause: tasks.Cause{Code: tasks.CauseWorks}, Reason: "so it is"}
	}
	good := func() outcome {
		return outcome{
			views: map[string]map[string]ledger.View{"app1": {"one.example.com": view(tasks.Done), "two.example.com": view(tasks.Removed)}},
			lists: map[string][]string{"app1": {"b.example.org", "a.example.org", "www.one.example.com", "one.example.com"}},
		}
	}
	for _, test := range []struct {
		name  string
		spoil func(o *outcome)
		want  []string
	}{
		{"none where all is as it must be", func(*outcome) {}, nil},
		{"another state", func(o *outcome) { o.views["app1"]["one.example.com"] = view(tasks.Failed) },
			[]string{"app1: one.example.com must be done, but is failed: so it is"}},
		{"another cause", func(o *outcome) {
			o.views["app1"]["one.example.com"] = ledger.View{State: tasks.Done, Cause: tasks.Cause{Code: tasks.CauseOtherSite}, Reason: "so it is"}
		}, []string{"app1: one.example.com must be done by the cause Works, but has OtherSite: so it is"}},
		{"a domain the ledger lost", func(o *outcome) { delete(o.views["app1"], "two.example.com") },
			[]string{"app1: two.example.com must be removed, but the ledger doesn't know it"}},
		{"a domain that was not requested", func(o *outcome) { o.views["app1"]["x.example.com"] = view(tasks.Done) },
			[]string{"app1: the ledger has x.example.com (done), which no request added"}},
		{"a name too few", func(o *outcome) { o.lists["app1"] = o.lists["app1"][:3] },
			[]string{"app1: one.example.com is missing on ServerPilot's list"}},
		{"a name too many", func(o *outcome) { o.lists["app1"] = append(o.lists["app1"], "two.example.com") },
			[]string{"app1: two.example.com is on ServerPilot's list and must not be"}},
		{"a name twice", func(o *outcome) { o.lists["app1"] = append(o.lists["app1"], "one.example.com") },
			[]string{"app1: one.example.com is on ServerPilot's list and must not be"}},
		{"names set by hand in another order", func(o *outcome) { slices.Reverse(o.lists["app1"][:2]) },
			[]string{"app1: the list must begin with the names set by hand, b.example.org, a.example.org; it begins with a.example.org, b.example.org"}},
		{"overlapping writes", func(o *outcome) { o.overlaps = 2 },
			[]string{"list writes of the same app overlapped 2 times"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o := good()
			test.spoil(&o)
			if diff := cmp.Diff(test.want, o.deviations(smallCases())); diff != "" {
				t.Errorf("deviations (-want +got):\n%s", diff)
			}
		})
	}
}
