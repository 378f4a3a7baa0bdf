// Package doctor finds out whether everything a worker needs is in order. Its one idea: each
// check has two parts. One reads; it does the I/O and can't fail. The other is pure; it
// evaluates what was read, and says what a person must do.
//
// It changes nothing: it only reads Redis and ServerPilot (the calls count towards the account's
// rate, though), and the webhook gets no event. If something can't be read, there is a warning.
package doctor

import "slices"

// Status is the outcome of a check.
type Status string

// The outcomes.
const (
	OK      Status = "ok"
	Warning Status = "warning" // works, but not as it should, or couldn't be checked
	Failure Status = "failure" // doesn't work until a person acts
)

// The checks, in the order of their results.
const (
	CheckSettings    = "settings"
	CheckWPConfig    = "wp-config"
	CheckRedis       = "redis"
	CheckVersion     = "redis-version"
	CheckPersistence = "redis-persistence"
	CheckReplay      = "redis-replay"
	CheckEviction    = "redis-eviction"
	CheckMemory      = "redis-memory"
	CheckSizes       = "redis-sizes"
	CheckFunctions   = "redis-functions"
	CheckRedisClock  = "redis-clock"
	CheckKeys        = "redis-keys"
	CheckDNS         = "dns"
	CheckAPI         = "api"
	CheckAPIClock    = "api-clock"
	CheckCredentials = "credentials"
	CheckCard        = "card"
	CheckApp         = "app"
	CheckServer      = "server"
	CheckRoom        = "room"
	CheckShared      = "shared-names"
	CheckCertificate = "certificate"
	CheckCoverage    = "coverage"
	CheckAddress     = "address"
	CheckOutbound    = "outbound"
	CheckWorkers     = "workers"
	CheckDryRun      = "dry-run"
	CheckLedger      = "ledger"
	CheckBacklog     = "backlog"
	CheckTasks       = "tasks"
	CheckArchive     = "archive"
	CheckTrouble     = "trouble"
	CheckServed      = "served"
	CheckWebhook     = "webhook"
	CheckEvents      = "events"
)

// Result is the outcome of one check. Its texts hold no secret.
type Result struct {
	Check  string `json:"check"`
	Status Status `json:"status"`
	Detail string `json:"detail"`
	// Remedy is what a person has to do; empty for nothing.
	Remedy string `json:"remedy"`
	App    string `json:"app,omitempty"` // the app that it is about, if it is about one
}

// Failed reports whether any of the checks failed.
func Failed(results []Result) bool {
	return slices.ContainsFunc(results, func(r Result) bool { return r.Status == Failure })
}

func ok(check, detail string) Result { return Result{Check: check, Status: OK, Detail: detail} }

func warning(check, detail, remedy string) Result {
	return Result{Check: check, Status: Warning, Detail: detail, Remedy: remedy}
}

func failure(check, detail, remedy string) Result {
	return Result{Check: check, Status: Failure, Detail: detail, Remedy: remedy}
}

// about says which app the results are about.
func about(app string, results ...Result) []Result {
	for i := range results {
		results[i].App = app
	}
	return results
}
