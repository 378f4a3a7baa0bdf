// Package sdnotify tells the service manager how a service stands, by the protocol
// of sd_notify(3): one datagram a message, to the socket that NOTIFY_SOCKET names.
// Where no service manager asks, nothing is sent. It is our own because libraries
// for it read the process's own environment, which tests that run side by side share.
package sdnotify

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
)

// Notifier sends to one service manager. The zero value sends nothing.
type Notifier struct {
	socket   string
	watchdog time.Duration // 0 for none
}

// New returns the notifier that the environment asks for: NOTIFY_SOCKET, and
// WATCHDOG_USEC unless WATCHDOG_PID is another process.
func New(lookup func(string) (string, bool)) (Notifier, error) {
	if lookup == nil {
		return Notifier{}, nil
	}
	socket, _ := lookup("NOTIFY_SOCKET")
	if socket == "" {
		return Notifier{}, nil
	}
	if socket[0] != '/' && socket[0] != '@' {
		return Notifier{}, fmt.Errorf("NOTIFY_SOCKET is %q; only an absolute path, or an abstract socket that begins with @, can be sent to", socket)
	}
	n := Notifier{socket: socket}
	if pid, _ := lookup("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return n, nil
	}
	if limit, _ := lookup("WATCHDOG_USEC"); limit != "" {
		usec, err := strconv.ParseInt(limit, 10, 64)
		if err != nil || usec <= 0 || usec > int64(24*time.Hour/time.Microsecond) {
			return Notifier{}, fmt.Errorf("WATCHDOG_USEC is %q; it takes microseconds, more than none and at most a day", limit)
		}
		n.watchdog = time.Duration(usec) * time.Microsecond
	}
	return n, nil
}

// Ready says that the service does its work, at the start or after a reload.
func (n Notifier) Ready() error { return n.send("READY=1\nSTATUS=working") }

// Waiting says what a start waits for, for `systemctl status`.
func (n Notifier) Waiting(what string) error { return n.send("STATUS=waiting for " + what) }

// Reloading says that the configuration is read again; Ready must follow, however
// that ends. Type=notify-reload demands the time with it.
func (n Notifier) Reloading() error {
	if n.socket == "" {
		return nil
	}
	usec, err := monotonic()
	if err != nil {
		return fmt.Errorf("read the monotonic clock: %w", err)
	}
	return n.send(fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d\nSTATUS=reading the configuration again", usec))
}

// Stopping says that the service ends, with what it has in hand done first.
func (n Notifier) Stopping() error {
	return n.send("STOPPING=1\nSTATUS=stopping: calls in hand are finished")
}

// Watch sends a sign of life at half of the time that the service manager waits for
// one, until ctx ends. Where alive returns an error there is none that time, and
// trouble is called with the error, as with one of sending.
func (n Notifier) Watch(ctx context.Context, alive func() error, trouble func(error)) {
	if n.watchdog == 0 {
		return
	}
	ticker := time.NewTicker(n.watchdog / 2)
	defer ticker.Stop()
	for {
		err := alive()
		if err == nil {
			err = n.send("WATCHDOG=1")
		}
		if err != nil {
			trouble(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// sendLimit bounds a send: the service manager's queue may be full, and whoever
// sends has better things to do than to wait.
const sendLimit = time.Second

func (n Notifier) send(message string) error {
	if n.socket == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("tell the service manager %q: %w", message, err)
	}
	defer conn.Close()
	if err = conn.SetWriteDeadline(time.Now().Add(sendLimit)); err == nil {
		_, err = conn.Write([]byte(message))
	}
	if err != nil {
		return fmt.Errorf("tell the service manager %q: %w", message, err)
	}
	return nil
}
