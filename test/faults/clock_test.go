//go:build faults

package faults

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
)

// clockSource becomes a part of the package time in the program that wrongClock
// builds. Go reads the clock without the C library, so libfaketime can't reach it.
// Only the wall clock is wrong: a monotonic one has no hour.
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

// wrongClock builds the program with a wall clock that is wrong by what
// FAULTS_CLOCK says; nothing of the program's own code is changed for it.
var wrongClock = sync.OnceValues(func() (string, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("find Go's source: %w", err)
	}
	source := filepath.Join(strings.TrimSpace(string(root)), "src", "time")
	text, err := os.ReadFile(filepath.Join(source, "time.go"))
	if err != nil {
		return "", err
	}
	const reads = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	if strings.Count(string(text), reads) != 1 {
		return "", fmt.Errorf("time.Now isn't what it was in %s: the test is to be made anew for this Go", source)
	}
	folder := filepath.Dir(binary)
	files := map[string]string{
		"time.go": strings.Replace(string(text), reads, reads+"\tsec += skew\n", 1),
		"skew.go": clockSource,
	}
	replace := map[string]string{}
	for name, content := range files {
		file := filepath.Join(folder, name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(source, name)] = file
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(folder, "overlay.json"), overlay, 0o600); err != nil {
		return "", err
	}
	program := filepath.Join(folder, "pilotsync-wrong-clock")
	out, err := exec.Command("go", "build", "-overlay", filepath.Join(folder, "overlay.json"), "-o", program, "pilotsync/cmd/pilotsync").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build with a wrong clock: %w\n%s", err, out)
	}
	return program, nil
})

// hasClock fails the test if what the worker logs isn't as wrong as it should be.
func (w *world) hasClock(p *process, by string) {
	w.t.Helper()
	p.awaitLog("is ready", time.Minute)
	off, err := time.ParseDuration(by)
	if err != nil {
		w.t.Fatal(err)
	}
	_, stamp, _ := strings.Cut(p.logged(), `"time":"`)
	stamp, _, _ = strings.Cut(stamp, `"`)
	at, err := time.Parse(time.RFC3339, stamp)
	if err != nil || time.Until(at.Add(-off)).Abs() > time.Minute {
		w.t.Fatalf("the worker's clock isn't wrong by %s: it says %q (%v)", by, stamp, err)
	}
}

func TestAWorkerWhoseWallClockIsAnHourWrongHarmsNeitherOrderNorLeasesAndBurnsNoAttempt(t *testing.T) {
	t.Parallel()
	for name, by := range map[string]string{"ahead": "1h", "behind": "-1h"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			program, err := wrongClock()
			if err != nil {
				t.Fatal(err)
			}
			// A certificate takes longer than a verification that comes too early could
			// wait for, and less than one that comes in its time.
			w := newWorld(t, simulator.Options{Apps: apps(3), Latency: 100 * time.Millisecond, CertDelay: 3 * time.Second})
			delays, clock := "PILOTSYNC_SSL_DELAYS=8s,1h", "FAULTS_CLOCK="+by
			wrong := w.program(program, []string{delays, clock}, "worker")
			w.hasClock(wrong, by)

			// Alone, it lists domains, and so says when they are to be verified.
			w.add("app1", "one.example.com", "two.example.com")
			w.awaitSettled(takeover)
			w.worker(delays)
			for _, domain := range []string{"one.example.com", "two.example.com"} {
				await(t, domain+" is done", time.Minute, func() error {
					v, _, err := w.ledger.Domain(t.Context(), "app1", domain)
					if err == nil && v.State != tasks.Done {
						err = fmt.Errorf("it is %s after %d attempts: %s", v.State, v.Record.Attempt, v.Record.Reason)
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
				if out, err := w.command(program, clock, "enqueue", "add", domain, "--app=app1").CombinedOutput(); err != nil {
					t.Fatalf("enqueue: %v\n%s", err, out)
				}
				if err := w.enqueue(t.Context(), enqueue.Request{AppID: "app1", Domain: domain, Remove: i%2 == 0}); err != nil {
					t.Fatal(err)
				}
			}
			// Both at work, leases are what keeps them apart.
			end := w.load(2, 200*time.Millisecond)
			pass(t, 12*time.Second)
			end()
			w.awaitSettled(takeover)
			w.check()
			if !wrong.alive() {
				t.Errorf("the worker ended:\n%s", wrong.logged())
			}
			if n, err := w.rdb.ZCard(t.Context(), "asynq:{"+tasks.QueueDomains+"}:archived").Result(); n != 0 || err != nil {
				t.Errorf("%d changes are in the archive (%v)", n, err)
			}
		})
	}
}
