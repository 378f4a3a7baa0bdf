package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

// replayUser is the user as which Redis replays its append-only file. Commands of
// transactions and scripts that this user may not run are dropped.
const replayUser = "default"

// replayRights are the rights of replayUser, as Redis reports them.
type replayRights struct {
	lacks string // what the user may not do; empty if nothing was found
	err   error  // why Redis didn't say
	// byHand is what a person can run in that case, and the expected result.
	byHand string
}

// replayed are writes of the kinds that asynq and the ledger leave in the file.
var replayed = [...][]any{
	{"SET", "asynq:{q}:x", "1"}, {"SET", "pilotsync:{a}:x", "1"}, {"SET", "rate:x", "1"},
	{"DEL", "asynq:{q}:x"}, {"HSET", "pilotsync:{a}:x", "f", "1"}, {"HDEL", "pilotsync:{a}:x", "f"},
	{"LPUSH", "asynq:{q}:x", "1"}, {"LREM", "asynq:{q}:x", "1", "1"}, {"RPOPLPUSH", "asynq:{q}:x", "asynq:{q}:y"},
	{"LTRIM", "pilotsync:{a}:x", "0", "1"}, {"SADD", "pilotsync:apps", "a"}, {"SREM", "pilotsync:{a}:x", "a"},
	{"ZADD", "asynq:{q}:x", "1", "m"}, {"ZREM", "asynq:{q}:x", "m"}, {"INCR", "asynq:{q}:x"},
	{"PEXPIREAT", "asynq:{q}:x", "1"}, {"PERSIST", "asynq:{q}:x"},
}

// readReplayRights asks for replayUser's rights with ACL DRYRUN, which shows no password
// hash. Redis before 7.0 doesn't know it: there ACL GETUSER is asked.
func readReplayRights(ctx context.Context, rdb redis.UniversalClient) replayRights {
	var answers []*redis.StringCmd
	_, err := rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, command := range replayed {
			answers = append(answers, p.ACLDryRun(ctx, replayUser, command...))
		}
		return nil
	})
	if err != nil {
		if strings.Contains(strings.ToLower(err.Error()), "unknown subcommand") {
			return rightsFromUser(ctx, rdb)
		}
		return replayRights{err: fmt.Errorf("ACL DRYRUN is refused: %w", err),
			byHand: "'redis-cli --user admin --askpass ACL DRYRUN default SET pilotsync:x 1'. It has to answer OK"}
	}
	for i, answer := range answers {
		if answer.Val() != "OK" {
			return replayRights{lacks: fmt.Sprintf("%s on %s", replayed[i][0], replayed[i][1])}
		}
	}
	return replayRights{}
}

// rightsFromUser is readReplayRights on Redis before 7.0.
func rightsFromUser(ctx context.Context, rdb redis.UniversalClient) replayRights {
	answer, err := rdb.Do(ctx, "ACL", "GETUSER", replayUser).Result()
	if err != nil {
		return replayRights{err: fmt.Errorf("ACL GETUSER is refused: %w", err),
			byHand: "'redis-cli --user admin --askpass ACL GETUSER default'. It has to show '+@all' and all keys ('*')"}
	}
	user := map[any]any{}
	switch fields := answer.(type) {
	case map[any]any: // RESP3
		user = fields
	case []any: // RESP2
		for i := 0; i+1 < len(fields); i += 2 {
			user[fields[i]] = fields[i+1]
		}
	}
	words := func(field string) []string { // keys are a list in 6.2, and a string from 7.0 on
		return strings.Fields(strings.Trim(fmt.Sprint(user[field]), "[]"))
	}
	switch {
	case !slices.Contains(words("commands"), "+@all"):
		return replayRights{lacks: fmt.Sprintf("commands (it has %q)", user["commands"])}
	case !slices.Contains(words("keys"), "*") && !slices.Contains(words("keys"), "~*"):
		return replayRights{lacks: fmt.Sprintf("keys (it has %q)", user["keys"])}
	}
	return replayRights{}
}

// evaluateReplay: a restart keeps only what replayUser may write.
func evaluateReplay(n node) Result {
	aof, known := n.info["aof_enabled"]
	switch {
	case known && aof != "1":
		return ok(CheckReplay, "there is no append-only file that a restart has to replay")
	case n.replay.err != nil:
		return warning(CheckReplay, fmt.Sprintf("whether a restart keeps everything could not be checked: %v", n.replay.err),
			fmt.Sprintf("Run this by hand: %s. From Redis 7.0 on, the doctor sees it itself if its user has '+acl|dryrun'.", n.replay.byHand))
	case n.replay.lacks == "":
		return ok(CheckReplay, "the user default may replay the append-only file at a restart")
	}
	const remedy = "Don't restart Redis before its ACL file has the line 'user default off resetpass allkeys allchannels +@all'. Then run " +
		"ACL LOAD and BGREWRITEAOF as admin. If Redis has restarted already, see docs/operations/recovery.md, \"A restart brought back only a part\"."
	detail := "a restart of Redis loses transactions and scripts: it replays its append-only file as the user default, who lacks " + n.replay.lacks
	if !known {
		return warning(CheckReplay, detail+"; whether there is such a file is not known", remedy)
	}
	return failure(CheckReplay, detail, remedy)
}
