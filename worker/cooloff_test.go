package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pilotsync/internal/serverpilot"
	"pilotsync/worker/applist"
)

func TestCoolOffCause(t *testing.T) {
	t.Parallel()
	call := func(verdict applist.Verdict, status int) error {
		return fmt.Errorf("sync: %w", &applist.CallError{Verdict: verdict, Err: &serverpilot.Error{Status: status}})
	}
	for _, tt := range []struct {
		err  error
		want string
	}{
		{&applist.NotTaken{Wait: time.Second}, coolInFlight},
		{applist.ErrHandedBack, coolHandedBack},
		{fmt.Errorf("sync: %w", context.Canceled), coolHandedBack},
		{call(applist.Blocked, 402), coolBlocked},
		{call(applist.Unknown, 0), coolUnknownWrite},
		{call(applist.Again, 429), coolRateLimited},
		{call(applist.Again, 500), coolUnavailable},
		{call(applist.Again, 0), coolUnavailable},
		{&applist.CallError{Err: errors.New("other names")}, coolUnavailable},
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
