//go:build !linux

package sdnotify

import "errors"

// monotonic fails: systemd is Linux's.
func monotonic() (int64, error) { return 0, errors.ErrUnsupported }
