package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pilotsync/internal/simulator"
	"pilotsync/internal/terminal"
	"pilotsync/test/harness"
)

// running is a worker or another long-running command in this process.
type running struct {
	t      *testing.T
	log    *harness.Log
	cancel context.CancelFunc
	ended  chan int
}

func startWorker(t *testing.T, env vars) *running { return start(t, env, "worker") }

func start(t *testing.T, env vars, args ...string) *running {
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{t: t, log: &harness.Log{}, cancel: cancel, ended: make(chan int, 1)}
	go func() {
		r.ended <- run(ctx, args, &terminal.Streams{Out: io.Discard, Err: r.log, LookupEnv: env.Lookup, Environ: env.Environ})
	}()
	t.Cleanup(cancel)
	return r
}

// stop ends the worker and returns its exit code.
func (r *running) stop() int {
	r.t.Helper()
	r.cancel()
	select {
	case code := <-r.ended:
		return code
	case <-time.After(2 * time.Minute):
		r.t.Fatalf("the worker doesn't stop:\n%s", r.log)
		return -1
	}
}

// simulated returns an environment with a Redis and a simulated ServerPilot of its own.
func simulated(t *testing.T, apps ...simulator.App) (vars, *simulator.Simulator) {
	t.Helper()
	sim, err := simulator.Start(simulator.Options{Latency: 20 * time.Millisecond, CertDelay: 300 * time.Millisecond, Apps: apps})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, sim.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	env, _ := onRedis(t)
	return env.With(vars{
		"SERVERPILOT_API_URL": sim.APIURL(), "WU_SERVER_PILOT_CLIENT_ID": "sim", "WU_SERVER_PILOT_API_KEY": "sim-key",
		"WU_SERVER_PILOT_APP_ID": "app1", "PILOTSYNC_DNS": sim.DNSAddr(), "PILOTSYNC_TLS_PORT": strconv.Itoa(sim.TLSPort()),
		"PILOTSYNC_TLS_ROOTS": ca, "PILOTSYNC_ALLOW_PRIVATE_ADDRESSES": "on", "PILOTSYNC_SSL_DELAYS": "1s,1s,1s",
		"PILOTSYNC_API_RATE": "0", "PILOTSYNC_LISTEN": "127.0.0.1:0",
	}), sim
}

func TestAChangeIsFollowedFromTheCommandLineToItsCertificate(t *testing.T) {
	t.Parallel()
	env, sim := simulated(t)
	w := startWorker(t, env)

	got := command(t, env, "", "enqueue", "add", "--wait", "--timeout=2m", "shop.example.com", "refused-x.example.com", "*.wild.example.com")
	if got.code != exitFailed || !strings.HasSuffix(got.err, "pilotsync: 1 of 3 ended rejected or failed\n") {
		t.Errorf("exit code %d: %s", got.code, got.err)
	}
	rows := strings.Split(strings.TrimSpace(got.out), "\n")
	var ends []string
	for _, row := range rows {
		ends = append(ends, strings.Join(strings.Fields(row)[:2], " "))
	}
	if diff := cmp.Diff([]string{"DOMAIN STATE", "shop.example.com Done", "refused-x.example.com Rejected", "*.wild.example.com No"}, ends); diff != "" {
		t.Errorf("table (-want +got):\n%s\n%s", diff, got.out)
	}
	for _, line := range []string{`(?m)^./3 shop\.example\.com: Done, `, `(?m)^./3 refused-x\.example\.com: Rejected, `, `(?m)^3/3 `} {
		if !regexp.MustCompile(line).MatchString(got.err) {
			t.Errorf("no line %s in\n%s", line, got.err)
		}
	}

	got = command(t, env, "", "enqueue", "remove", "--yes", "--wait", "--timeout=2m", "--json", "*.wild.example.com")
	var states []domainStatus
	if err := json.Unmarshal([]byte(got.out), &states); err != nil || got.code != exitDone || len(states) != 1 || states[0].State != "removed" {
		t.Errorf("%v: %+v", err, got)
	}
	if diff := cmp.Diff([]string{"shop.example.com", "www.shop.example.com"}, sim.List("app1")); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}

	page := regexp.MustCompile(`http://127\.0\.0\.1:\d+/`).FindString(strings.ReplaceAll(w.log.String(), sim.APIURL(), ""))
	body, err := fetch(t, page)
	if err != nil || !strings.Contains(body, "shop.example.com") {
		t.Errorf("the dashboard at %q: %v\n%s", page, err, body)
	}
	if code := w.stop(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
	for _, secret := range []string{"sim-key", simulator.PrivateKeyMark} {
		if strings.Contains(w.log.String(), secret) {
			t.Errorf("%s is in the log:\n%s", secret, w.log)
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(w.log.String()), "\n") {
		if !json.Valid([]byte(line)) {
			t.Errorf("a line of the log isn't JSON: %s", line)
		}
	}
}

func fetch(t *testing.T, url string) (string, error) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func TestTheWorkerReportsATakenPort(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	env, _ := onRedis(t)
	got := command(t, account.With(env).With(vars{"PILOTSYNC_LISTEN": taken.Addr().String()}), "", "worker")
	if got.code != exitFailed || !strings.Contains(got.err, `PILOTSYNC_LISTEN (--listen) is "`+taken.Addr().String()+`", where the dashboard can't be served; it takes a free address, or off`) {
		t.Errorf("got %+v", got)
	}
}

func TestTheWorkerEndsWhereRedisRefusesIt(t *testing.T) {
	t.Parallel()
	env, mini := onRedis(t)
	mini.RequireAuth("other")
	env["REDIS_URL"] = "redis://:" + secretWord + "@" + mini.Addr()
	got := command(t, account.With(env).With(vars{"PILOTSYNC_LISTEN": "off"}), "", "worker")
	if got.code != exitUsage || !strings.Contains(got.err, "REDIS_URL (--redis-url) is ") || strings.Contains(got.err, secretWord) {
		t.Errorf("got %+v", got)
	}
}

func TestTheWorkerWaitsForRedisAndSaysSoOnThePage(t *testing.T) {
	t.Parallel()
	env, mini := onRedis(t)
	mini.Close()
	w := startWorker(t, account.With(env).With(vars{"PILOTSYNC_LISTEN": "127.0.0.1:0"}))
	poll(t, "a word about Redis", func() (bool, error) {
		return strings.Contains(w.log.String(), "Redis is unavailable; waiting for it"), nil
	})
	page := regexp.MustCompile(`http://127\.0\.0\.1:\d+/`).FindString(w.log.String())
	if body, err := fetch(t, page+"readyz"); err != nil || !strings.Contains(body, "not ready: Redis doesn't answer") {
		t.Errorf("readyz: %v %s", err, body)
	}
	if code := w.stop(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
}

func TestAlongsideEndsBothAndKeepsTheirErrors(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	untilEnd := func(ctx context.Context) error { <-ctx.Done(); return nil }
	fails := func(context.Context) error { return broken }
	for _, test := range []struct {
		name       string
		main, side func(context.Context) error
		want       error
	}{
		{"the side's failure ends main", untilEnd, fails, broken},
		{"main's failure ends the side", fails, untilEnd, broken},
		{"the side may end early", func(context.Context) error { return nil }, func(context.Context) error { return nil }, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := alongside(ctx, test.main, test.side); !errors.Is(err, test.want) || ctx.Err() != nil {
				t.Errorf("error is %v, want %v; ended by itself: %v", err, test.want, ctx.Err() == nil)
			}
		})
	}
}
