package listsync

import (
	"testing"

	"pilotsync/tasks"
)

func TestResolutionOfEachOutcome(t *testing.T) {
	t.Parallel()
	add, remove := &Pending{}, &Pending{Remove: true}
	for _, tt := range []struct {
		name   string
		state  tasks.State
		again  bool
		change *Pending
		want   Resolution
	}{
		{"an addition of a new domain", tasks.CheckingDNS, false, add, ResolutionListed},
		{"a wildcard", tasks.DoneWithoutSSL, false, add, ResolutionListed},
		{"an addition of a listed domain", tasks.Done, true, add, ResolutionUnchanged},
		{"a refused addition", tasks.Rejected, false, add, ResolutionRejected},
		{"a rejected domain without a change", tasks.Rejected, false, nil, ResolutionRejected},
		{"a removal", tasks.Removed, false, remove, ResolutionRemoved},
		{"a refused removal", tasks.Done, false, remove, ResolutionKept},
		{"drift that was repaired", tasks.Done, false, nil, ResolutionRestored},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := resolutionOf(Outcome{Record: Record{State: tt.state}, AlreadyListed: tt.again}, tt.change); got != tt.want {
				t.Errorf("resolution %s, want %s", got, tt.want)
			}
		})
	}
}
