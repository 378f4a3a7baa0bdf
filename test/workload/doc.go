// Package workload is for tests of the whole program. It enqueues requests, remembers each
// acknowledged one, and compares the outcome with them. It uses nothing of the program's own
// records.
package workload
