// Package listsync brings one app's domain list on ServerPilot in step with the ledger.
// [Plan] is the decision: a pure function from the current list and the ledger to the
// desired list and an outcome for each domain. [Syncer] is the loop around it: acquire the
// lease, read, plan, write if the list differs, commit, until nothing is pending.
//
// The package knows neither HTTP nor Redis nor asynq. It uses the interfaces [API],
// [Ledger] and [Enqueuer], and defines their contracts.
package listsync
