package functions_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"pilotsync/enqueue/functions"
	"pilotsync/test/redistest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// It belongs to go-redis, and ends within a second after its client is closed.
		goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

func TestTheScriptOfATaskIsAsynqs(t *testing.T) {
	t.Parallel()
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/hibiken/asynq/internal/rdb").Output()
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "rdb.go"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(source), "var enqueueCmd = redis.NewScript(`")
	script, _, closed := strings.Cut(after, "`)")
	if !found || !closed {
		t.Fatal("asynq has no enqueueCmd any more")
	}
	if diff := cmp.Diff(redis.NewScript(script).Hash(), functions.Task().Hash()); diff != "" {
		t.Errorf("the script's hash (-asynq's +ours):\n%s", diff)
	}
}

// user makes a user of Redis with some rights, and returns a client of it.
func user(t *testing.T, addr, rights string) *redis.Client {
	t.Helper()
	admin := redis.NewClient(&redis.Options{Addr: addr})
	defer admin.Close()
	args := []any{"ACL", "SETUSER", "limited", "reset", "on", ">secret", "~*", "&*", "-@all", "+@connection", "+get", "+set", "+time", "+exists", "+hset", "+lpush"}
	for _, right := range strings.Fields(rights) {
		args = append(args, right)
	}
	if err := admin.Do(t.Context(), args...).Err(); err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewClient(&redis.Options{Addr: addr, Username: "limited", Password: "secret"})
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

func TestAScriptRunsWithWhateverRightTheUserHas(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rights string
		loaded bool
		want   string // of the error; empty for none
	}{
		"functions that are loaded":                {rights: "+fcall", loaded: true},
		"functions that are missing":               {rights: "+fcall", want: "start a worker of this release"},
		"an ACL file of an earlier release":        {rights: "+evalsha +eval"},
		"the same, while workers have loaded them": {rights: "+evalsha +eval", loaded: true},
		"both rights, no functions":                {rights: "+fcall +evalsha +eval"},
		"neither right":                            {loaded: true, want: "'fcall'"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.New(t)
			rdb := user(t, server.Addr, c.rights)
			if c.loaded {
				load(t, server.Addr, 3)
			}
			runner := functions.NewRunner(rdb)
			for range 2 {
				err := runner.Run(t.Context(), functions.Seq(), []string{"pilotsync:{app1}:seq"}, 1).Err()
				if (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
					t.Errorf("the error is %v; want %q", err, c.want)
				}
			}
		})
	}
}

// An operator replaces users.acl while clients are connected.
func TestAClientGoesOnWithFunctionsWhenItLosesScripts(t *testing.T) {
	t.Parallel()
	server := redistest.New(t)
	rdb := user(t, server.Addr, "+evalsha +eval")
	runner := functions.NewRunner(rdb)
	run := func() {
		t.Helper()
		if err := runner.Run(t.Context(), functions.Seq(), []string{"pilotsync:{app1}:seq"}, 1).Err(); err != nil {
			t.Error(err)
		}
	}
	run()
	load(t, server.Addr, 3)
	run()
	user(t, server.Addr, "+fcall")
	if err := rdb.Conn().AuthACL(t.Context(), "limited", "secret").Err(); err != nil {
		t.Fatal(err)
	}
	run()
	run()
}

func load(t *testing.T, addr string, want int) {
	t.Helper()
	admin := redis.NewClient(&redis.Options{Addr: addr})
	defer admin.Close()
	if n, err := functions.Load(t.Context(), admin); n != want || err != nil {
		t.Fatalf("%d functions were loaded, %v; want %d", n, err, want)
	}
}

func TestFunctionsAreLoadedOnceAndOthersStay(t *testing.T) {
	t.Parallel()
	server := redistest.New(t, "--appendonly", "yes")
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr})
	t.Cleanup(func() { _ = rdb.Close() })
	const other = "#!lua name=pilotsync_other\nredis.register_function('pilotsync_other', function() return 7 end)"
	if err := rdb.FunctionLoad(t.Context(), other).Err(); err != nil {
		t.Fatal(err)
	}
	check := func(want int) {
		t.Helper()
		if n, err := functions.Missing(t.Context(), rdb); n != want || err != nil {
			t.Errorf("%d are missing, %v; want %d", n, err, want)
		}
	}
	check(3)
	load(t, server.Addr, 3)
	load(t, server.Addr, 0)
	check(0)
	server.Kill()
	server.Start()
	check(0)
	if n, err := rdb.FCall(t.Context(), "pilotsync_other", nil).Int(); n != 7 || err != nil {
		t.Errorf("the other function answers %d, %v", n, err)
	}
}

func TestEachMasterOfAClusterGetsTheFunctions(t *testing.T) {
	t.Parallel()
	cluster := redistest.NewCluster(t, 3, redistest.Security{})
	rdb := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{cluster.Nodes[0].Addr}})
	t.Cleanup(func() { _ = rdb.Close() })
	if n, err := functions.Load(t.Context(), rdb); n != 9 || err != nil {
		t.Fatalf("%d were loaded, %v", n, err)
	}
	runner := functions.NewRunner(rdb)
	for _, app := range []string{"a", "b", "c", "d", "e", "f"} {
		if err := runner.Run(t.Context(), functions.Seq(), []string{"pilotsync:{" + app + "}:seq"}, 1).Err(); err != nil {
			t.Error(err)
		}
	}
}

func TestARedisWithoutFunctionsTakesScripts(t *testing.T) {
	t.Parallel()
	rdb := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	t.Cleanup(func() { _ = rdb.Close() })
	if _, err := functions.Load(t.Context(), rdb); !functions.Unavailable(err) {
		t.Errorf("load: %v", err)
	}
	runner := functions.NewRunner(rdb)
	for range 2 {
		if err := runner.Run(t.Context(), functions.Seq(), []string{"pilotsync:{app1}:seq"}, 1).Err(); err != nil {
			t.Error(err)
		}
	}
}
