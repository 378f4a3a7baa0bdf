// Package worker is the consumer: it takes tasks off the queue and does what
// they say. Each task type has its handler in a file of its own; the way of a
// change through them is
//
//	change.go   domain:add, domain:remove: into the ledger, and the app's sync started
//	sync.go     app:sync: the app's list brought in step (worker/listsync), the first verification started
//	verify.go   ssl:verify: one look at DNS, AutoSSL and TLS (worker/certcheck), the next one started
//	event.go    the app's outbox, which each commit and verification fills, made into tasks
//	deliver.go  event:deliver: one event told to the webhook
//
// and beside them sweep.go finds what a crash left lying. worker.go wires it all
// up: four asynq servers, each with slots of its own, so that a slow kind of
// work never holds up another.
package worker
