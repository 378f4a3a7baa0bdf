package redis_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"pilotsync/enqueue"
	"pilotsync/enqueue/functions"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

func TestNobodyGetsInWithoutAPasswordOfTheirOwn(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	for _, opt := range []redis.Options{{}, {Username: "default"}, {Password: "secret-php"}, {Username: "php", Password: "secret-worker"}} {
		opt.Addr, opt.MaxRetries = g.addr, -1
		rdb := redis.NewClient(&opt)
		if err := rdb.Ping(t.Context()).Err(); err == nil || !strings.Contains(err.Error(), "NOAUTH") && !strings.Contains(err.Error(), "WRONGPASS") {
			t.Errorf("%q with password %q: %v", opt.Username, opt.Password, err)
		}
		_ = rdb.Close()
	}
}

func TestWithoutItsPasswordsTheFileLetsNobodyIn(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	for _, user := range []string{"php", "worker", "page"} {
		if err := g.admin.Do(t.Context(), "ACL", "SETUSER", user, "resetpass").Err(); err != nil {
			t.Fatal(err)
		}
		rdb := redis.NewClient(&redis.Options{Addr: g.addr, Username: user, MaxRetries: -1})
		if err := rdb.Ping(t.Context()).Err(); err == nil {
			t.Errorf("%s gets in without a password", user)
		}
		_ = rdb.Close()
	}
}

func TestTheGoClientMayEnqueueAsPHP(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	client := enqueue.New(g.as("php"))
	for range 2 { // the second time Redis has the scripts
		receipts, err := client.Enqueue(t.Context(), enqueue.Request{AppID: "app1", Domain: "shop.example.com"},
			enqueue.Request{AppID: "app2", Domain: "blog.example.com", Remove: true})
		if err != nil || receipts[0].TaskID == "" || receipts[1].TaskID == "" {
			t.Fatalf("%+v, %v", receipts, err)
		}
	}
	if denied := g.denied("php"); len(denied) > 0 {
		t.Errorf("denied: %q", denied)
	}
}

func TestThePHPLibraryMayEnqueueAndAskForAStateAsPHP(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	// Recorded as by a worker, so that there is a state to read.
	change := listsync.Pending{Change: tasks.Change{AppID: "app1", Domain: "known.example.com", Seq: 1}}
	if _, err := ledger.New(g.as("worker")).Record(t.Context(), change, listsync.HistoryEntry{}); err != nil {
		t.Fatal(err)
	}
	var receipts []struct {
		TaskID string `json:"taskId"`
	}
	// One by one: the first call loads the scripts, the second finds them.
	php(t, []map[string]any{{"domain": "shop.example.com", "site_id": 3}, {"domain": "blog.example.com", "remove": true}, {"domain": "shop2.example.com"}},
		&receipts, "enqueue.php", g.url("php"), "app1", "each")
	if len(receipts) != 3 || receipts[2].TaskID == "" {
		t.Errorf("receipts: %+v", receipts)
	}
	var states []map[string]any
	php(t, []string{"known.example.com", "shop.example.com"}, &states, "status.php", g.url("php"), "app1")
	if len(states) != 2 || states[0]["state"] != string(tasks.Pending) || states[1] != nil {
		t.Errorf("states: %v", states)
	}
	if n := g.admin.LLen(t.Context(), "asynq:{domains}:pending").Val(); n != 3 {
		t.Errorf("%d tasks wait, want 3", n)
	}
	// What the plugin's checks read besides; see Checks.php.
	rdb := g.as("php")
	if err := rdb.Do(t.Context(), "ZRANGEBYSCORE", "asynq:servers", "0", "+inf").Err(); err != nil {
		t.Error(err)
	}
	if err := rdb.Do(t.Context(), "TIME").Err(); err != nil {
		t.Error(err)
	}
	// The handover after a loss of the ledger; see Client.php.
	if _, err := ledger.New(g.as("worker")).Identify(t.Context(), ledger.Identity{}); err != nil {
		t.Fatal(err)
	}
	if id, err := rdb.HGet(t.Context(), "pilotsync:ledger", "id").Result(); err != nil || id == "" {
		t.Errorf("the ledger is %q, %v", id, err)
	}
	if err := rdb.Set(t.Context(), "pilotsync:{app1}:handover", "id", 0).Err(); err != nil {
		t.Error(err)
	}
	if denied := g.denied("php"); len(denied) > 0 {
		t.Errorf("denied: %q", denied)
	}
}

func TestClientsMayHaveDomainsCheckedAsPHP(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	server := asynq.NewServerFromRedisClient(g.as("worker"), asynq.Config{Queues: map[string]int{tasks.QueueChecks: 1}, LogLevel: asynq.FatalLevel, TaskCheckInterval: 10 * time.Millisecond})
	if err := server.Start(asynq.HandlerFunc(func(_ context.Context, task *asynq.Task) error {
		c, err := tasks.Decode[tasks.Check](task.Payload())
		if err != nil {
			return err
		}
		missing := tasks.Cause{Code: tasks.CauseDNSMissing, Params: tasks.Params{Name: c.Domain, Expected: []string{"198.51.100.4"}}}
		result, err := json.Marshal(tasks.CheckResult{Domain: c.Domain, Names: tasks.Names(c.Domain, c.WWW), Cause: missing, Problems: []tasks.Cause{missing},
			Records: []tasks.DNSRecord{{Type: "A", Name: c.Domain, Value: "198.51.100.4"}}})
		if err != nil {
			return err
		}
		_, err = task.ResultWriter().Write(result)
		return err
	})); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Shutdown)

	for range 2 { // the second time Redis has the script, and the checks are perhaps the same tasks
		results, err := enqueue.New(g.as("php")).Check(t.Context(), "anna", enqueue.Target{AppID: "app1", Domain: "shop.example.com"})
		if err != nil || results[0].Code != tasks.CauseDNSMissing {
			t.Fatalf("%+v, %v", results, err)
		}
	}
	var results []map[string]any
	php(t, []string{"shop.example.com", "München.de"}, &results, "check.php", g.url("php"), "app1", "20")
	if len(results) != 2 {
		t.Fatalf("results: %v", results)
	}
	r := results[1]
	problems, _ := r["problems"].([]any)
	records, _ := r["records"].([]any)
	if r["domain"] != "xn--mnchen-3ya.de" || r["ok"] != false || r["cause"] != "DNSMissing" || len(problems) != 1 || len(records) != 1 ||
		r["reason"] != "xn--mnchen-3ya.de has no A or AAAA record in DNS; this app is on 198.51.100.4" || r["remedy"] == "" {
		t.Errorf("the result is %v", r)
	}
	if denied := g.denied("php"); len(denied) > 0 {
		t.Errorf("denied: %q", denied)
	}
}

// php runs a script of the PHP library's tests with in as its input, and decodes its output into
// out.
func php(t *testing.T, in, out any, script string, args ...string) {
	t.Helper()
	binary, err := exec.LookPath("php")
	if err != nil {
		t.Skip("needs php on PATH (Debian: php-cli, php-redis, php-intl): ", err)
	}
	modules, err := exec.Command(binary, "-m").Output()
	if err != nil || !bytes.Contains(modules, []byte("\nredis\n")) || !bytes.Contains(modules, []byte("\nintl\n")) {
		t.Skip("needs PHP's extensions redis and intl (Debian: php-redis, php-intl): ", err)
	}
	stdin, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary, append([]string{filepath.Join("../../enqueue/php/tests/scripts", script)}, args...)...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(stdin), &stderr
	stdout, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", script, err, stdout, stderr.String())
	}
	if err := json.Unmarshal(stdout, out); err != nil {
		t.Fatalf("%s printed: %v\n%.2000s", script, err, stdout)
	}
}

func TestWhatPHPMayNotDo(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	task := "asynq:{domains}:t:change:app1:shop.example.com:1"
	all(t, g.admin, []string{
		"HSET " + task + " msg m", "LPUSH asynq:{domains}:pending change:app1:shop.example.com:1", "HSET asynq:{ssl}:t:x msg m",
		"SET pilotsync:{app1}:seq 5", "HSET pilotsync:{app1}:domains shop.example.com {}", "HSET pilotsync:{app1}:sync token t",
		"SADD pilotsync:{app1}:ours shop.example.com", "LPUSH pilotsync:{app1}:log:shop.example.com {}", "SADD pilotsync:apps app1", "SET other 1",
	})
	rdb := g.as("php")
	for _, c := range []string{
		"FLUSHALL", "FLUSHDB", "KEYS *", "SCAN 0", "RANDOMKEY", "DBSIZE", "CONFIG GET *", "CONFIG SET dir /tmp", "INFO", "ACL LIST", "ACL SETUSER x on",
		"CLIENT LIST", "CLIENT KILL TYPE normal", "CLIENT TRACKING ON BCAST", "CLIENT PAUSE 1", "MONITOR", "SAVE", "BGSAVE", "SHUTDOWN", "SCRIPT FLUSH", "SCRIPT LOAD return", "FUNCTION FLUSH",
		"REPLICAOF 127.0.0.1 1", "SWAPDB 0 1", "MIGRATE 127.0.0.1 1 other 0 5", "SUBSCRIBE asynq:cancel", "PUBLISH asynq:cancel x",
		"SUBSCRIBE pilotsync:queued", "PUBLISH pilotsync:other x",
		// Existing tasks: neither their contents nor their ids.
		"HGET " + task + " msg", "HGETALL " + task, "DEL " + task, "LRANGE asynq:{domains}:pending 0 -1", "DEL asynq:{domains}:pending", "RPOP asynq:{domains}:pending",
		"LRANGE asynq:{checks}:pending 0 -1", "DEL asynq:{checks}:pending", "DEL asynq:{checks}:t:check:x", "HGET asynq:{checks}:t:other msg", "LPUSH asynq:{checks}:active x",
		"SMEMBERS asynq:queues", "DEL asynq:queues", "HSET asynq:{domains}:t:other msg m", "HSET asynq:{ssl}:t:x msg m", "HGET asynq:{ssl}:t:x msg", "LPUSH asynq:{lists}:pending x",
		// The ledger: only the state of a domain whose name is known.
		"HGETALL pilotsync:{app1}:domains", "HKEYS pilotsync:{app1}:domains", "HSET pilotsync:{app1}:domains shop.example.com {}", "HSET pilotsync:{app1}:pending x {}",
		"HSET pilotsync:{app1}:sync token mine", "DEL pilotsync:{app1}:sync", "SADD pilotsync:{app1}:ours x", "HGET pilotsync:{app1}:shown listed",
		"LRANGE pilotsync:{app1}:log:shop.example.com 0 -1", "LPUSH pilotsync:{app1}:outbox x", "SADD pilotsync:apps x", "DEL pilotsync:{app1}:seq",
		// One right for each command and key: none of these is a way to overwrite another kind of key.
		"SET asynq:queues x", "SET asynq:{domains}:pending x", "SET asynq:{checks}:pending x", "SET " + task + " x", "SET pilotsync:{app1}:domains x", "SET pilotsync:{app1}:newest 1",
		"SADD asynq:{domains}:pending x", "LPUSH asynq:queues x", "HSET asynq:queues f v", "HSET asynq:{domains}:pending f v", "LPUSH pilotsync:{app1}:seq x", "SADD pilotsync:{app1}:seq x",
		"HSET pilotsync:{app1}:seq f v", "SET pilotsync:ledger x", "GET asynq:{domains}:pending", "GET pilotsync:{app1}:handover", "RPOP asynq:{checks}:pending", "LPOP asynq:{domains}:pending",
		"RENAME asynq:{domains}:pending x", "COPY asynq:queues x", "EXPIRE asynq:{domains}:pending 1", "PERSIST asynq:queues", "INCR pilotsync:{app1}:seq", "APPEND pilotsync:{app1}:seq 9",
		"SETRANGE pilotsync:{app1}:seq 500000000 x", "HDEL " + task + " msg", "HGET " + task + " state", "HEXISTS pilotsync:{app1}:domains x", "GETDEL pilotsync:{app1}:seq",
		"HSET pilotsync:ledger id mine", "DEL pilotsync:ledger", "GET pilotsync:{app1}:handover",
		"GET other", "SET other 2", "SET rate:app1 9", "HSET pilotsync:webhooks:off x y",
	} {
		requireDenied(t, rdb, strings.Fields(c)...)
	}
	// It has no Lua of its own, whether Redis knows the script or not.
	known := redis.NewScript("return redis.call('GET', 'pilotsync:{app1}:seq')")
	if err := known.Load(t.Context(), g.as("worker")).Err(); err != nil {
		t.Fatal(err)
	}
	library := "#!lua name=mine\nredis.register_function('mine', function() while true do end end)"
	for _, c := range [][]string{{"EVAL", "return 1", "0"}, {"EVAL", "return 1", "1", "pilotsync:{app1}:seq"}, {"EVAL_RO", "return 1", "0"}, {"EVALSHA", known.Hash(), "0"},
		{"EVALSHA_RO", known.Hash(), "0"}, {"SCRIPT", "LOAD", "return 1"}, {"FUNCTION", "LOAD", library}, {"FUNCTION", "LIST"}, {"FUNCTION", "DELETE", "mine"}, {"FUNCTION", "RESTORE", "x"},
		{"FUNCTION", "KILL"}, {"SCRIPT", "KILL"}} {
		requireDenied(t, rdb, c...)
	}
	// A function has only its caller's rights.
	for _, keys := range []string{"pilotsync:{app1}:domains", "pilotsync:{app1}:newest", "pilotsync:{app1}:outbox", "asynq:queues", "other"} {
		requireDenied(t, rdb, "FCALL", functions.Seq().Function(), "1", keys, "1")
	}
	requireDenied(t, rdb, "FCALL", functions.Task().Function(), "2", "asynq:{ssl}:t:x", "asynq:{ssl}:pending", "m", "x", "1")
	requireDenied(t, rdb, "FCALL", functions.Changes().Function(), "1", "asynq:{domains}:pending", "ssl", "c", "1", "1", "1", "verify:app1:", "a", "b", "c", "d")
	if got := g.admin.HGet(t.Context(), "pilotsync:{app1}:sync", "token").Val(); got != "t" {
		t.Errorf("the token is %q now", got)
	}
}

// all has the administrator create what the denied commands would access.
func all(t *testing.T, rdb *redis.Client, commands []string) {
	t.Helper()
	for _, c := range commands {
		if err := rdb.Do(t.Context(), words(strings.Fields(c))...).Err(); err != nil {
			t.Fatalf("%s: %v", c, err)
		}
	}
}

// requireDenied reports a command that Redis allows a user.
func requireDenied(t *testing.T, rdb *redis.Client, command ...string) {
	t.Helper()
	err := rdb.Do(t.Context(), words(command)...).Err()
	if err == nil || !strings.Contains(err.Error(), "NOPERM") && !deniedInScript(err.Error()) {
		t.Errorf("%q isn't denied: %v", strings.Join(command, " "), err)
	}
}

// deniedInScript reports whether a text is that of Redis 7.0, or of a later one, about a script.
func deniedInScript(text string) bool {
	return strings.Contains(text, "The user executing the script can't") || strings.Contains(text, "ACL failure in script")
}

func words(s []string) []any {
	out := make([]any, len(s))
	for i := range s {
		out[i] = s[i]
	}
	return out
}
