package ledger

import (
	"context"
	"errors"
	"testing"

	"github.com/redis/go-redis/v9"
)

// An absent key answers first, and the key that can't be read after it.
func TestAnAbsentKeyHidesNoOtherKeysError(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		key  string
		read func(context.Context, *Ledger) error
	}{
		"the apps": {appsKey, func(ctx context.Context, l *Ledger) error {
			_, err := l.AppStates(ctx)
			return err
		}},
		"the revisions": {key(testApp, "shown"), func(ctx context.Context, l *Ledger) error {
			l.rdb.SAdd(ctx, appsKey, "absent", testApp)
			_, err := l.Revisions(ctx)
			return err
		}},
		"an app's writes": {key(testApp, "writes"), func(ctx context.Context, l *Ledger) error {
			_, err := l.Writes(ctx, testApp, 5)
			return err
		}},
		"an app's server": {key(testApp, "sync"), func(ctx context.Context, l *Ledger) error {
			return l.RecordAppDetails(ctx, testApp, "server", nil)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, _ := frozen(t)
			if err := client(t, addr(l)).Set(t.Context(), c.key, "of another type", 0).Err(); err != nil {
				t.Fatal(err)
			}
			if err := c.read(t.Context(), l); !redis.HasErrorPrefix(errors.Unwrap(err), "WRONGTYPE") {
				t.Errorf("the error is %v", err)
			}
		})
	}
}
