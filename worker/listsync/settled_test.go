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
		want   Fate
	}{
		{"an addition that is new", tasks.CheckingDNS, false, add, FateListed},
		{"a wildcard", tasks.DoneWithoutSSL, false, add, FateListed},
		{"one of what is there", tasks.Done, true, add, FateUnchanged},
		{"one that is refused", tasks.Rejected, false, add, FateRejected},
		{"a domain that lost its place", tasks.Rejected, false, nil, FateRejected},
		{"a removal", tasks.Removed, false, remove, FateRemoved},
		{"a removal that is refused", tasks.Done, false, remove, FateKept},
		{"drift that was mended", tasks.Done, false, nil, FateRestored},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := fate(Outcome{Record: Record{State: tt.state}, Again: tt.again}, tt.change); got != tt.want {
				t.Errorf("fate = %s, want %s", got, tt.want)
			}
		})
	}
}
