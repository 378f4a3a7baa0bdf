package doctor

import (
	"context"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"pilotsync/enqueue/functions"
)

// producerUser is the user of users.acl as which WordPress enqueues.
const producerUser = "php"

// producerRights says how producers may enqueue.
type producerRights struct {
	missing    int // functions that Redis lacks
	missingErr error
	// scripts: producerUser may run Lua of its own. known is false if there is no such user, or if
	// Redis doesn't say.
	scripts, known bool
}

func readProducerRights(ctx context.Context, rdb redis.UniversalClient) (p producerRights) {
	p.missing, p.missingErr = functions.Missing(ctx, rdb)
	answer, err := rdb.ACLDryRun(ctx, producerUser, "EVAL", "return 1", "0").Result()
	p.known = err == nil
	p.scripts = answer == "OK"
	return p
}

// evaluateFunctions: a user who may run Lua can stop Redis. Without it, producers need functions.
func evaluateFunctions(n node) Result {
	p := n.producers
	const acl = "In users.acl, replace the line of the user php by that of deployments/redis/users.acl, and keep its password. Then run ACL LOAD as admin."
	switch {
	case p.known && p.scripts:
		remedy := acl + " Before that, all clients with its login have to be of this release, and a worker has to have loaded the functions."
		return warning(CheckFunctions, "the user php may run Lua of its own: whoever has its login can stop Redis with an endless loop", remedy)
	case p.missingErr != nil && functions.Unavailable(p.missingErr) && !p.known:
		return ok(CheckFunctions, fmt.Sprintf("producers run scripts, or functions that aren't known: %s", strings.TrimSpace(p.missingErr.Error())))
	case p.missingErr != nil:
		return warning(CheckFunctions, fmt.Sprintf("whether producers can enqueue could not be checked: %v", p.missingErr),
			"Run the doctor with a worker's REDIS_URL. Its user needs '+function|list', as deployments/redis/users.acl has it.")
	case p.missing > 0 && p.known:
		return failure(CheckFunctions, fmt.Sprintf("Redis lacks %d functions, without which the user php can't enqueue", p.missing),
			"Start a worker of this release, which loads them. Its user needs '+function|load +function|list', as deployments/redis/users.acl has it.")
	case p.missing > 0:
		return ok(CheckFunctions, "Redis has none of the functions of this release yet, so producers run scripts; a worker loads the functions")
	}
	return ok(CheckFunctions, "Redis has the functions with which producers enqueue")
}
