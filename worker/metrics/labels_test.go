package metrics

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

func TestBackoffCause(t *testing.T) {
	t.Parallel()
	call := func(kind listsync.CallErrorKind, status int) error {
		return fmt.Errorf("sync: %w", &listsync.CallError{Kind: kind, Err: &serverpilot.Error{Status: status}})
	}
	for _, tt := range []struct {
		err  error
		want string
	}{
		{&listsync.NotAcquired{Wait: time.Second}, causeInFlight},
		{listsync.ErrYield, causeYield},
		{fmt.Errorf("sync: %w", context.Canceled), causeYield},
		{call(listsync.Blocked, 402), causeBlocked},
		{call(listsync.WriteUnknown, 0), causeUnknownWrite},
		{call(listsync.Transient, 429), causeRateLimited},
		{call(listsync.Transient, 500), causeUnavailable},
		{call(listsync.Transient, 0), causeUnavailable},
		{&listsync.CallError{Err: errors.New("other names")}, causeUnavailable},
		{errors.New("i/o timeout"), causeOther},
	} {
		got := backoffCause(tt.err)
		if got != tt.want {
			t.Errorf("%v: %s, want %s", tt.err, got, tt.want)
		}
		if !slices.Contains(backoffCauses(), got) {
			t.Errorf("%s isn't among the known causes", got)
		}
	}
}
