package redis_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"pilotsync/test/harness"
	"pilotsync/test/redistest"
)

// defaultUser is the first line of both ACL files. Redis replays its append-only file as this user,
// so the user needs every right, although it has no login.
const defaultUser = "user default off resetpass allkeys allchannels +@all\n"

// formerDefaultUser is that line as 0.1.0 shipped it.
const formerDefaultUser = "user default off resetpass resetkeys resetchannels -@all\n"

func TestBothFilesGiveTheDefaultUserEveryRightAndNoLogin(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"users.acl", "sentinel-users.acl"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(text), defaultUser) || strings.Count(string(text), "user default ") != 1 {
			t.Errorf("%s begins with %q, want %q", file, text[:min(len(text), 60)], defaultUser)
		}
	}
}

// written are the keys that writeAll sets.
var written = []string{"pilotsync:multi1", "pilotsync:multi2", "pilotsync:script1", "pilotsync:script2", "pilotsync:single"}

// writeAll writes in all ways that Redis's file records differently: a command, a transaction, and
// a script with two writes.
func writeAll(t *testing.T, rdb *redis.Client) {
	t.Helper()
	if err := rdb.Set(t.Context(), "pilotsync:single", 1, 0).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := rdb.TxPipelined(t.Context(), func(p redis.Pipeliner) error {
		p.Set(t.Context(), "pilotsync:multi1", 1, 0)
		p.Set(t.Context(), "pilotsync:multi2", 1, 0)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := rdb.Eval(t.Context(), "redis.call('SET', KEYS[1], 1) redis.call('SET', KEYS[2], 1) return 1",
		[]string{"pilotsync:script1", "pilotsync:script2"}).Err(); err != nil {
		t.Fatal(err)
	}
}

// inFile waits until Redis has written everything to the file. Redis delays writes while an fsync
// runs, for two seconds at most.
func inFile(t *testing.T, server *redistest.Server) {
	t.Helper()
	rdb := adminOf(t, server)
	harness.AwaitTrue(t, "all writes are in the file", func() bool {
		info, err := rdb.Info(t.Context(), "persistence").Result()
		return err == nil && strings.Contains(info, "aof_buffer_length:0\r\n")
	})
}

// requireKeys fails the test if Redis has other keys than want.
func requireKeys(t *testing.T, server *redistest.Server, when string, want []string) {
	t.Helper()
	got, err := adminOf(t, server).Keys(t.Context(), "*").Result()
	if slices.Sort(got); err != nil || !slices.Equal(got, want) {
		t.Errorf("%s Redis has the keys %q, want %q (%v)", when, got, want, err)
	}
}

func adminOf(t *testing.T, server *redistest.Server) *redis.Client {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr, Username: "admin", Password: redistest.Password("admin"), MaxRetries: -1})
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

func TestARestartKeepsWhatTransactionsAndScriptsWrote(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*redistest.Server){"shutdown": (*redistest.Server).Stop, "crash": (*redistest.Server).Kill} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Shipped(t)
			rdb := redis.NewClient(&redis.Options{Addr: server.Addr, Username: "worker", Password: redistest.Password("worker")})
			t.Cleanup(func() { _ = rdb.Close() })
			writeAll(t, rdb)
			inFile(t, server)
			end(server)
			server.Start()
			requireKeys(t, server, "after the restart", written)
		})
	}
}

// former is a server that runs with the line of 0.1.0.
func former(t *testing.T) *redistest.Server {
	t.Helper()
	server := redistest.Shipped(t)
	replaceInACL(t, server, defaultUser, formerDefaultUser)
	all(t, adminOf(t, server), []string{"ACL LOAD"})
	return server
}

// replaceInACL edits the ACL file as an administrator does.
func replaceInACL(t *testing.T, server *redistest.Server, before, after string) {
	t.Helper()
	answer, err := adminOf(t, server).ConfigGet(t.Context(), "aclfile").Result()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(answer["aclfile"])
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), before) {
		t.Fatalf("%s has no line %q", answer["aclfile"], before)
	}
	if err := os.WriteFile(answer["aclfile"], []byte(strings.Replace(string(text), before, after, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// rewrite makes Redis rewrite its append-only file and waits for the end.
func rewrite(t *testing.T, server *redistest.Server) {
	t.Helper()
	rdb := adminOf(t, server)
	all(t, rdb, []string{"BGREWRITEAOF"})
	harness.AwaitTrue(t, "the append-only file is rewritten", func() bool {
		info := rdb.Info(t.Context(), "persistence").Val()
		return strings.Contains(info, "aof_rewrite_in_progress:0") && strings.Contains(info, "aof_rewrite_scheduled:0") &&
			strings.Contains(info, "aof_last_bgrewrite_status:ok")
	})
}

// The steps of docs/operations/recovery.md, "A restart brought back only a part".
func TestTheRescueFromTheFormerLine(t *testing.T) {
	t.Parallel()
	const single = "pilotsync:single"
	t.Run("before any restart nothing is lost", func(t *testing.T) {
		t.Parallel()
		server := former(t)
		writeAll(t, adminOf(t, server))
		replaceInACL(t, server, formerDefaultUser, defaultUser)
		all(t, adminOf(t, server), []string{"ACL LOAD"})
		rewrite(t, server)
		server.Stop()
		server.Start()
		requireKeys(t, server, "after the restart", written)
	})
	t.Run("after a restart another one brings all back", func(t *testing.T) {
		t.Parallel()
		server := former(t)
		writeAll(t, adminOf(t, server))
		server.Stop()
		server.Start()
		requireKeys(t, server, "after a restart with the former line", []string{single})
		replaceInACL(t, server, formerDefaultUser, defaultUser)
		server.Stop()
		server.Start()
		requireKeys(t, server, "after a restart with the new line", written)
	})
	t.Run("once the file was rewritten, it is too late", func(t *testing.T) {
		t.Parallel()
		server := former(t)
		writeAll(t, adminOf(t, server))
		server.Stop()
		server.Start()
		rewrite(t, server)
		replaceInACL(t, server, formerDefaultUser, defaultUser)
		server.Stop()
		server.Start()
		requireKeys(t, server, "after a restart with the new line", []string{single})
	})
}
