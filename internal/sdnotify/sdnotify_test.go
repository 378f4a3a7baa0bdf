package sdnotify_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"pilotsync/internal/sdnotify"
)

func environment(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for _, pair := range pairs {
			if value, ok := strings.CutPrefix(pair, name+"="); ok {
				return value, true
			}
		}
		return "", false
	}
}

// manager is the socket that a service manager listens on.
func manager(t *testing.T, name string) func() string {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return func() string {
		t.Helper()
		buffer := make([]byte, 4096)
		if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		n, err := conn.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		return string(buffer[:n])
	}
}

func TestWhatIsSaidArrivesAtAPathAndAtAnAbstractSocket(t *testing.T) {
	t.Parallel()
	names := []string{filepath.Join(t.TempDir(), "notify")}
	if runtime.GOOS == "linux" {
		names = append(names, fmt.Sprintf("@pilotsync-test-%d", os.Getpid()))
	}
	for _, name := range names {
		next := manager(t, name)
		n, err := sdnotify.New(environment("NOTIFY_SOCKET=" + name))
		if err != nil {
			t.Fatal(err)
		}
		say := func(send func() error, want string) {
			t.Helper()
			if err := send(); err != nil {
				t.Fatal(err)
			}
			if got := next(); !regexp.MustCompile(want).MatchString(got) {
				t.Errorf("got %q, want %s", got, want)
			}
		}
		say(func() error { return n.Waiting("Redis") }, `^STATUS=waiting for Redis$`)
		say(n.Ready, `^READY=1\n`)
		if runtime.GOOS == "linux" {
			say(n.Reloading, `^RELOADING=1\nMONOTONIC_USEC=[1-9][0-9]+\n`)
		}
		say(n.Stopping, `^STOPPING=1\n`)
	}
}

func TestASignOfLifeIsSentOnlyByWhatLives(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "notify")
	next := manager(t, name)
	n, err := sdnotify.New(environment("NOTIFY_SOCKET="+name, "WATCHDOG_USEC=20000", "WATCHDOG_PID="+strconv.Itoa(os.Getpid())))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	stands, said, ended := errors.New("a loop stands still"), make(chan error, 1), make(chan struct{})
	looks := 0
	go func() {
		defer close(ended)
		n.Watch(ctx, func() error {
			if looks++; looks > 3 {
				return stands
			}
			return nil
		}, func(err error) {
			select {
			case said <- err:
			default:
			}
		})
	}()
	for range 3 {
		if got := next(); got != "WATCHDOG=1" {
			t.Errorf("got %q", got)
		}
	}
	if err := <-said; !errors.Is(err, stands) {
		t.Errorf("the trouble is %v", err)
	}
	cancel()
	<-ended
	if err := n.Ready(); err != nil {
		t.Fatal(err)
	}
	if got := next(); !strings.HasPrefix(got, "READY=1") {
		t.Errorf("after the third reset of the watchdog came %q", got)
	}
}

func TestNothingIsSentWhereNobodyAsks(t *testing.T) {
	t.Parallel()
	other := "WATCHDOG_PID=" + strconv.Itoa(os.Getpid()+1)
	for _, lookup := range []func(string) (string, bool){nil, environment(), environment("NOTIFY_SOCKET=", "WATCHDOG_USEC=1"), environment("NOTIFY_SOCKET=/nowhere", "WATCHDOG_USEC=1000", other)} {
		n, err := sdnotify.New(lookup)
		if err != nil {
			t.Fatal(err)
		}
		n.Watch(t.Context(), func() error { t.Error("it was asked whether the service is alive"); return nil }, func(error) {}) // returns at once
	}
	var none sdnotify.Notifier
	if err := errors.Join(none.Ready(), none.Waiting("x"), none.Reloading(), none.Stopping()); err != nil {
		t.Error(err)
	}
}

func TestAWrongEnvironmentIsAnErrorThatNamesIt(t *testing.T) {
	t.Parallel()
	for _, pairs := range [][]string{
		{"NOTIFY_SOCKET=run/notify"}, {"NOTIFY_SOCKET=/x", "WATCHDOG_USEC=soon"}, {"NOTIFY_SOCKET=/x", "WATCHDOG_USEC=0"}, {"NOTIFY_SOCKET=/x", "WATCHDOG_USEC=9223372036854775807"},
	} {
		last := pairs[len(pairs)-1]
		variable, value, _ := strings.Cut(last, "=")
		if _, err := sdnotify.New(environment(pairs...)); err == nil || !strings.Contains(err.Error(), variable) || !strings.Contains(err.Error(), value) {
			t.Errorf("%v: the error is %v", pairs, err)
		}
	}
	n, err := sdnotify.New(environment("NOTIFY_SOCKET=" + filepath.Join(t.TempDir(), "nobody")))
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Ready(); err == nil || !strings.Contains(err.Error(), "READY=1") {
		t.Errorf("without a listener: %v", err)
	}
}
