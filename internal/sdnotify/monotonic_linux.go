package sdnotify

import "golang.org/x/sys/unix"

// monotonic is the system's monotonic clock in microseconds; that of package time starts
// with the process.
func monotonic() (int64, error) {
	var t unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t)
	return t.Nano() / 1000, err
}
