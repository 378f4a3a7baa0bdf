package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"pilotsync/internal/config"
	"pilotsync/internal/simulator"
	"pilotsync/internal/terminal"
)

func parseSimulate(args ...string) (*simulateCmd, error) {
	var c simulateCmd
	parser, err := kong.New(&c)
	if err != nil {
		return nil, err
	}
	_, err = parser.Parse(args)
	return &c, err
}

// startSimulate runs the command. It returns the output up to "# ready", and a function that ends
// the command and returns its error.
func startSimulate(t *testing.T, args ...string) (lines []string, stop func() error) {
	t.Helper()
	c, err := parseSimulate(args...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	read, write := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := c.Run(ctx, &terminal.Streams{Out: write})
		write.Close() // so that reading ends if Run failed
		ended <- err
	}()
	stop = sync.OnceValue(func() error { cancel(); return <-ended })
	scanner := bufio.NewScanner(read)
	for scanner.Scan() {
		lines = append(lines, scanner.Text())
		if scanner.Text() == "# ready" {
			return lines, stop
		}
	}
	t.Fatalf("the command ended before it was ready: %v", stop())
	return nil, nil
}

func TestSimulatePrintsWhatAShellCanEvaluate(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "the CA's.pem")
	lines, stop := startSimulate(t, "--app=one", "--app=two", "--api-key=it's $HOME", "--ca-file", file, "--latency=0s")
	defer stop()

	for _, line := range lines {
		if !strings.HasPrefix(line, "export ") && !strings.HasPrefix(line, "# ") {
			t.Errorf("neither an export nor a comment: %q", line)
		}
	}
	script := strings.Join(lines, "\n") + "\n" +
		`printf '%s\n' "$WU_SERVER_PILOT_CLIENT_ID" "$WU_SERVER_PILOT_API_KEY" "$WU_SERVER_PILOT_APP_ID" "$PILOTSYNC_TLS_ROOTS" "$PILOTSYNC_ALLOW_PRIVATE_ADDRESSES"
test -n "$PILOTSYNC_DNS" && test "$PILOTSYNC_TLS_PORT" -gt 0 && echo "$SERVERPILOT_API_URL"`
	out, err := exec.CommandContext(t.Context(), "sh", "-c", script).Output()
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSpace(string(out)), "\n")
	url := got[len(got)-1]
	if diff := cmp.Diff([]string{"sim", "it's $HOME", "one,two", file, "true"}, got[:len(got)-1]); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
	lists, err := simulator.NewRemote(url).Lists(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string][]string{"one": {}, "two": {}}, lists); diff != "" {
		t.Errorf("apps (-want +got):\n%s", diff)
	}
	if err := stop(); err != nil {
		t.Errorf("at the end: %v", err)
	}
}

// A worker trusts a restarted simulator without a restart of its own.
func TestSimulateKeepsItsAuthority(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "ca.pem")
	var made [2]string
	for i := range made {
		_, stop := startSimulate(t, "--ca-file", file)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		made[i] = string(text)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	}
	if made[0] != made[1] {
		t.Errorf("first\n%s\nand then\n%s", made[0], made[1])
	}
	if info, err := os.Stat(file + ".key"); err != nil || info.Mode() != 0o600 {
		t.Errorf("its key: %v (%v)", info.Mode(), err)
	}
	if err := os.WriteFile(file, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := command(t, vars{}, "", "simulate", "--ca-file="+file); got.code != exitFailed || !strings.Contains(got.err, "authority") {
		t.Errorf("with a file that isn't one: %+v", got)
	}
}

func TestSimulateWritesThroughNoLink(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	victim := filepath.Join(folder, "victim")
	for _, link := range []string{"ca.pem", "other.pem.key", "accounts.yml"} {
		if err := os.Symlink(victim, filepath.Join(folder, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"--ca-file=" + filepath.Join(folder, "ca.pem")},
		{"--ca-file=" + filepath.Join(folder, "other.pem")},
		{"--config-file=" + filepath.Join(folder, "accounts.yml"), "--account=two:key=app2"},
	} {
		got := command(t, vars{}, "", append([]string{"simulate"}, args...)...)
		if got.code != exitFailed || !strings.Contains(got.err, "this is a symbolic link") {
			t.Errorf("%s: %+v", args, got)
		}
		if _, err := os.Lstat(victim); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("%s wrote to where the link leads", args)
		}
	}
}

// A worker gets several accounts by a file, like real ones.
func TestSimulateHasSeveralAccounts(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "accounts.yml")
	lines, stop := startSimulate(t, "--app=app1,app2", "--account=two:it's#2=app3,app4", "--account=three:key=app5", "--config-file", file)
	defer stop()
	url := ""
	for _, line := range lines {
		if strings.Contains(line, "WU_SERVER_PILOT_") {
			t.Errorf("beside PILOTSYNC_CONFIG there is %q", line)
		}
		if value, ok := strings.CutPrefix(line, "export SERVERPILOT_API_URL="); ok {
			url = value
		}
	}
	got, err := config.AccountSettings{Config: file}.AccountsFile(os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	want := []config.Account{
		{ClientID: "sim", APIKey: "sim-key", Apps: []string{"app1", "app2"}},
		{ClientID: "two", APIKey: "it's#2", Apps: []string{"app3", "app4"}},
		{ClientID: "three", APIKey: "key", Apps: []string{"app5"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("accounts (-want +got):\n%s", diff)
	}
	for app, code := range map[string]int{"app3": http.StatusOK, "app1": http.StatusNotFound} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/apps/"+app, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("two", "it's#2")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != code {
			t.Errorf("account two is answered %s about %s, want %d", resp.Status, app, code)
		}
	}
}

func TestSimulateRemovesItsTemporaryFiles(t *testing.T) {
	t.Parallel()
	lines, stop := startSimulate(t, "--account=two:key=app2")
	var files []string
	for _, line := range lines {
		for _, setting := range []string{"PILOTSYNC_TLS_ROOTS", "PILOTSYNC_CONFIG"} {
			if value, ok := strings.CutPrefix(line, "export "+setting+"="); ok {
				files = append(files, value)
			}
		}
	}
	if len(files) != 2 {
		t.Errorf("files are %q, want two", files)
	}
	for _, file := range files {
		if _, err := os.Stat(file); err != nil {
			t.Error(err)
		}
	}
	if err := stop(); err != nil {
		t.Errorf("at the end: %v", err)
	}
	for _, file := range files {
		if _, err := os.Stat(file); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", file, err)
		}
	}
}

func TestSimulateRefusesSettingsOutOfRange(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ arg, want string }{
		{"--fault-5xx=1.5", "--fault-5xx is 1.5; it takes a probability from 0 to 1"},
		{"--fault-429=-0.1", "--fault-429 is -0.1"},
		{"--fault-slow=2", "--fault-slow is 2"},
		{"--fault-html=2", "--fault-html is 2"},
		{"--fault-drop-before=NaN", "--fault-drop-before is NaN"},
		{"--fault-drop-after=2", "--fault-drop-after is 2"},
		{"--latency=-1s", "--latency is -1s; it takes 0s or more"},
		{"--slow-for=-1s", "--slow-for is -1s"},
		{"--app=a/b", `app_id is "a/b"`},
		{"--app=a,a", "app a is given twice; it takes each app once"},
		{"--account=two=b", `--account is "two=b"; it takes CLIENT_ID:KEY=APP,…`},
		{"--account=two:key=", `--account is "two:key="`},
		{"--account=sim:key=b", "--account sim is given twice, or is --client-id"},
		{"--account=two:key=b,app1", "app app1 is given twice"},
		{"--account=two:key=a/b", `app_id is "a/b"`},
		{"--fault-action=2", "--fault-action is 2"},
		{"--fault-ssl-action=-1", "--fault-ssl-action is -1"},
		{"--action-delay=-1s", "--action-delay is -1s"},
		{"--stale-reads=-1s", "--stale-reads is -1s"},
		{"--cert-days=1", "--cert-days is 1; it takes 2 or more"},
		{"--account-status=200", "--account-status is 200; it takes 400 to 599"},
		{"--app-status=app1", `--app-status is "app1"; it takes APP=STATUS`},
		{"--app-status=app1=600", `--app-status is "app1=600"`},
		{"--app-status=app2=403", `--app-status is for app "app2", which is neither in --app nor in --account`},
		{"--upper-case=lower", `--upper-case must be one of "keep","correct","refuse" but got "lower"`},
		{"--redis-listen=127.0.0.1:0", "it takes --redis with it"},
		{"--config-file=a.yml", "--config-file is for several accounts; it takes --account with it"},
	} {
		t.Run(test.arg, func(t *testing.T) {
			t.Parallel()
			if _, err := parseSimulate(test.arg); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v; want one with %q", err, test.want)
			}
		})
	}
}

func TestSimulateTakesItsOptions(t *testing.T) {
	t.Parallel()
	c, err := parseSimulate("--fault-5xx=.1", "--fault-429=.2", "--fault-slow=.3", "--fault-html=.4",
		"--fault-drop-before=.5", "--fault-drop-after=.6", "--retry-after=2s", "--slow-for=3s", "--fault-action=.7", "--fault-ssl-action=.8",
		"--app=a,b", "--app-status=b=403", "--account-status=402", "--action-delay=4s", "--cert-delay=5s", "--cert-days=45", "--rate-limits",
		"--one-certificate", "--strict", "--terse-errors", "--stale-reads=6s", "--shuffled-lists", "--without-autossl", "--upper-case=correct", "--duplicates=refuse")
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.options([]simulator.Account{{Apps: []string{"a", "b"}}})
	if err != nil {
		t.Fatal(err)
	}
	want := simulator.Options{
		Accounts: []simulator.Account{{Apps: []string{"a", "b"}}}, Apps: []simulator.App{{ID: "a"}, {ID: "b", Status: 403}},
		Latency: 200 * time.Millisecond, ActionDelay: 4e9, CertDelay: 5e9, CertLifetime: 45 * 24 * time.Hour, RateLimits: true, AccountStatus: 402,
		Listen: "127.0.0.1:0", DNSListen: "127.0.0.1:0", TLSListen: "127.0.0.1:0", Seed: 1,
		Faults: simulator.Faults{
			Error5xx: .1, Error429: .2, Slow: .3, HTML: .4, DropBefore: .5, DropAfter: .6,
			RetryAfter: 2e9, SlowFor: 3e9, ActionError: .7, SSLActionError: .8,
		},
		Undocumented: simulator.Undocumented{
			Strict: true, TerseErrors: true, StaleReads: 6e9, ShuffledLists: true, WithoutAutoSSL: true, OneCertificate: true, UpperCase: "correct", Duplicates: "refuse",
		},
	}
	sameAddress := cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
	if diff := cmp.Diff(want, got, sameAddress); diff != "" {
		t.Errorf("options (-want +got):\n%s", diff)
	}
}

func TestSimulateKeepsOddNamesByDefault(t *testing.T) {
	t.Parallel()
	c, err := parseSimulate()
	if err != nil {
		t.Fatal(err)
	}
	if got := c.choices(); got != (simulator.Undocumented{}) {
		t.Errorf("the choices are %+v", got)
	}
}

func TestSimulateWithItsRedisNeedsNoServer(t *testing.T) {
	t.Parallel()
	lines, stop := startSimulate(t, "--redis", "--latency=0s", "--cert-delay=0s")
	env := vars{"PILOTSYNC_SSL_DELAYS": "1s,1s,1s", "PILOTSYNC_LISTEN": "127.0.0.1:0"}
	for _, line := range lines {
		if name, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "="); ok && strings.HasPrefix(line, "export ") {
			env[name] = strings.Trim(value, "'")
		}
	}
	w := startWorker(t, env)
	if got := command(t, env, "", "enqueue", "add", "--wait", "--timeout=2m", "shop.example.com"); got.code != exitDone {
		t.Errorf("enqueue: %+v\n%s", got, w.log)
	}
	w.stop()
	if err := stop(); err != nil {
		t.Errorf("at the end: %v", err)
	}
	if got := command(t, env, "", "status"); got.code == exitDone {
		t.Errorf("Redis runs on: %+v", got)
	}
}
