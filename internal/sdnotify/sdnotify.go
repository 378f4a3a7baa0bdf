// Package sdnotify reports the state of a service to the service manager, by the protocol of
// sd_notify(3). Each message is one datagram to the socket in NOTIFY_SOCKET. Without that
// variable it sends nothing. It doesn't use coreos/go-systemd: that reads the process's
// environment, which parallel tests share, and sends without a time limit.
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

// New returns the notifier that the environment describes: NOTIFY_SOCKET, and
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

// Ready reports that the service works, after its start or a reload.
func (n Notifier) Ready() error { return n.send("READY=1\nSTATUS=working") }

// Waiting reports on which service the start waits, for `systemctl status`.
func (n Notifier) Waiting(service string) error { return n.send("STATUS=waiting for " + service) }

// Reloading reports that the configuration is read again. Ready must follow, even after
// an error. Type=notify-reload requires the time in the message.
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

// Stopping reports that the service ends once its running calls have ended.
func (n Notifier) Stopping() error {
	return n.send("STOPPING=1\nSTATUS=stopping: waiting for running calls")
}

// Watch resets the service manager's watchdog, at half of the time that it waits, until ctx
// ends. If alive returns an error, it isn't reset, and trouble is called with the error, as
// with one of sending.
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

// sendTimeout bounds a send: the service manager's queue may be full, and the sender must
// not wait for it.
const sendTimeout = time.Second

func (n Notifier) send(message string) error {
	if n.socket == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("notify the service manager of %q: %w", message, err)
	}
	defer conn.Close()
	if err = conn.SetWriteDeadline(time.Now().Add(sendTimeout)); err == nil {
		_, err = conn.Write([]byte(message))
	}
	if err != nil {
		return fmt.Errorf("notify the service manager of %q: %w", message, err)
	}
	return nil
}
