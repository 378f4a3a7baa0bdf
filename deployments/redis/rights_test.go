package redis_test

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
)

// keyKinds returns a key of each kind that pilotsync and asynq use, and of another program.
func keyKinds(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../worker/ledger/doc.go")
	if err != nil {
		t.Fatal(err)
	}
	kinds := []string{
		"asynq:queues", "asynq:servers", "asynq:workers", "asynq:{domains}:pending", "asynq:{domains}:active", "asynq:{domains}:archived", "asynq:{domains}:paused",
		"asynq:{domains}:t:change:app1:a.example.com:1", "asynq:{domains}:t:other", "asynq:{checks}:pending", "asynq:{checks}:t:check:app1:a.example.com::1",
		"asynq:{ssl}:pending", "asynq:{ssl}:t:verify:app1:a.example.com:1:1", "asynq:{lists}:pending", "asynq:{events}:pending", "asynq:{events}:t:event:app1:1",
		"pilotsync:webhooks:off", "pilotsync:strays", "pilotsync:quarantine:{all}:order", "pilotsync:quarantine:{all}:kept", "pilotsync:rate:{account}", "rate:account", "other",
	}
	names := strings.NewReplacer("{APP}", "{app1}", "NAME", "a.example.com", "ID", "1")
	for _, found := range regexp.MustCompile(`(?m)^//\t(pilotsync:\S+)`).FindAllStringSubmatch(string(text), -1) {
		kinds = append(kinds, names.Replace(found[1]))
	}
	if len(kinds) < 60 {
		t.Fatalf("there are only %d kinds of keys", len(kinds))
	}
	return kinds
}

// command is a command of Redis with its least number of arguments.
type command struct {
	name      []string // with that of a subcommand
	arguments int
	write     bool
	keys      bool
}

// allCommands returns all commands that a server has.
func allCommands(t *testing.T, admin *redis.Client) (all []command) {
	t.Helper()
	var add func(infos []any, container string)
	add = func(infos []any, container string) {
		for _, raw := range infos {
			info := raw.([]any)
			name, _ := info[0].(string)
			words := strings.Split(name, "|")
			flags := fmt.Sprint(info[2])
			if len(info) > 9 && len(info[9].([]any)) > 0 {
				add(info[9].([]any), name)
				continue
			}
			arity := info[1].(int64)
			first := info[3].(int64)
			all = append(all, command{name: words, arguments: int(max(arity, -arity)) - len(words), write: strings.Contains(flags, "write"), keys: first > 0 || strings.Contains(flags, "movablekeys")})
		}
	}
	infos, err := admin.Do(t.Context(), "COMMAND", "INFO").Slice()
	if err != nil || len(infos) < 200 {
		t.Fatalf("%d commands, %v", len(infos), err)
	}
	add(infos, "")
	return all
}

// on returns a command on a key, in a form that Redis parses.
func (c command) on(key string) []any {
	var args []any
	for _, word := range c.name {
		args = append(args, word)
	}
	switch c.name[0] {
	case "eval", "evalsha", "eval_ro", "evalsha_ro", "fcall", "fcall_ro":
		return append(args, "x", "1", key)
	case "xread", "xreadgroup":
		if c.name[0] == "xreadgroup" {
			args = append(args, "GROUP", "g", "c")
		}
		return append(args, "STREAMS", key, "0")
	case "bitop", "object", "xgroup", "xinfo", "memory", "debug":
		return append(args, slices.Repeat([]any{key}, max(c.arguments, 1))...)
	case "zunionstore", "zinterstore", "zdiffstore":
		return append(args, key, "1", key)
	case "zunion", "zinter", "zdiff", "zintercard", "sintercard", "lmpop", "zmpop":
		return append(args, "1", key, "LEFT")
	case "blmpop", "bzmpop":
		return append(args, "0", "1", key, "LEFT")
	case "migrate":
		return append(args, "h", "1", key, "0", "1")
	}
	if c.name[0] == "publish" {
		return append(args, "pilotsync:queued", "x")
	}
	return append(args, slices.Repeat([]any{key}, c.arguments)...)
}

// mayDo returns what a user may do with each key, by the commands' names, and which commands
// without a key it may use.
func mayDo(t *testing.T, g *guarded, user string) (onKeys map[string][]string, others []string) {
	t.Helper()
	onKeys = map[string][]string{}
	kinds := keyKinds(t)
	for _, c := range allCommands(t, g.admin) {
		name := strings.Join(c.name, "|")
		keys := kinds
		if !c.keys {
			keys = kinds[:1]
		}
		replies := make([]*redis.Cmd, len(keys))
		_, _ = g.admin.Pipelined(t.Context(), func(p redis.Pipeliner) error {
			for i, key := range keys {
				replies[i] = p.Do(t.Context(), append([]any{"ACL", "DRYRUN", user}, c.on(key)...)...)
			}
			return nil
		})
		for i, reply := range replies {
			if reply.Val() != "OK" {
				continue
			}
			if c.keys {
				onKeys[keys[i]] = append(onKeys[keys[i]], name)
			} else {
				others = append(others, name)
			}
		}
	}
	for _, names := range onKeys {
		slices.Sort(names)
	}
	slices.Sort(others)
	return onKeys, others
}

// Of all commands on all kinds of keys php may use these only.
func TestPHPMayDoExactlyWhatEnqueuingTakes(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	onKeys, others := mayDo(t, g, "php")
	want := map[string][]string{
		"pilotsync:{app1}:seq":                          {"fcall", "get", "set"},
		"pilotsync:{app1}:newest":                       {"get"},
		"asynq:queues":                                  {"sadd"},
		"asynq:{domains}:pending":                       {"fcall", "lpush"},
		"asynq:{domains}:t:change:app1:a.example.com:1": {"exists", "hset"},
		"asynq:{checks}:pending":                        {"fcall", "lpush"},
		"asynq:{checks}:t:check:app1:a.example.com::1":  {"exists", "fcall", "hget", "hset"},
		"pilotsync:{agenda}:domains":                    {"hget", "hmget"}, // it isn't a hash
		"pilotsync:{app1}:domains":                      {"hget", "hmget"},
		"pilotsync:{app1}:pending":                      {"hget", "hmget"},
		"pilotsync:{app1}:sync":                         {"hget", "hmget"},
		"pilotsync:{app1}:superseded":                   {"hget", "hmget"},
		"pilotsync:{app1}:handover":                     {"set"},
		"pilotsync:ledger":                              {"hget"},
		"asynq:servers":                                 {"zrangebyscore"},
	}
	if diff := cmp.Diff(want, onKeys); diff != "" {
		t.Errorf("what php may do with keys (-want +got):\n%s", diff)
	}
	// Most are of the connection. A later Redis may have more of these, but none that others feel.
	needed := map[string]bool{"asking": true, "auth": true, "cluster|slots": true, "exec": true, "hello": true, "multi": true, "ping": true, "publish": true, "select": true, "time": true}
	harmless := regexp.MustCompile(`^(client|command)(\||$)|^(echo|quit|readonly|readwrite|reset)$`)
	harmful := regexp.MustCompile(`^client\|(kill|list|pause|unpause|tracking|no-evict|unblock)$`)
	for _, name := range others {
		if !needed[name] && !harmless.MatchString(name) || harmful.MatchString(name) {
			t.Errorf("php may use %s", name)
		}
		delete(needed, name)
	}
	if len(needed) > 0 {
		t.Errorf("php may not use %v", slices.Sorted(maps.Keys(needed)))
	}
}

// The dashboard reads everything, and writes the queues and what its actions need.
func TestThePageMayWriteNothingThatTheLedgerHoldsOfDomains(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	onKeys, _ := mayDo(t, g, "page")
	writes := map[string]bool{}
	for _, c := range allCommands(t, g.admin) {
		if c.write {
			writes[strings.Join(c.name, "|")] = true
		}
	}
	var writable, unreadable []string
	for _, key := range keyKinds(t) {
		if slices.ContainsFunc(onKeys[key], func(name string) bool { return writes[name] || name == "eval" }) {
			writable = append(writable, key)
		}
		if !slices.Contains(onKeys[key], "get") || !slices.Contains(onKeys[key], "hgetall") {
			unreadable = append(unreadable, key)
		}
	}
	want := []string{"pilotsync:quarantine:{all}:order", "pilotsync:quarantine:{all}:kept", "rate:account",
		"pilotsync:{app1}:seq", "pilotsync:{app1}:sync", "pilotsync:{app1}:shown", "pilotsync:{app1}:snoozed", "pilotsync:apps"}
	// The queues, and which apps are to be visited and searched.
	others := func(key string) bool {
		return strings.HasPrefix(key, "asynq:") || strings.HasPrefix(key, "pilotsync:{agenda}:")
	}
	if diff := cmp.Diff(want, slices.DeleteFunc(writable, others)); diff != "" {
		t.Errorf("what page may write besides the queues and the agenda (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"other"}, unreadable); diff != "" {
		t.Errorf("what page may not read (-want +got):\n%s", diff)
	}
}

// Each row of "who can do what" in docs/security.md, with commands that stand for it. That php,
// worker and page may do their work is tested with their programs.
func TestEachUserMayDoWhatTheSecurityDocumentSays(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	all(t, g.admin, []string{"SET other 1", "HSET pilotsync:{app1}:domains a.example.com {}", "RPUSH asynq:{domains}:pending x", "SET pilotsync:{app1}:seq 5", "HSET pilotsync:ledger id 1"})
	rows := map[string]struct{ may, mayNot []string }{
		"php": {
			may: []string{"HGET pilotsync:{app1}:domains a.example.com", "HGET pilotsync:{app1}:pending a.example.com", "HGET pilotsync:{app1}:sync trouble", "HGET pilotsync:ledger id",
				"SET pilotsync:{app1}:handover 1", "ZRANGEBYSCORE asynq:servers 0 +inf", "PUBLISH pilotsync:queued domains", "TIME", "SADD asynq:queues domains"},
			mayNot: []string{"EVAL return 0", "LRANGE asynq:{domains}:pending 0 -1", "HKEYS pilotsync:{app1}:domains", "HSET pilotsync:{app1}:domains x {}", "GET other", "INFO", "FLUSHALL"},
		},
		"worker": {
			may: []string{"HSET pilotsync:{app1}:domains b.example.com {}", "LRANGE asynq:{domains}:pending 0 -1", "GET rate:x", "EVAL 'x' 0", "FUNCTION LIST", "INFO", "ACL DRYRUN php GET x",
				"PUBLISH asynq:cancel x", "PUBLISH pilotsync:queued x"},
			mayNot: []string{"GET other", "SET other 1", "FLUSHALL", "FLUSHDB", "KEYS *", "CONFIG GET *", "CONFIG SET dir /tmp", "ACL LIST", "SHUTDOWN", "MONITOR", "SCRIPT FLUSH", "FUNCTION FLUSH",
				"FUNCTION DELETE x", "REPLICAOF 127.0.0.1 1", "PUBLISH other x"},
		},
		"page": {
			may: []string{"HGETALL pilotsync:{app1}:domains", "LRANGE pilotsync:{app1}:outbox 0 -1", "LRANGE asynq:{domains}:pending 0 -1", "HSET pilotsync:{app1}:sync paused ada",
				"SADD pilotsync:apps app1", "DEL pilotsync:quarantine:messages", "SADD asynq:queues domains", "INFO"},
			mayNot: []string{"HSET pilotsync:{app1}:domains x {}", "HSET pilotsync:{app1}:pending x {}", "RPUSH pilotsync:{app1}:outbox x", "SET pilotsync:{app1}:told 1", "SET pilotsync:{app1}:newest 1",
				"DEL pilotsync:{app1}:log:a.example.com", "HSET pilotsync:ledger id x", "HSET pilotsync:workers x y", "PFMERGE pilotsync:{app1}:outbox", "PFMERGE pilotsync:new", "GET other",
				"FLUSHALL", "KEYS *", "SCAN 0", "CONFIG GET *", "FUNCTION LOAD x", "ACL LIST"},
		},
		"replica":  {may: []string{"PING", "REPLCONF capa eof"}, mayNot: []string{"GET x", "SET x 1", "KEYS *", "CONFIG GET *", "INFO", "EVAL return 0", "FLUSHALL", "PUBLISH x y", "SHUTDOWN"}},
		"sentinel": {may: []string{"PING", "INFO", "ROLE", "CLIENT SETNAME x", "PUBLISH __sentinel__:hello x"}, mayNot: []string{"GET x", "SET x 1", "KEYS *", "CONFIG GET *", "CONFIG SET dir /tmp", "FLUSHALL", "ACL LIST", "SHUTDOWN", "MONITOR"}},
		"admin":    {may: []string{"GET other", "CONFIG GET *", "ACL LIST", "KEYS *", "INFO", "HGETALL pilotsync:{app1}:domains"}},
	}
	for user, row := range rows {
		rdb := g.as(user)
		for _, c := range row.may {
			if err := rdb.Do(t.Context(), words(strings.Fields(c))...).Err(); err != nil && (strings.Contains(err.Error(), "NOPERM") || strings.Contains(err.Error(), "WRONGPASS")) {
				t.Errorf("%s may not %s: %v", user, c, err)
			}
		}
		for _, c := range row.mayNot {
			requireDenied(t, rdb, strings.Fields(c)...)
		}
	}
	// default can't log in, but replays the append-only file, which takes all rights.
	for _, c := range []string{"SET other 1", "EVAL x 0", "HSET pilotsync:{app1}:domains x y", "FUNCTION LOAD x"} {
		if answer, err := g.admin.Do(t.Context(), append([]any{"ACL", "DRYRUN", "default"}, words(strings.Fields(c))...)...).Text(); answer != "OK" || err != nil {
			t.Errorf("default may not %s: %q, %v", c, answer, err)
		}
	}
	requireRowsOfTheDocument(t, append(slices.Collect(maps.Keys(rows)), "default"))
}

// requireRowsOfTheDocument fails unless the document and the ACL file have exactly these users.
func requireRowsOfTheDocument(t *testing.T, tested []string) {
	t.Helper()
	slices.Sort(tested)
	for file, pattern := range map[string]string{"../../docs/security.md": "(?m)^\\| `([a-z]+)` \\|", "users.acl": `(?m)^user ([a-z]+) `, "README.md": "(?m)^\\| `([a-z]+)` \\|"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var users []string
		for _, found := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1) {
			users = append(users, found[1])
		}
		slices.Sort(users)
		if diff := cmp.Diff(tested, users); diff != "" {
			t.Errorf("the users of %s (-tested +there):\n%s", file, diff)
		}
	}
}
