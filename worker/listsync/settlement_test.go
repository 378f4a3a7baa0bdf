package listsync

import (
	"testing"

	"pilotsync/tasks"
)

func TestFate(t *testing.T) {
	t.Parallel()
	add, remove := &Pending{}, &Pending{Remove: true}
	for _, tt := range []struct {
		name   string
		state  tasks.State
		again  bool
		change *Pending
		want   Resolution
	}{
		{"an addition that is new", tasks.CheckingDNS, false, add, ResolutionListed},
		{"a wildcard", tasks.DoneWithoutSSL, false, add, ResolutionListed},
		{"one of what is there", tasks.Done, true, add, ResolutionUnchanged},
		{"one that is refused", tasks.Rejected, false, add, ResolutionRejected},
		{"a domain that lost its place", tasks.Rejected, false, nil, ResolutionRejected},
		{"a removal", tasks.Removed, false, remove, ResolutionRemoved},
		{"a removal that is refused", tasks.Done, false, remove, ResolutionKept},
		{"drift that was mended", tasks.Done, false, nil, ResolutionRestored},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := resolutionOf(Outcome{Record: Record{State: tt.state}, AlreadyListed: tt.again}, tt.change); got != tt.want {
				t.Errorf("fate = %s, want %s", got, tt.want)
			}
		})
	}
}
