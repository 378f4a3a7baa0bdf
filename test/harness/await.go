package harness

import (
	"errors"
	"testing"
	"time"
)

// Limit is how long a test waits for what takes seconds on an idle machine. A test that reaches it
// hangs.
const Limit = 5 * time.Minute

// Await calls ok every few milliseconds until it returns nil. After Limit it fails the
// test with ok's last error.
func Await(t testing.TB, condition string, ok func() error) {
	t.Helper()
	deadline := time.Now().Add(Limit)
	for {
		err := ok()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited %s until %s: %v", Limit, condition, err)
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("the test ended before %s: %v", condition, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// AwaitTrue is Await for a condition without an error.
func AwaitTrue(t testing.TB, condition string, ok func() bool) {
	t.Helper()
	Await(t, condition, func() error {
		if !ok() {
			return errors.New("it is not so")
		}
		return nil
	})
}
