package ledger

import (
	"embed"
	"fmt"
	"sync"

	"github.com/redis/go-redis/v9"
)

//go:embed *.lua
var luaFiles embed.FS

// scripts are the changes of the ledger, each of which is atomic.
type scripts struct {
	record, acquire, renew, beginWrite, endWrite, commit, release, recordDryRun, fail,
	verified, wake, renewWake, tryLock, announce, identify, lost,
	mark, dueVisits, planVisits, work, takeRechecks, compared, snapshot, domain,
	superseded, checkNumbers, touch, summaries, keepSummaries, app, latest, ended, prune, setAction,
	addNames, auditName, removeNames, findNames, event, snooze, correctTimes, reindex *redis.Script
}

// allScripts are constants. Each holds the prelude, so they take 300 KB, and a worker has several
// ledgers.
var allScripts = sync.OnceValue(func() scripts {
	prelude := lua("prelude")
	script := func(name string) *redis.Script { return redis.NewScript(prelude + lua(name)) }
	return scripts{
		record: script("record"), acquire: script("acquire"), renew: script("renew"),
		beginWrite: script("begin_write"), endWrite: script("end_write"), commit: script("commit"),
		release: script("release"), recordDryRun: script("record_dry_run"), fail: script("fail"),
		verified: script("verified"), wake: script("wake"), renewWake: script("renew_wake"),
		tryLock: script("try_lock"), announce: script("announce"), identify: script("identify"), lost: script("lost"),
		mark: script("mark"), dueVisits: script("due_visits"), planVisits: script("plan_visits"),
		work: script("work"), takeRechecks: script("take_rechecks"), compared: script("compared"), snapshot: script("snapshot"),
		domain: script("domain"),
		touch:  script("touch"), summaries: script("summaries"), keepSummaries: script("keep_summaries"), setAction: script("set_action"),
		addNames: script("add_names"), auditName: script("audit_name"), removeNames: script("remove_names"), findNames: script("find_names"), snooze: script("snooze"),
		app: script("app"), latest: script("latest"),
		superseded: script("superseded"), checkNumbers: script("check_numbers"),
		ended: script("ended"), prune: script("prune"), event: script("event"), correctTimes: script("correct_times"), reindex: script("reindex"),
	}
})

// lua returns an embedded file.
func lua(name string) string {
	text, err := luaFiles.ReadFile(name + ".lua")
	if err != nil {
		panic(fmt.Sprintf("ledger: %v", err))
	}
	return string(text)
}
