package workload

import (
	"testing"
	"time"

	"pilotsync/enqueue"
)

// Its answer may have come from the Redis that lost it, and be noted only after the loss.
func TestARequestUnderWayAtALossIsUnsure(t *testing.T) {
	t.Parallel()
	for losses, wantUnsure := range map[int]bool{0: true, 1: false} { // before the request began
		w := New(nil)
		w.MarkUnsure(time.Now(), nil)
		w.note([]enqueue.Request{{}}, []enqueue.Receipt{{AppID: "app1", Domain: "shop.example.com", Seq: 7, TaskID: "change"}}, losses)
		if unsure := w.unsure["app1"]["shop.example.com"] == 7; unsure != wantUnsure {
			t.Errorf("begun after %d losses of one: unsure %v", losses, unsure)
		}
	}
}
