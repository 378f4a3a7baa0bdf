package failover

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pilotsync/test/harness"
	"pilotsync/test/redistest"
)

// Redis restarts with the shipped files under load, and never rewrites its append-only file: all of
// its data then comes from replaying that file.
func TestARestartOfRedisLosesNothingAcknowledged(t *testing.T) {
	harness.Long(t)
	t.Parallel()
	for name, end := range map[string]func(*redistest.Server){"shutdown": (*redistest.Server).Stop, "crash": (*redistest.Server).Kill} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Shipped(t)
			f := newLoaded(t, server.As, 2)
			stopLoad := f.load()
			for range 2 {
				f.awaitAcked(f.workload.Acked() + 100)
				end(server)
				server.Start()
				began := time.Now()
				f.awaitAcked(f.workload.Acked() + 50)
				t.Logf("nothing was taken for %s after Redis was back", f.workload.LongestGap(began).Round(100*time.Millisecond))
			}
			stopLoad()
			f.settle()
			neverRewritten(t, server)
		})
	}
}

// Sentinel's master restarts before the Sentinels notice. It stays master, and its replicas copy
// what it replayed.
func TestARestartOfSentinelsMasterLosesNothingAcknowledged(t *testing.T) {
	harness.Long(t)
	t.Parallel()
	s := redistest.NewSentinel(t, redistest.Security{}.Shipped(t))
	patient(t, s)
	f := newLoaded(t, s.As, 2)
	stopLoad := f.load()
	f.awaitAcked(150)
	s.Master.Stop()
	s.Master.Start()
	staysMaster(t, s, s.Master.Addr)
	f.awaitAcked(f.workload.Acked() + 100)
	stopLoad()
	f.settle()
	neverRewritten(t, s.Master)
}

// Sentinel's master is killed, and the promoted replica restarts later. The others copy what it
// replayed.
func TestARestartOfTheNewMasterKeepsWhatItHas(t *testing.T) {
	harness.Long(t)
	t.Parallel()
	s := redistest.NewSentinel(t, redistest.Security{}.Shipped(t))
	f := newLoaded(t, s.As, 2)
	stopLoad := f.load()
	f.awaitAcked(150)
	killed, stopLoad := f.kill(s.Master, stopLoad)
	now := promoted(t, s)
	s.Master.Start()
	harness.Await(t, "the old master is a replica", func() error { return replicates(t, s.Master.Addr) })
	f.awaitAcked(f.workload.Acked() + 100)
	stopLoad()
	f.settle()
	staysMaster(t, s, now)
	newMaster := s.Replicas[slices.IndexFunc(s.Replicas, func(r *redistest.Server) bool { return r.Addr == now })]
	newMaster.Stop()
	newMaster.Start()
	harness.Await(t, "the old master copies it", func() error { return replicates(t, s.Master.Addr) })
	staysMaster(t, s, now)
	f.settle()
	f.slowest(killed.Add(-time.Second))
	f.lost()
}

// neverRewritten fails the test if the server has rewritten its append-only file.
func neverRewritten(t *testing.T, server *redistest.Server) {
	t.Helper()
	bases, err := filepath.Glob(filepath.Join(server.Folder(), "appendonlydir", "*.base.*"))
	if err != nil || len(bases) != 1 || !strings.Contains(bases[0], ".aof.1.base.") {
		t.Errorf("the append-only file was rewritten, or isn't there: %v (%v)", bases, err)
	}
}
