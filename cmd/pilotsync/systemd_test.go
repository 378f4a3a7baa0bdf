package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"pilotsync/enqueue"
)

// serviceManager is a fake systemd: a socket, and the messages sent to it.
type serviceManager struct {
	t      *testing.T
	socket string
	mu     sync.Mutex
	said   []string
}

func newServiceManager(t *testing.T) *serviceManager {
	t.Helper()
	m := &serviceManager{t: t, socket: filepath.Join(t.TempDir(), "notify")}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for buffer := make([]byte, 4096); ; {
			n, err := conn.Read(buffer)
			if err != nil { // closed
				return
			}
			m.mu.Lock()
			m.said = append(m.said, string(buffer[:n]))
			m.mu.Unlock()
		}
	}()
	t.Cleanup(func() { conn.Close(); <-ended })
	return m
}

// since returns the messages from the n-th on, without the watchdog's, and the number of all.
func (m *serviceManager) since(n int) (said string, signs int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, message := range m.said[n:] {
		if message == "WATCHDOG=1" {
			signs++
			continue
		}
		said += strings.ReplaceAll(message, "\n", " ") + "\n"
	}
	return said, signs
}

func (m *serviceManager) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.said)
}

// await waits until the messages from the n-th on match the pattern.
func (m *serviceManager) await(n int, pattern string) {
	m.t.Helper()
	re := regexp.MustCompile("^" + pattern + "$")
	poll(m.t, "systemd is told "+pattern, func() (bool, error) {
		said, _ := m.since(n)
		return re.MatchString(said), fmt.Errorf("it was told %q", said)
	})
}

// A worker as pilotsync@.service runs it: with the unit's variables and credentials, and a fake
// systemd.
func TestAWorkerReportsItsStateToSystemd(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil, "--app", "app1", "--app", "app2")
	f.redis.Kill()
	manager := newServiceManager(t)
	folder, credentials := t.TempDir(), t.TempDir()
	write := func(path, content string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := filepath.Join(folder, "accounts.yml")
	accounts := func(apps string) {
		t.Helper()
		write(config, "accounts:\n- {client_id: sim, api_key_file: $CREDENTIALS_DIRECTORY/pilotsync_one, apps: ["+apps+"]}\n")
	}
	accounts("app1")
	write(filepath.Join(credentials, "pilotsync_one"), "sim-key\n")
	unit, err := os.ReadFile("../../deployments/systemd/pilotsync@.service")
	if err != nil {
		t.Fatal(err)
	}
	set := regexp.MustCompile(`(?m)^Environment=(.*)$`).FindSubmatch(unit)
	if set == nil {
		t.Fatal("the unit sets no variables")
	}
	f.env = append(f.env, strings.Fields(strings.ReplaceAll(string(set[1]), "%d", credentials))...)
	f.env = append(f.env, "WU_SERVER_PILOT_API_KEY=", "PILOTSYNC_CONFIG="+config, "CREDENTIALS_DIRECTORY="+credentials,
		"NOTIFY_SOCKET="+manager.socket, "WATCHDOG_USEC=200000")

	worker := f.start("worker")
	manager.await(0, "STATUS=waiting for Redis\n")
	poll(t, "it resets the watchdog while it waits", func() (bool, error) {
		said, signs := manager.since(0)
		if strings.Contains(said, "READY") {
			t.Fatalf("it says that it's ready, without Redis: %s", said)
		}
		return signs > 3, nil
	})
	f.redis.Start()
	manager.await(1, "READY=1 STATUS=working\n")

	if _, err := enqueue.New(f.rdb).Enqueue(t.Context(), enqueue.Request{AppID: "app2", Domain: "shop.example.com"}); err != nil {
		t.Fatal(err)
	}
	poll(t, "the change of an app that isn't served waits", func() (bool, error) {
		v, _, err := f.ledger.Domain(t.Context(), "app2", "shop.example.com")
		return strings.Contains(v.Reason, "the apps served are app1"), err
	})
	reload := func() {
		t.Helper()
		n := manager.count()
		worker.Signal(syscall.SIGHUP)
		manager.await(n, "RELOADING=1 MONOTONIC_USEC=[0-9]+ STATUS=reading the configuration again\nREADY=1 STATUS=working\n")
	}
	accounts("app1, app2")
	reload()
	poll(t, "the change continues", func() (bool, error) {
		lists, err := f.sim.Lists(t.Context())
		return len(lists["app2"]) == 2, err
	})
	accounts("app1, app/2")
	reload()                                                     // it has failed: systemd mustn't wait for it
	poll(t, "the log says what is wrong", func() (bool, error) { // the test reads it by a pipe, after the worker wrote it
		return strings.Contains(worker.Written(), `app_id is \"app/2\"`), nil
	})

	n := manager.count()
	if code := worker.Terminate(); code != exitDone {
		t.Errorf("exit code %d:\n%s", code, worker.Written())
	}
	manager.await(n, "STOPPING=1 STATUS=stopping: waiting for running calls\n")
}
