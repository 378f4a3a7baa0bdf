package doctor

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"pilotsync/internal/redisurl"
)

func evaluatePing(shown string, took time.Duration, err error) Result {
	var refused *redisurl.RefusedError
	switch {
	case err == nil:
		return ok(CheckRedis, fmt.Sprintf("%s answers in %s", shown, took.Round(10*time.Microsecond)))
	case errors.As(err, &refused):
		return failure(CheckRedis, fmt.Sprintf("%s answers, but refuses this client: %v", shown, err),
			"Set REDIS_URL to a user and password that this Redis knows, and let the user use all commands on keys that begin with pilotsync:, asynq: and rate:.")
	}
	return failure(CheckRedis, fmt.Sprintf("no answer from %s: %s", shown, reason(err)),
		"Start Redis, or set REDIS_URL to where it is; check that a firewall lets this machine through.")
}

// Redis 6.2 is the first with all the commands that the scripts use.
const leastMajor, leastMinor = 6, 2

func evaluateVersion(n node) Result {
	version := n.info["redis_version"]
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	x, errX := strconv.Atoi(major)
	y, errY := strconv.Atoi(minor)
	switch {
	case errX != nil || errY != nil:
		return warning(CheckVersion, unseen("INFO", "Redis's version", n.infoErr), fmt.Sprintf("Make sure that Redis is %d.%d or later.", leastMajor, leastMinor))
	case x < leastMajor || x == leastMajor && y < leastMinor:
		return failure(CheckVersion, "Redis is "+version, fmt.Sprintf("Update Redis to %d.%d or later.", leastMajor, leastMinor))
	}
	if name := n.info["server_name"]; name == "valkey" && n.info["valkey_version"] != "" {
		version += " by its own count (Valkey " + n.info["valkey_version"] + ")"
	}
	return ok(CheckVersion, "Redis is "+version)
}

const persistenceRemedy = "Set 'appendonly yes' in redis.conf and by CONFIG SET; what waits and what is known of each domain is in Redis alone."

// evaluatePersistence: the ledger survives a crash of Redis only as far as it is on disk.
func evaluatePersistence(n node) Result {
	aof, known := n.info["aof_enabled"]
	if !known {
		return warning(CheckPersistence, unseen("INFO", "whether Redis keeps its data", n.infoErr), "Make sure that Redis keeps its data: 'appendonly yes'.")
	}
	if aof == "1" {
		fsync := n.settings["appendfsync"]
		switch {
		case n.info["aof_last_write_status"] == "err":
			return failure(CheckPersistence, "the append-only file is on, but the last write to it failed",
				"Look into Redis's log; most often its disk is full.")
		case fsync == "no":
			return warning(CheckPersistence, "the append-only file is on with 'appendfsync no': a crash of the machine can lose half a minute of changes", "Set 'appendfsync everysec'.")
		case fsync == "":
			return ok(CheckPersistence, "the append-only file is on (appendfsync isn't known: CONFIG GET isn't allowed)")
		case fsync == "everysec":
			return ok(CheckPersistence, "the append-only file is on, appendfsync everysec: a crash of the machine can lose a second or two")
		}
		return ok(CheckPersistence, "the append-only file is on, appendfsync "+fsync)
	}
	save, told := n.settings["save"]
	switch {
	case n.info["rdb_last_bgsave_status"] == "err":
		return failure(CheckPersistence, "the append-only file is off, and the last snapshot (RDB) failed", "Look into Redis's log; most often its disk is full. "+persistenceRemedy)
	case told && save == "":
		return failure(CheckPersistence, "Redis keeps nothing: neither append-only file nor snapshots are on", persistenceRemedy)
	case told:
		return warning(CheckPersistence, fmt.Sprintf("only snapshots (RDB) are on, 'save %s': a crash loses all changes since the last one", save), persistenceRemedy)
	}
	return warning(CheckPersistence, "the append-only file is off, and CONFIG GET isn't allowed, so whether there are snapshots (RDB) is not known", persistenceRemedy)
}

// evaluateEviction: with any other policy a full Redis drops keys, and so domains and tasks.
func evaluateEviction(n node) Result {
	policy := n.info["maxmemory_policy"]
	const remedy = "Set 'maxmemory-policy noeviction' in redis.conf and by CONFIG SET."
	switch {
	case policy == "":
		return warning(CheckEviction, unseen("INFO", "maxmemory-policy", n.infoErr), "Make sure that Redis drops nothing when it is full: 'maxmemory-policy noeviction'.")
	case policy == "noeviction":
		return ok(CheckEviction, "maxmemory-policy is noeviction")
	case n.info["maxmemory"] == "0":
		return warning(CheckEviction, fmt.Sprintf("maxmemory-policy is %s; it has no effect as long as no maxmemory is set", policy), remedy)
	}
	return failure(CheckEviction, fmt.Sprintf("maxmemory-policy is %s: Redis drops domains and tasks when it is full", policy), remedy)
}

// Shares of its memory that Redis may use.
const (
	memoryWarning = 80
	memoryFailure = 95
)

func evaluateMemory(n node) Result {
	used, err := strconv.ParseInt(n.info["used_memory"], 10, 64)
	limit, limitErr := strconv.ParseInt(n.info["maxmemory"], 10, 64)
	if err != nil || limitErr != nil {
		return warning(CheckMemory, unseen("INFO", "how much memory Redis uses", n.infoErr), "Make sure that Redis has memory left; 50,000 domains need some 100 MiB.")
	}
	limitName := "maxmemory"
	if limit == 0 {
		limitName = "of the machine; maxmemory isn't set"
		if limit, err = strconv.ParseInt(n.info["total_system_memory"], 10, 64); err != nil || limit <= 0 {
			return ok(CheckMemory, fmt.Sprintf("Redis uses %s; maxmemory isn't set", mebibytes(used)))
		}
	}
	percent := used * 100 / limit
	detail := fmt.Sprintf("Redis uses %s of %s (%d %%, %s)", mebibytes(used), mebibytes(limit), percent, limitName)
	const remedy = "Give Redis more memory, or take other data out of it: when it is full it takes no more changes."
	switch {
	case percent >= memoryFailure:
		return failure(CheckMemory, detail, remedy)
	case percent >= memoryWarning:
		return warning(CheckMemory, detail, remedy)
	}
	return ok(CheckMemory, detail)
}

// maxValue is how large a value of a command may be without a warning. Redis's default is 512 MiB.
const maxValue = 16 << 20

// evaluateSizes: workers load no large message, but Redis has to keep it.
func evaluateSizes(n node) Result {
	limit, err := strconv.ParseInt(n.settings["proto-max-bulk-len"], 10, 64)
	switch {
	case err != nil:
		return ok(CheckSizes, "how large a value may be isn't known: CONFIG GET isn't allowed. redis.conf should have 'proto-max-bulk-len 1mb'")
	case limit > maxValue:
		return warning(CheckSizes, fmt.Sprintf("a value may have %s: whoever may enqueue a task can fill Redis with a few", mebibytes(limit)),
			"Set 'proto-max-bulk-len 1mb' in redis.conf and by CONFIG SET.")
	}
	return ok(CheckSizes, "a value may have "+mebibytes(limit))
}

func mebibytes(n int64) string {
	if n < 10<<20 {
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d MiB", n>>20)
}

// How far two clocks may be apart. Leases last 30 s, and asynq measures its own by
// the workers' clocks.
const (
	skewWarning = 2 * time.Second
	skewFailure = 15 * time.Second
)

func evaluateClock(n node) Result {
	if n.clockErr != nil {
		return warning(CheckRedisClock, unseen("TIME", "Redis's clock", n.clockErr), "Make sure that the clocks of Redis and of all workers are right (NTP).")
	}
	return evaluateSkew(CheckRedisClock, "Redis's", n.ahead, n.uncertainty)
}

// evaluateSkew compares a clock with this machine's. The uncertainty of the difference is
// subtracted from it.
func evaluateSkew(check, whose string, ahead, uncertainty time.Duration) Result {
	apart, which := ahead, "ahead of"
	if apart < 0 {
		apart, which = -apart, "behind"
	}
	sure := apart - uncertainty
	detail := fmt.Sprintf("%s clock is %s %s this machine's", whose, rounded(apart), which)
	const remedy = "Let NTP set the clocks of this machine, of Redis's and of all workers' (timedatectl set-ntp true)."
	switch {
	case sure >= skewFailure:
		return failure(check, detail, remedy)
	case sure >= skewWarning:
		return warning(check, detail, remedy)
	}
	return ok(check, fmt.Sprintf("%s clock and this machine's agree to within %s", whose, rounded(apart+uncertainty)))
}

// rounded is a duration with as many digits as a person needs.
func rounded(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return "1ms"
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// unseen says which fact couldn't be checked, and why.
func unseen(command, fact string, err error) string {
	if err != nil {
		return fmt.Sprintf("%s could not be checked: Redis refuses %s: %v", fact, command, err)
	}
	return fmt.Sprintf("%s could not be checked: Redis's answer to %s doesn't have it", fact, command)
}
