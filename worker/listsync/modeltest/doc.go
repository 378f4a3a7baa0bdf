// Package modeltest has only the model test of the sync, which runs the real sync on the
// real ledger through random schedules.
//
// A scheduler steps virtual workers one call at a time. Each runs [listsync.Syncer.Sync]
// and stops at every call until the scheduler lets the call succeed, lets it fail, or lets
// the worker die there. Time is virtual, too. The result is compared with a simple model
// of the requests, which knows nothing about plans. rapid draws everything, so a failing
// schedule can be repeated, is shortened, and is printed step by step.
package modeltest
