package harness

import "testing"

// TooLong is the message of a test skipped under -short.
const TooLong = "too long for -short: make more runs it"

// Long skips a test under -short. It is for tests that take many seconds, if a shorter one covers
// their promise.
func Long(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip(TooLong)
	}
}
