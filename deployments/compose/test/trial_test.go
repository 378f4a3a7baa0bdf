package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
)

// theTrial runs what --env-file try.env starts, with nothing else set and nothing changed.
func theTrial(t *testing.T, image string) {
	project, err := load(t, nil, tryFile)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, image, project)
	redis := w.begin()
	simulator := w.container("simulator", 1)
	simulator.start()
	simulator.awaitHealthy()
	worker := w.container("try-worker", 1)
	if dependency := worker.s.DependsOn["simulator"]; dependency.Condition != types.ServiceConditionHealthy {
		t.Errorf("the worker starts when the simulator is %q, and reads a file of it then", dependency.Condition)
	}
	worker.start()
	worker.awaitHealthy()
	out := worker.must("/pilotsync", "enqueue", "add", "shop.example.com", "--app=app1", "--wait")
	if !strings.Contains(out, "done") {
		t.Errorf("it ends with:\n%s", out)
	}
	worker.stop()
	simulator.stop()
	aBackupIsPutBack(t, w, redis, worker)
}

// aBackupIsPutBack goes README.md's way.
func aBackupIsPutBack(t *testing.T, w *world, redis, worker *container) {
	t.Helper()
	_, _, url := w.shown()
	ask := func(args ...string) string {
		return strings.TrimSpace(redis.must(append([]string{"redis-cli", "-u", url, "--no-auth-warning"}, args...)...))
	}
	last := ask("LASTSAVE")
	await(t, "the second is over, which LASTSAVE counts in", func() bool { return strings.Split(ask("TIME"), "\n")[0] > last })
	ask("BGSAVE")
	await(t, "the snapshot is there", func() bool { return ask("LASTSAVE") != last })
	backup, err := os.ReadFile(filepath.Join(w.volume("redis-data"), "dump.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	if out := ask("FLUSHALL"); out != "OK" {
		t.Fatal(out)
	}
	redis.stop()

	if err := os.WriteFile(filepath.Join(w.volume("redis-data"), "dump.rdb"), backup, 0o644); err != nil {
		t.Fatal(err)
	}
	project, err := load(t, map[string]string{"APPEND_ONLY": "no"}, tryFile)
	if err != nil {
		t.Fatal(err)
	}
	usual := redis.s
	redis.s = project.Services["redis"]
	redis.start()
	redis.awaitHealthy()
	ask("CONFIG", "SET", "appendonly", "yes")
	await(t, "the append-only file is written", func() bool {
		info := ask("INFO", "persistence")
		return strings.Contains(info, "aof_enabled:1") && strings.Contains(info, "aof_rewrite_in_progress:0") && strings.Contains(info, "aof_last_bgrewrite_status:ok")
	})
	redis.stop()
	redis.s = usual
	redis.start()
	redis.awaitHealthy()
	if out := worker.must("/pilotsync", "status", "shop.example.com", "--json"); !strings.Contains(out, `"state": "done"`) {
		t.Errorf("after the backup was put back:\n%s", out)
	}
	redis.stop()
}
