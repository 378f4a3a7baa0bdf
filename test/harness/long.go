package harness

import "testing"

// TooLong is why a test is skipped under -short.
const TooLong = "too long for -short: make more runs it"

// Long skips a test under -short. It is for tests that take many seconds and whose
// promise a shorter test holds as well.
func Long(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip(TooLong)
	}
}
