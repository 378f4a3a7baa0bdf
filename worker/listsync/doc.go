// Package listsync brings one app's domain list on ServerPilot in step with the
// ledger. [Plan] is the decision, a pure function from the list as it is and
// the ledger as it stands to the list as it should be and an outcome for every
// domain. [Syncer] is the loop around it: take the lease, read, plan, write if
// it differs, commit, until nothing is pending.
//
// The package knows neither HTTP nor Redis nor asynq: it talks to an [API], a
// [Ledger] and a [Follower], whose contracts are written down here.
package listsync
