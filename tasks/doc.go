// Package tasks is the vocabulary of the queue: the task types, their payloads
// and ids, the queue names, the states a domain goes through, and the rules
// for host names. It does no I/O and imports nothing else of this module, so
// that every producer and consumer agrees by construction.
package tasks
