// Package faults has tests only, under the build tag faults. They run the program as its users do,
// as processes against a real Redis, while what it depends on breaks. Each test's name says what
// must hold. `make faults` runs them; `make soak` runs TestSoak for a given time. They are apart
// from the other tests because they take minutes. Most of that time is waiting for leases to end,
// which must be as long as in production.
package faults
