//go:build !linux

package sdnotify

import "errors"

// monotonic fails: systemd runs on Linux only.
func monotonic() (int64, error) { return 0, errors.ErrUnsupported }
