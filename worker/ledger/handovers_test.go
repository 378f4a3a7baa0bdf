package ledger

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func TestAfterALossWaitingAppsAreReadInTurns(t *testing.T) {
	t.Parallel()
	for _, apps := range []int{handoversRead - 1, 3 * handoversRead} {
		l, server := frozen(t)
		ctx := t.Context()
		app := func(i int) string { return fmt.Sprintf("app%02d", i) }
		for i := range apps {
			l.rdb.SAdd(ctx, appsKey, app(i))
		}
		if _, err := l.Identify(ctx, Identity{ID: "another", Seen: start}); err != nil {
			t.Fatal(err)
		}
		server.SetTime(start.Add(time.Hour))
		current, err := l.Identity(ctx)
		if err != nil {
			t.Fatal(err)
		}
		calls := 0
		counted := redis.NewClient(&redis.Options{Addr: server.Addr()})
		defer counted.Close()
		counted.AddHook(counter{&calls})
		reader := New(counted)
		loss := func(want int) (commands int) {
			t.Helper()
			calls = 0
			got, err := reader.Loss(ctx)
			if err != nil || len(got.Waiting) != want {
				t.Errorf("%d of %d apps wait, want %d (%v)", len(got.Waiting), apps, want, err)
			}
			return calls
		}
		first, second := loss(apps), loss(apps)
		if read := min(apps, handoversRead); first-second != apps-read {
			t.Errorf("with %d apps the first call takes %d commands, the second one %d", apps, first, second)
		}
		for i := range apps {
			if err := l.RecordHandover(ctx, app(i), current.ID); err != nil {
				t.Fatal(err)
			}
		}
		for left := apps; left > 0; {
			left = max(0, left-handoversRead)
			loss(left)
		}
		if last := loss(0); second-last != min(apps, handoversRead) {
			t.Errorf("once no app waits a call takes %d commands", last)
		}
	}
}
