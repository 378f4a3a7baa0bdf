// Package workload is for tests of the whole program: it puts requests on the queue
// all the while, remembers each that was acknowledged, and holds what has become of
// them against that. It is kept apart from anything that the program has.
package workload
