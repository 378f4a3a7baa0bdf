// Package worker is the consumer: it takes tasks off the queues and handles them. Each
// task type has its handler in a separate file. A change passes through them:
//
//	change.go    domain:add, domain:remove: record the change in the ledger, wake the app
//	sync.go      app:sync: bring the app's list in step (worker/listsync), enqueue the first verification
//	verify.go    ssl:verify: collect (collect.go), evaluate and record an attempt (attempt.go)
//	             or a recheck (recheck.go)
//	event.go     event:deliver: send an event to the webhook (worker/webhook); each commit and
//	             verification fills the app's outbox, and outbox.go makes tasks of it
//	check.go     domain:check: whether a domain would work, before it is added (worker/precheck)
//
// maintenance.go runs what isn't a task. recoverer.go finds what a dead worker left, and
// loss.go detects a lost ledger. retry.go retries failing apps after a start or a reload.
// dryrun.go ends a dry run, and reconcile.go schedules the hourly reconciliation. announce.go
// says that the worker is alive, and connections.go records whether servers are connected to
// ServerPilot.
//
// worker.go wires everything up. Each queue has a separate asynq server with separate slots,
// so a slow queue never delays another.
package worker
