// Package tasks defines what is on the queue: task types, payloads, ids, queue names,
// the states of a domain, and the rules for host names. It does no I/O and imports no
// other package of this module, so producers and consumers share one definition.
package tasks
