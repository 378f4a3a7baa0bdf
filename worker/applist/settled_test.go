package applist

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
		told   bool
		change *Pending
		want   Fate
	}{
		{"an addition that is new", tasks.CheckingDNS, true, add, FateListed},
		{"a wildcard", tasks.DoneWithoutSSL, true, add, FateListed},
		{"one of what is there", tasks.Done, false, add, FateUnchanged},
		{"one that is refused", tasks.Rejected, true, add, FateRejected},
		{"a domain that lost its place", tasks.Rejected, true, nil, FateRejected},
		{"a removal", tasks.Removed, true, remove, FateRemoved},
		{"a removal that is refused", tasks.Done, false, remove, FateKept},
		{"drift that was mended", tasks.Done, false, nil, FateRestored},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := fate(Outcome{Record: Record{State: tt.state}, Told: tt.told}, tt.change); got != tt.want {
				t.Errorf("fate = %s, want %s", got, tt.want)
			}
		})
	}
}
