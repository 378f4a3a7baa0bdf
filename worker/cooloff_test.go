package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pilotsync/internal/serverpilot"
	"pilotsync/worker/listsync"
)

func TestCoolOffCause(t *testing.T) {
	t.Parallel()
	call := func(verdict listsync.Verdict, status int) error {
		return fmt.Errorf("sync: %w", &listsync.CallError{Verdict: verdict, Err: &serverpilot.Error{Status: status}})
	}
	for _, tt := range []struct {
		err  error
		want string
	}{
		{&listsync.NotAcquired{Wait: time.Second}, coolInFlight},
		{listsync.ErrYield, coolHandedBack},
		{fmt.Errorf("sync: %w", context.Canceled), coolHandedBack},
		{call(listsync.Blocked, 402), coolBlocked},
		{call(listsync.Unknown, 0), coolUnknownWrite},
		{call(listsync.Transient, 429), coolRateLimited},
		{call(listsync.Transient, 500), coolUnavailable},
		{call(listsync.Transient, 0), coolUnavailable},
		{&listsync.CallError{Err: errors.New("other names")}, coolUnavailable},
		{errors.New("i/o timeout"), coolOther},
	} {
		got := coolOffCause(tt.err)
		if got != tt.want {
			t.Errorf("%v: %s, want %s", tt.err, got, tt.want)
		}
		if !slices.Contains(coolOffCauses(), got) {
			t.Errorf("%s isn't among the known causes", got)
		}
	}
}
