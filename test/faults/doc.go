// Package faults has nothing but tests, under the build tag faults: the program
// as its users run it, as processes against a real Redis, while what it depends
// on breaks. Each test's name says what must hold. `make faults` runs them;
// `make soak` runs the one that goes on for as long as it is told.
//
// They are apart from the other tests because they take minutes, and because
// most of that time is waiting for leases to run out, which must not be shortened:
// the times are those of the program that is delivered.
package faults
