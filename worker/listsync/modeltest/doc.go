// Package modeltest holds the test that runs the real sync over the real ledger
// through random schedules, and nothing else.
//
// A scheduler steps virtual workers one call at a time: each runs
// [listsync.Syncer.Sync] and stands still at every call it makes until the
// scheduler lets it go on, die there, or fail. Time is virtual, too. Against
// them stands a simple model of what was asked for; it knows nothing of plans.
// Everything is drawn by rapid, so a failing schedule repeats, is made shorter
// and is printed step by step.
package modeltest
