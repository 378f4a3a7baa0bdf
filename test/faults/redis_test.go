//go:build faults

package faults

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pilotsync/internal/simulator"
	"pilotsync/test/harness"
)

// apps are n apps with names set by hand.
func apps(n int) (all []simulator.App) {
	for i := range n {
		all = append(all, appWithDomains(fmt.Sprintf("app%d", i+1)))
	}
	return all
}

// With appendfsync always, Redis answers when a change is on the disk.
func TestACrashOfRedisLosesNothingWithAppendfsyncAlways(t *testing.T) {
	t.Parallel()
	killRedis(t, "always")
}

// With everysec, the operating system has a change before Redis answers: it survives a crash of
// Redis, but not a power cut.
func TestACrashOfRedisLosesNothingWithAppendfsyncEverysec(t *testing.T) {
	t.Parallel()
	killRedis(t, "everysec")
}

func killRedis(t *testing.T, fsync string) {
	f := newFixture(t, simulator.Options{Apps: apps(4), Latency: 100 * time.Millisecond}, "--appendfsync", fsync)
	first, second := f.worker(), f.worker()
	end := f.load(3, 60*time.Millisecond)
	for range 3 {
		pass(t, 3*time.Second)
		f.redis.Kill()
		pass(t, time.Second)
		f.redis.Start()
	}
	pass(t, 2*time.Second)
	end()
	f.awaitSettled()
	t.Logf("%d changes were acknowledged", f.workload.Acked())
	f.check()
	for _, p := range []*harness.Process{first, second} {
		if !p.Alive() {
			t.Errorf("a worker ended:\n%s", p.Written())
		}
	}
}

// pass lets the load run for a while.
func pass(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-t.Context().Done():
		t.Fatal("the test's time is over")
	case <-time.After(d):
	}
}

// A power cut loses what isn't on the disk yet: with everysec, the last second, or two if the disk
// is slow. The test truncates the file to its length two seconds before.
func TestAPowerCutWithEverysecLosesAtMostTheLastSeconds(t *testing.T) {
	t.Parallel()
	const lost = 2 * time.Second
	f := newFixture(t, simulator.Options{Apps: apps(2), Latency: 100 * time.Millisecond})
	f.worker()
	f.worker()
	end := f.load(3, 60*time.Millisecond)
	pass(t, 4*time.Second)
	durable := f.bufferEmptied()
	file, size := aof(t, f.redis.Folder()) // it includes what was acknowledged before durable
	pass(t, lost)
	f.redis.Kill()
	if err := os.Truncate(file, size); err != nil {
		t.Fatal(err)
	}
	pass(t, time.Second)
	unsure := f.workload.MarkUnsure(durable.Add(-100*time.Millisecond), f.sim.History("")) // the file is measured slightly earlier
	f.redis.Start()
	pass(t, 3*time.Second)
	end()
	f.awaitSettled()
	if unsure == 0 {
		t.Error("nothing was acknowledged in the seconds that were lost: the test tested nothing")
	}
	t.Logf("%d changes were acknowledged, those of %d domains within the time that was cut off", f.workload.Acked(), unsure)
	f.check()
}

// bufferEmptied returns a time before which everything acknowledged is in the append-only file.
// While the disk is slow, Redis answers up to two seconds before it writes.
func (f *fixture) bufferEmptied() (at time.Time) {
	harness.AwaitTrue(f.t, "Redis has written its buffer to the file", func() bool {
		at = time.Now()
		return strings.Contains(f.rdb.Info(f.t.Context(), "persistence").Val(), "aof_buffer_length:0\r\n")
	})
	return at
}

// aof is Redis's append-only file and its length.
func aof(t *testing.T, folder string) (file string, size int64) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".incr.aof") {
			file = path
		}
		return err
	})
	info, statErr := os.Stat(file)
	if err := errors.Join(err, statErr); err != nil {
		t.Fatal(err)
	}
	return file, info.Size()
}
