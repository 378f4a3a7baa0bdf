package janitor

import (
	_ "embed"

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed keep.lua
	keepLua string
	//go:embed lease.lua
	leaseLua string
	//go:embed relabel.lua
	relabelLua string
	//go:embed remove.lua
	removeLua string
)

// scripts are the janitor's changes of asynq's queues.
type scripts struct{ lease, relabel, remove *redis.Script }

func newScripts() scripts {
	return scripts{lease: redis.NewScript(leaseLua), relabel: redis.NewScript(relabelLua), remove: redis.NewScript(removeLua)}
}
