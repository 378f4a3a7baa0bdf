package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	stdlog "log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/crypto/bcrypt"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/harness"
	"pilotsync/test/redistest"
	"pilotsync/worker/ledger"
)

const (
	leakKey      = "sp-Key7fQ2wXz91LmVbT0cR4sYh"
	leakRedis    = "redis-Password-8812kq"
	leakURL      = "url-Key-55120xy"
	leakOperator = "page-Password-3391ab"
)

var leakSigning = []string{"c2lnbmluZy1zZWNyZXQtb25lLTAwMDAx", "c2lnbmluZy1zZWNyZXQtdHdvLTAwMDAy"}

// secrets are the texts that must appear nowhere, in every form that they can have.
func secrets(t *testing.T, passwordHash string) []string {
	t.Helper()
	pair := "sim:" + leakKey
	all := []string{leakKey, base64.StdEncoding.EncodeToString([]byte(pair)), base64.RawURLEncoding.EncodeToString([]byte(pair)),
		base64.RawStdEncoding.EncodeToString([]byte(leakKey)), url.QueryEscape(pair), hex.EncodeToString([]byte(leakKey)),
		leakRedis, leakURL, leakOperator, passwordHash, simulator.PrivateKeyMark, "BEGIN PRIVATE KEY"}
	for _, s := range leakSigning {
		raw, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s, string(raw), hex.EncodeToString(raw))
	}
	return all
}

// gossip is a ServerPilot whose errors repeat what it was sent, and contain a private key.
func gossip(t *testing.T, sim *simulator.Simulator) (apiURL string, repeated func() int) {
	t.Helper()
	target, err := url.Parse(strings.TrimSuffix(sim.APIURL(), "/v1"))
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	times := 0
	proxy := &httputil.ReverseProxy{
		Rewrite:  func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ErrorLog: stdlog.New(t.Output(), "", 0), // it reports truncated answers
		ModifyResponse: func(r *http.Response) error {
			if r.StatusCode < 400 {
				return nil
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return err
			}
			_ = r.Body.Close()
			words := fmt.Sprintf(`"message":"you sent Authorization: %s, key %s; ours is -----BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY-----. `,
				r.Request.Header.Get("Authorization"), leakKey, simulator.PrivateKeyMark)
			said := bytes.Replace(body, []byte(`"message":"`), []byte(words), 1)
			if len(said) > len(body) {
				mu.Lock()
				times++
				mu.Unlock()
			}
			r.Body = io.NopCloser(bytes.NewReader(said))
			r.Header.Del("Content-Length")
			r.ContentLength = int64(len(said))
			return nil
		},
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return server.URL + "/v1", func() int { mu.Lock(); defer mu.Unlock(); return times }
}

// The test searches everything that the program writes, logs or shows for every secret that it got.
// In the run most things fail once.
func TestNoSecretIsFoundInAnythingThatAFullRunLeavesBehind(t *testing.T) {
	t.Parallel()
	sim, err := simulator.Start(simulator.Options{CertDelay: 300 * time.Millisecond, Accounts: []simulator.Account{{ClientID: "sim", APIKey: leakKey}},
		Apps: []simulator.App{{ID: "app1", CustomCertificate: true}, {ID: "app2"}, {ID: "app3", AutoSSL: true, Domains: []string{"byhand.example.org"}}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	api, repeated := gossip(t, sim)
	env, mini := onRedis(t)
	mini.RequireAuth(leakRedis)
	rdb := redis.NewClient(&redis.Options{Addr: mini.Addr(), Password: leakRedis})
	t.Cleanup(func() { _ = rdb.Close() })

	var sent harness.Log // what the webhook got, with its headers
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintln(&sent, r.Header, string(body))
		if strings.Contains(string(body), "nodns") { // some fail, and are kept with their error
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(hook.Close)
	hash, err := bcrypt.GenerateFromPassword([]byte(leakOperator), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	signing := "whsec_" + leakSigning[0] + " whsec_" + leakSigning[1]
	env = env.With(vars{
		"REDIS_URL": "redis://:" + leakRedis + "@" + mini.Addr(), "SERVERPILOT_API_URL": api,
		"WU_SERVER_PILOT_CLIENT_ID": "sim", "WU_SERVER_PILOT_API_KEY": leakKey, "WU_SERVER_PILOT_APP_ID": "app1,app2,app3",
		"PILOTSYNC_DNS": sim.DNSAddr(), "PILOTSYNC_TLS_PORT": fmt.Sprint(sim.TLSPort()), "PILOTSYNC_TLS_ROOTS": file("ca.pem", string(sim.CAPEM())),
		"PILOTSYNC_ALLOW_PRIVATE_ADDRESSES": "on", "PILOTSYNC_SSL_DELAYS": "1s,1s,1s", "PILOTSYNC_API_RATE": "0",
		"PILOTSYNC_WEBHOOK_URL": hook.URL + "/?key=" + leakURL, "PILOTSYNC_WEBHOOK_SECRET": signing,
		"PILOTSYNC_LISTEN": "127.0.0.1:0", "PILOTSYNC_AUTH": file("users", "ada:"+string(hash)+":act\n"), "PILOTSYNC_LOG_LEVEL": "debug",
	})
	wordpress := file("wp-config.php", "<?php\ndefine('WU_SERVER_PILOT_API_KEY', '"+leakKey+"');\ndefine('WU_SERVER_PILOT_CLIENT_ID', 'other');\n"+
		"define('PILOTSYNC_REDIS_URL', 'redis://:"+leakRedis+"@127.0.0.1:1/0');\ndefine('PILOTSYNC_WEBHOOK_SECRET', 'whsec_"+leakSigning[1]+"');\n")

	texts := map[string]string{} // the outputs, by source
	run := func(env vars, args ...string) output {
		got := command(t, env, "", args...)
		texts[fmt.Sprintf("%d. pilotsync %s", len(texts), strings.Join(args, " "))] = got.out + got.err
		return got
	}
	l := ledger.New(rdb)
	reason := func(app, domain, part string) {
		t.Helper()
		poll(t, domain+"'s reason tells of "+part, func() (bool, error) {
			v, _, err := l.Domain(t.Context(), app, domain)
			return strings.Contains(v.Reason, part), err
		})
	}
	run(env, "enqueue", "add", "--app=app1", "shop.example.com", "nodns.example.com", "refused.example.com")
	run(env, "enqueue", "add", "--app=app2", "broken.example.com")

	// First the key is refused, then the card. After that one app keeps failing.
	sim.SetAppStatus("app2", http.StatusInternalServerError)
	for _, status := range []int{http.StatusUnauthorized, http.StatusPaymentRequired} {
		sim.SetAccountStatus(status)
		w := startWorker(t, env)
		reason("app1", "shop.example.com", fmt.Sprint(status))
		run(env, "doctor")
		run(env, "doctor", "--json", "--wp-config="+wordpress)
		run(env, "reconcile", "--app=app1", "--dry-run")
		w.stop()
		texts[fmt.Sprintf("log of the worker that was answered %d", status)] = w.log.String()
	}
	sim.SetAccountStatus(0)
	for _, fault := range []simulator.FaultKind{simulator.HTML, simulator.TruncatedJSON} {
		sim.FailNext("app1", simulator.ReadApp, simulator.Fault{Kind: fault})
	}
	w := startWorker(t, env)
	page := strings.TrimSuffix(w.logged(pageURL), "/")
	for domain, want := range map[string]tasks.State{"shop.example.com": tasks.Done, "nodns.example.com": tasks.Failed, "refused.example.com": tasks.Rejected} {
		poll(t, domain+" is "+string(want), func() (bool, error) {
			v, _, err := l.Domain(t.Context(), "app1", domain)
			return v.State == want, err
		})
	}
	poll(t, "an event failed", func() (bool, error) {
		got := command(t, env, "", "events")
		return strings.Contains(got.out, "500"), nil
	})
	for _, args := range []string{"doctor", "doctor --json --wp-config=" + wordpress, "status", "status --json", "apps --json", "logs --app=app1 refused.example.com", "logs --app=app1 --json shop.example.com",
		"events", "events --json", "history --app=app1", "reconcile --app=app2 --dry-run", "reconcile --app=app1 --dry-run --json",
		"adopt --app=app3 --all --dry-run", "adopt --app=app2 --all", "retry --app=app1 refused.example.com", "verify --app=app1 shop.example.com"} {
		run(env, strings.Fields(args)...)
	}
	// Refused settings: the errors name them without their values.
	for _, wrong := range []vars{
		{"REDIS_URL": "redis://:" + leakRedis + "@127.0.0.1:1/0"}, {"REDIS_URL": "x://:" + leakRedis + "@h"}, {"REDIS_URL": "redis://:not-" + leakRedis + "@" + mini.Addr()},
		{"REDIS_URL": "redis://user:" + leakRedis + "%zz@h"}, {"PILOTSYNC_WEBHOOK_SECRET": "whsec_" + leakSigning[0][:10] + " " + leakSigning[1]},
		{"PILOTSYNC_WEBHOOK_URL": "http://example.com/?key=" + leakURL}, {"PILOTSYNC_WEBHOOK_URL": "https://example.com/%zz?key=" + leakURL},
		{"WU_SERVER_PILOT_API_KEY": leakKey + "\nx"}, {"WU_SERVER_PILOT_CLIENT_ID": ""}, {"PILOTSYNC_AUTH": file("wrong", "ada "+string(hash)+"\nbob:"+leakOperator+"\n")},
		{"PILOTSYNC_CONFIG": file("accounts.yml", "accounts: [{client_id: sim, api_key: "+leakKey+", apps: app1}]\nwebhook: "+leakURL)},
	} {
		run(env.With(wrong), "worker", "--concurrency=0")
		run(env.With(wrong), "doctor", "--json")
	}
	for _, user := range []string{"ada", ""} {
		for _, path := range []string{"/", "/apps", "/apps/app1", "/apps/app2", "/apps/app3", "/apps/none", "/domains", "/domains?q=s", "/domains/app1/shop.example.com",
			"/domains/app1/refused.example.com", "/domains/app1/nodns.example.com", "/domains/app2/broken.example.com", "/nothing", "/metrics", "/healthz", "/readyz",
			"/asynqmon/", "/asynqmon/api/queues", "/asynqmon/api/queue_stats", "/asynqmon/api/servers", "/asynqmon/api/redis_info",
			"/asynqmon/api/queues/domains/completed_tasks", "/asynqmon/api/queues/lists/completed_tasks", "/asynqmon/api/queues/lists/retry_tasks", "/asynqmon/api/queues/lists/scheduled_tasks",
			"/asynqmon/api/queues/ssl/completed_tasks", "/asynqmon/api/queues/ssl/scheduled_tasks", "/asynqmon/api/queues/ssl/archived_tasks",
			"/asynqmon/api/queues/events/completed_tasks", "/asynqmon/api/queues/events/retry_tasks", "/asynqmon/api/queues/events/scheduled_tasks"} {
			poll(t, path+" is shown", func() (bool, error) { // a busy machine may let a page time out
				status, body := visit(t, page+path, user, leakOperator)
				texts["page "+path+" of "+user] = body
				return user != "ada" || status < 500, fmt.Errorf("status %d", status)
			})
		}
	}
	w.stop()
	texts["log of the worker"], texts["webhook"], texts["Redis"] = w.log.String(), sent.String(), redistest.Dump(t, rdb)

	for _, where := range []string{"log of the worker", "webhook", "Redis", "page /domains of ada", "page /asynqmon/api/queues/domains/completed_tasks of ada"} {
		if !strings.Contains(texts[where], "shop.example.com") {
			t.Errorf("%s says nothing of the domain: the test tests nothing there", where)
		}
	}
	if n := repeated(); n < 4 || !strings.Contains(texts["Redis"], "[redacted]") {
		t.Errorf("ServerPilot repeated the key %d times, and Redis has of it no trace: the test tests nothing", n)
	}
	wanted := secrets(t, string(hash))
	for where, text := range texts {
		for _, secret := range wanted {
			if at := strings.Index(text, secret); at >= 0 {
				t.Errorf("%s holds %q: …%.200q", where, secret, text[max(0, at-80):])
			}
		}
	}
	t.Logf("searched %d texts for %d secrets", len(texts), len(wanted))
}
