package worker

import (
	"testing"
	"testing/synctest"
	"time"
)

// Slow verifications of a few apps would otherwise take all slots.
func TestAnAppWithSlowVerificationsLeavesSlotsToOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shares := appVerifyShares(func(_, _ time.Time) {}, nil)
		enter := func(app string, want bool) func() {
			t.Helper()
			leave, err := shares.Enter(t.Context(), app, "", false, func() bool { return false })
			if (err == nil) != want {
				t.Fatalf("a verification of app %s: %v", app, err)
			}
			return leave
		}
		take := func(app string, n int) (leaves []func()) {
			t.Helper()
			for range n {
				leaves = append(leaves, enter(app, true))
			}
			return leaves
		}
		slow := take("slow", appVerifySlots)
		enter("slow", false) // it waited in vain
		time.Sleep(2 * shareMaxWait)
		for _, leave := range slow[slowAppVerifySlots:] {
			leave()
		}
		others := append(take("other", appVerifySlots), take("third", busyVerifySlots-slowAppVerifySlots-appVerifySlots)...)
		enter("slow", false)
		others[0]()
		enter("slow", true) // now fewer slots are taken
	})
}
