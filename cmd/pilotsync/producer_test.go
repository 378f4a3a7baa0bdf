package main

import (
	"os"
	"strings"
	"testing"

	"pilotsync/internal/config"
	"pilotsync/internal/terminal"
	"pilotsync/test/redistest"
)

// PHP's Redis user is the one of hosts without a worker. No worker runs here.
func TestAProducersUserMayWaitForItsChange(t *testing.T) {
	t.Parallel()
	env := vars{"REDIS_URL": redistest.Shipped(t).As("php")}
	got := command(t, env, "", "enqueue", "add", "shop.example.com", "--app=app1", "--wait", "--timeout=1s")
	if got.code != exitFailed || !strings.Contains(got.err, "on the queue, until a worker takes it: shop.example.com") || strings.Contains(got.err, "can't be read") {
		t.Errorf("%+v", got)
	}
}

// A user without the right to read the ledger gets an error at once: waiting can't help.
func TestWaitingEndsWhereTheLedgerMayNotBeRead(t *testing.T) {
	t.Parallel()
	server := redistest.Shipped(t)
	users, err := os.ReadFile("../../deployments/redis/users.acl")
	if err != nil {
		t.Fatal(err)
	}
	_, rights, found := strings.Cut(string(users), "\nuser php on ")
	rights, _, _ = strings.Cut(rights, "\n")
	if !found || !strings.Contains(rights, " +hmget") {
		t.Fatal("php has no +hmget")
	}
	rule := []any{"ACL", "SETUSER", "php", "clearselectors"}
	for _, word := range strings.Fields(strings.Replace(rights, " +hmget", "", 1)) {
		rule = append(rule, word)
	}
	if err := server.Client(t, "admin").Do(t.Context(), rule...).Err(); err != nil {
		t.Fatal(err)
	}
	got := command(t, vars{"REDIS_URL": server.As("php")}, "", "enqueue", "add", "shop.example.com", "--app=app1", "--wait")
	if got.code != exitFailed || !strings.Contains(got.err, "this Redis user may not read the ledger") {
		t.Errorf("%+v", got)
	}
}

func TestARedisThatWasOnlyAssumedIsNamed(t *testing.T) {
	t.Parallel()
	env, _ := onRedis(t)
	var s redisFlags
	var notices strings.Builder
	rdb, err := redisFlags{config.RedisSettings{RedisURL: env["REDIS_URL"]}}.connect(t.Context(), &terminal.Streams{Err: &notices})
	if err != nil {
		t.Fatal(err)
	}
	defer rdb.Close()
	s.noteUnused(t.Context(), &terminal.Streams{Err: &notices}, config.Redis{Client: rdb, Shown: "redis://assumed"})
	redisFlags{config.RedisSettings{RedisURL: env["REDIS_URL"]}}.noteUnused(t.Context(), &terminal.Streams{Err: &notices}, config.Redis{Client: rdb, Shown: "redis://given"})
	rdb.SAdd(t.Context(), "pilotsync:apps", "app1")
	s.noteUnused(t.Context(), &terminal.Streams{Err: &notices}, config.Redis{Client: rdb, Shown: "redis://used"})
	if want := "note: REDIS_URL isn't set, and no worker has used the Redis at redis://assumed\n"; notices.String() != want {
		t.Errorf("the notices are %q, want %q", notices.String(), want)
	}
}
