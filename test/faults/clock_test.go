//go:build faults

package faults

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/harness"
	"pilotsync/test/tether"
)

// clockSource becomes part of package time in the program that wrongClock builds. libfaketime can't
// change Go's clock, since Go reads it without the C library. Only the wall clock is wrong; a
// monotonic one has no absolute time.
const clockSource = `package time

import "syscall"

var skew = func() (s int64) {
	text, _ := syscall.Getenv("FAULTS_CLOCK")
	d, err := ParseDuration(text)
	if err != nil {
		return 0
	}
	return int64(d / Second)
}()
`

// wrongClock builds the program with a wall clock that is off by FAULTS_CLOCK. The program's own
// code is unchanged.
func wrongClock(t *testing.T) (program string) {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatalf("find Go's source: %v", err)
	}
	source := filepath.Join(strings.TrimSpace(string(root)), "src", "time")
	text, err := os.ReadFile(filepath.Join(source, "time.go"))
	if err != nil {
		t.Fatal(err)
	}
	const reads = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	if strings.Count(string(text), reads) != 1 {
		t.Fatalf("time.Now isn't what it was in %s: adapt the test to this release of Go", source)
	}
	folder := t.TempDir()
	files := map[string]string{
		"time.go": strings.Replace(string(text), reads, reads+"\tsec += skew\n", 1),
		"skew.go": clockSource,
	}
	replace := map[string]string{}
	for name, content := range files {
		file := filepath.Join(folder, name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(source, name)] = file
	}
	content, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlay, program := filepath.Join(folder, "overlay.json"), filepath.Join(folder, "pilotsync")
	if err := os.WriteFile(overlay, content, 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-overlay", overlay, "-o", program, "pilotsync/cmd/pilotsync")
	out, err := tether.Command(build).CombinedOutput()
	if err != nil {
		t.Fatalf("build the program with a wrong clock: %v\n%s", err, out)
	}
	return program
}

// hasClock fails the test unless the worker's log is off by the given time.
func (f *fixture) hasClock(p *harness.Process, by string) {
	f.t.Helper()
	p.AwaitWritten("is ready")
	off, err := time.ParseDuration(by)
	if err != nil {
		f.t.Fatal(err)
	}
	_, stamp, _ := strings.Cut(p.Written(), `"time":"`)
	stamp, _, _ = strings.Cut(stamp, `"`)
	at, err := time.Parse(time.RFC3339, stamp)
	if err != nil || time.Until(at.Add(-off)).Abs() > time.Minute {
		f.t.Fatalf("the worker's clock isn't wrong by %s: it says %q (%v)", by, stamp, err)
	}
}

func TestAWallClockThatIsAnHourWrongDoesNoHarm(t *testing.T) {
	t.Parallel()
	program := wrongClock(t)
	for name, by := range map[string]string{"ahead": "1h", "behind": "-1h"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// A certificate takes too long for a verification that comes early, but not for one on
			// time.
			f := newFixture(t, simulator.Options{Apps: apps(3), Latency: 100 * time.Millisecond, CertDelay: 3 * time.Second})
			delays, clock := "PILOTSYNC_SSL_DELAYS=8s,1h", "FAULTS_CLOCK="+by
			wrong := f.program(program, []string{delays, clock}, "worker")
			f.hasClock(wrong, by)

			// It is the only worker, so it lists the domains and schedules their verifications.
			f.add("app1", "one.example.com", "two.example.com")
			f.awaitSettled()
			f.worker(delays)
			for _, domain := range []string{"one.example.com", "two.example.com"} {
				harness.Await(t, domain+" is done", func() error {
					v, _, err := f.ledger.Domain(t.Context(), "app1", domain)
					if err == nil && v.State != tasks.Done {
						err = fmt.Errorf("it is %s after %d attempts: %s", v.State, v.Record.Attempt, v.Reason)
					}
					if v.Record.Attempt > 1 || v.State == tasks.CheckingSSL {
						t.Fatalf("an attempt at %s was burnt: %+v", domain, v.Record)
					}
					return err
				})
			}

			// Producers with right and wrong clocks ask for opposites: the last one wins.
			for i := range 4 {
				domain := fmt.Sprintf("turn%d.example.com", i)
				f.run(program, []string{clock}, "enqueue", "add", domain, "--app=app1")
				if err := f.enqueue(t.Context(), enqueue.Request{AppID: "app1", Domain: domain, Remove: i%2 == 0}); err != nil {
					t.Fatal(err)
				}
			}
			// With both running, leases keep their writes apart.
			end := f.load(2, 200*time.Millisecond)
			pass(t, 12*time.Second)
			end()
			f.awaitSettled()
			f.check()
			if !wrong.Alive() {
				t.Errorf("the worker ended:\n%s", wrong.Written())
			}
			if n, err := f.rdb.ZCard(t.Context(), "asynq:{"+tasks.QueueDomains+"}:archived").Result(); n != 0 || err != nil {
				t.Errorf("%d changes are in the archive (%v)", n, err)
			}
		})
	}
}
