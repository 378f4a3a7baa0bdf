package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"pilotsync/enqueue"
	"pilotsync/internal/safefile"
	"pilotsync/internal/terminal"
	"pilotsync/tasks"
	"pilotsync/test/harness"
	"pilotsync/worker/listsync"
)

// queuedChanges returns the changes on the queue by domain, each as its task
// type and payload, and the number of tasks.
func queuedChanges(t *testing.T, addr string) (map[string]tasks.Change, map[string]string, int) {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: addr})
	defer rdb.Close()
	changes, types, n := map[string]tasks.Change{}, map[string]string{}, 0
	for page := 1; ; page++ {
		infos, err := asynq.NewInspectorFromRedisClient(rdb).ListPendingTasks(tasks.QueueDomains, asynq.PageSize(1000), asynq.Page(page))
		if err != nil {
			t.Fatal(err)
		}
		if len(infos) == 0 {
			return changes, types, n
		}
		for _, info := range infos {
			c, err := tasks.Decode[tasks.Change](info.Payload)
			if err != nil {
				t.Fatal(err)
			}
			changes[c.Domain], types[c.Domain] = c, info.Type
			n++
		}
	}
}

func TestTenThousandNamesFromStandardInputAreEnqueuedInOrder(t *testing.T) {
	harness.Long(t)
	t.Parallel()
	env, mini := onRedis(t)
	liveWorker(t, mini.Addr(), "app1", "app2")
	const n = 10_000
	var names strings.Builder
	names.WriteString("# a list\r\n\n")
	for i := range n {
		fmt.Fprintf(&names, "  D%d.example.com\r\n", i)
	}
	got := command(t, env.With(vars{"WU_SERVER_PILOT_APP_ID": "app1"}), names.String(), "enqueue", "remove", "--file=-", "--www=never", "--site-id=7", "--yes")
	if got.code != exitDone || got.out != "enqueued 10000 changes for app app1\n" || strings.Count(got.err, "\n") != 2*n+1 || !strings.HasPrefix(got.err, "D0.example.com → d0.example.com\n") {
		t.Fatalf("code %d, %q, %.200q", got.code, got.out, got.err)
	}
	changes, types, count := queuedChanges(t, mini.Addr())
	if len(changes) != n || count != n {
		t.Fatalf("%d changes of %d domains; want %d", count, len(changes), n)
	}
	var last int64
	for i := range n {
		domain := fmt.Sprintf("d%d.example.com", i)
		c := changes[domain]
		if c.Seq <= last || c.AppID != "app1" || c.WWW != tasks.WWWNever || c.SiteID != 7 || types[domain] != tasks.TypeDomainRemove {
			t.Fatalf("change %d is %s %+v", i, types[domain], c)
		}
		last = c.Seq
	}
}

func TestEnqueueTakesNamesFromArgumentsAndAFile(t *testing.T) {
	t.Parallel()
	env, mini := onRedis(t)
	liveWorker(t, mini.Addr(), "app1", "app2")
	dir := t.TempDir()
	for name, content := range map[string]string{"names": "münchen.de", "app": "app1\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env["WU_SERVER_PILOT_APP_ID_FILE"] = filepath.Join(dir, "app")
	got := command(t, env, "", "enqueue", "add", "example.com", "--file", filepath.Join(dir, "names"), "--json")
	var receipts []map[string]any
	if err := json.Unmarshal([]byte(got.out), &receipts); err != nil || got.code != exitDone || got.err != "münchen.de → xn--mnchen-3ya.de\n" {
		t.Fatalf("%v: %+v", err, got)
	}
	changes, types, _ := queuedChanges(t, mini.Addr())
	var want []map[string]any
	for _, domain := range []string{"example.com", "xn--mnchen-3ya.de"} {
		c := changes[domain]
		want = append(want, map[string]any{"app_id": "app1", "domain": domain, "seq": float64(c.Seq), "task_id": c.ID()})
		if types[domain] != tasks.TypeDomainAdd || c.WWW != "" || c.SiteID != 0 {
			t.Errorf("%s became %s %+v", domain, types[domain], c)
		}
	}
	if diff := cmp.Diff(want, receipts); diff != "" {
		t.Errorf("receipts (-want +got):\n%s", diff)
	}
	if got := command(t, env, "", "enqueue", "add", "example.com", "--app=app2"); got.out != "enqueued 1 change for app app2\n" {
		t.Errorf("--app doesn't win over the variable's file: %+v", got)
	}
}

func TestNothingIsEnqueuedIfANameIsWrong(t *testing.T) {
	t.Parallel()
	env, mini := onRedis(t)
	got := command(t, env, "example.com\n\n# no\nhttp://example.com\nlocalhost\n", "enqueue", "add", "--app=app1", "good.example.com", "a b", "--file=-")
	want := `pilotsync: nothing was enqueued:
domain "a b" is refused: it has a space inside; give one name without spaces
line 4 of standard input: domain "http://example.com" is refused: it has a scheme; leave out everything up to :// (did you mean example.com?)
line 5 of standard input: domain "localhost" is refused: it has one label only; give the full name, such as localhost.example.com
Try: pilotsync enqueue add --help
`
	if diff := cmp.Diff(output{exitUsage, "", want}, got, cmp.AllowUnexported(output{})); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
	if keys := mini.Keys(); len(keys) != 0 {
		t.Errorf("Redis holds %v", keys)
	}
}

func TestAFileOfNamesIsBounded(t *testing.T) {
	t.Parallel()
	env, mini := onRedis(t)
	const most = "and that is the most that is read"
	random := filepath.Join(t.TempDir(), "random")
	noise := make([]byte, safefile.MaxSize)
	if _, err := rand.Read(noise); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(random, noise, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, file, stdin, want string }{
		{"a device without an end", "/dev/zero", "", "--file: read /dev/zero: it has more than 16 MiB, " + most},
		{"an endless stream", "-", strings.Repeat("a.example.com\n", safefile.MaxSize/14+1), "--file: standard input: it has more than 16 MiB, " + most},
		{"too many names", "-", strings.Repeat("a.example.com\n", maxNames+1), "--file: standard input has more than 20000 names"},
		{"a long line", "-", strings.Repeat("a", maxLine+1), "line 1 of standard input: it has 1001 bytes; a name has 253 at most"},
		{"noise", random, "", "--file: " + random + " has more than 20000 names"},
		{"many wrong lines", "-", strings.Repeat("a b\n", 3*maxWrongShown), "and 40 more wrong lines of standard input"},
	} {
		for _, args := range [][]string{{"enqueue", "add", "--app=app1"}, {"enqueue", "remove", "--app=app1"}, {"adopt", "--app=app1"}} {
			got := command(t, env, test.stdin, append(args, "--file="+test.file)...)
			if got.code != exitUsage || !strings.Contains(got.err, test.want) || len(got.err) > 100_000 {
				t.Errorf("%s, %s: exit code %d and %d bytes: %.2000s; want %s", test.name, args, got.code, len(got.err), got.err, test.want)
			}
		}
	}
	if keys := mini.Keys(); len(keys) != 0 {
		t.Errorf("Redis holds %v", keys)
	}
}

func TestAnAdditionTakesALimitOfAttempts(t *testing.T) {
	t.Parallel()
	env, mini := onRedis(t)
	liveWorker(t, mini.Addr(), "app1")
	if got := command(t, env, "", "enqueue", "add", "example.com", "--app=app1", "--attempts=7"); got.code != exitDone {
		t.Fatalf("%+v", got)
	}
	if changes, _, _ := queuedChanges(t, mini.Addr()); changes["example.com"].Attempts != 7 {
		t.Errorf("enqueued was %+v", changes["example.com"])
	}
	for _, test := range []struct{ kind, value, says string }{
		{"add", "0", "--attempts is 0; it takes a whole number from 1 to 20"},
		{"add", "21", "--attempts is 21; it takes a whole number from 1 to 20"},
		{"add", "-1", "--attempts is -1; it takes a whole number from 1 to 20"},
		{"add", "many", "--attempts"},
		{"remove", "7", "unknown flag --attempts"},
	} {
		got := command(t, env, "", "enqueue", test.kind, "other.example.com", "--app=app1", "--attempts="+test.value)
		if got.code != exitUsage || got.out != "" || !strings.Contains(got.err, test.says) {
			t.Errorf("%s with %s: %+v", test.kind, test.value, got)
		}
	}
	if changes, _, _ := queuedChanges(t, mini.Addr()); len(changes) != 1 {
		t.Errorf("enqueued was %v", changes)
	}
}

func TestAnEmptyListIsNoMistake(t *testing.T) {
	t.Parallel()
	env, _ := onRedis(t)
	for args, want := range map[string]output{
		"":        {exitDone, "", "enqueued 0 changes: no domain was given\n"},
		" --json": {exitDone, "[]\n", ""},
	} {
		got := command(t, env, "# nobody\n", strings.Fields("enqueue add --app=app1 --file=-"+args)...)
		if got != want {
			t.Errorf("with%q: %+v", args, got)
		}
	}
}

func TestTheWaitEndsWhenItsTimeIsUp(t *testing.T) {
	t.Parallel()
	env, mini := onRedis(t)
	liveWorker(t, mini.Addr(), "app1", "app2")
	s := newLedgerFixture(t, mini.Addr())
	// The end of an earlier change doesn't count.
	s.settle("app1", listsync.Record{Domain: "old.example.com", State: tasks.Done, Names: []string{"old.example.com"}})
	got := command(t, env, "", "enqueue", "add", "--app=app1", "old.example.com", "new.example.com", "--wait", "--timeout=400ms")
	want := output{exitFailed, `DOMAIN           STATE    NAMES            REASON
old.example.com  Pending  old.example.com  is on the queue; no worker has taken it yet
new.example.com  Pending  new.example.com  is on the queue; no worker has taken it yet
`, `pilotsync: the time is up (--timeout 400ms); 0 of 2 ended
  on the queue, until a worker takes it: old.example.com, new.example.com
To check again:
  pilotsync status --app=app1 old.example.com new.example.com
`}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(output{})); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
}

func TestAWaitCanBeInterrupted(t *testing.T) {
	t.Parallel()
	env, mini := onRedis(t)
	liveWorker(t, mini.Addr(), "app1", "app2")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan output, 1)
	go func() {
		ended <- commandUnder(ctx, env, "", "enqueue", "add", "--app=app1", "example.com", "--wait", "--json")
	}()
	poll(t, "the change on the queue", func() (bool, error) { return mini.Exists("asynq:{domains}:pending"), nil })
	cancel()
	got := <-ended
	var states []domainStatus
	if err := json.Unmarshal([]byte(got.out), &states); err != nil || len(states) != 1 || states[0].State != tasks.Pending {
		t.Errorf("%v: %s", err, got.out)
	}
	if got.code != exitFailed || got.err != `pilotsync: interrupted; 0 of 1 ended
  on the queue, until a worker takes it: example.com
To check again:
  pilotsync status --app=app1 example.com
` {
		t.Errorf("exit code %d: %s", got.code, got.err)
	}
}

func TestTheWaitShowsOnATerminalWhatIsLeftAndWhy(t *testing.T) {
	t.Parallel()
	var errs bytes.Buffer
	block := &terminal.Block{Streams: &terminal.Streams{Err: &errs, ErrSize: sized(40, 24)}}
	left := []waiting{{domain: "a.example.com", reason: "pending, " + pointsElsewhere}}
	for range 12 {
		left = append(left, waiting{domain: "b.example.com", reason: "checking-dns"})
	}
	block.Draw(waitLines(left, maxWaitLines))
	shown := errs.String()
	for _, line := range strings.Split(shown, "\n") {
		if w := ansi.StringWidth(line); w >= 40 {
			t.Errorf("%d columns: %q", w, line)
		}
	}
	if !strings.HasPrefix(shown, "  a.example.com: pending,\n    shop.example.com points to …\n  b.example.com: checking-dns\n") ||
		!strings.HasSuffix(shown, "  … and 3 more\n") || strings.Count(shown, "\n") != 12 {
		t.Errorf("shown is\n%s", shown)
	}
	errs.Reset()
	block.Clear()
	if errs.String() != "\r\x1b[12A\x1b[J" {
		t.Errorf("cleared by %q", errs.String())
	}
}

func TestTheWaitDrawsNothingOnADumbTerminal(t *testing.T) {
	t.Parallel()
	var errs bytes.Buffer
	block := &terminal.Block{Streams: &terminal.Streams{Err: &errs, ErrSize: sized(80, 24), LookupEnv: vars{"TERM": "dumb"}.Lookup}}
	block.Draw([]string{"a"})
	block.Clear()
	if errs.Len() > 0 {
		t.Errorf("drawn: %q", &errs)
	}
}

func TestTheNextCommandNamesDomainsUpToALimit(t *testing.T) {
	t.Parallel()
	f := followed{app: "app1"}
	if got, want := f.nextCommand([]waiting{{domain: "a.example.com"}, {domain: "b.example.com"}}), "pilotsync status --app=app1 a.example.com b.example.com"; got != want {
		t.Errorf("got %s; want %s", got, want)
	}
	want := "pilotsync status --app=app1 --state=pending --state=checking-dns --state=checking-ssl-cert"
	if got := f.nextCommand(make([]waiting, maxWaitLines+1)); got != want {
		t.Errorf("got %s; want %s", got, want)
	}
}

func TestTheOutcomeOfUnfinishedDomainsIsDescribed(t *testing.T) {
	t.Parallel()
	f := newFollowed([]enqueue.Receipt{{AppID: "app1", Domain: "a.example.com", Seq: 1}, {AppID: "app1", Domain: "b.example.com", Seq: 2}})
	f.last["b.example.com"] = domainStatus{Domain: "b.example.com", State: tasks.CheckingDNS, Reason: "points elsewhere"}
	left := f.waiting()
	if got := leftNames(left, leftOnQueue); got != "a.example.com" {
		t.Errorf("on the queue: %s", got)
	}
	if got := leftNames(left, leftToWorkers); got != "b.example.com" {
		t.Errorf("in the workers: %s", got)
	}
	for range maxWaitLines + 1 {
		left = append(left, waiting{domain: "c", left: leftToVerify})
	}
	if got := leftNames(left, leftToVerify); !strings.HasSuffix(got, ", c, and 1 more") || strings.Count(got, "c") != maxWaitLines {
		t.Errorf("many: %s", got)
	}
}
