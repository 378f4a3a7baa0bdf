package janitor

import (
	_ "embed"

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed dump.lua
	dumpLua string
	//go:embed keep.lua
	keepLua string
	//go:embed keys.lua
	keysLua string
	//go:embed lease.lua
	leaseLua string
	//go:embed names.lua
	namesLua string
	//go:embed page.lua
	pageLua string
	//go:embed read.lua
	readLua string
	//go:embed relabel.lua
	relabelLua string
	//go:embed remove.lua
	removeLua string
	//go:embed scan.lua
	scanLua string
	//go:embed unlisted.lua
	unlistedLua string
)

// scripts are how the janitor reads and changes asynq's queues.
type scripts struct{ dump, keys, lease, names, page, read, relabel, remove, scan, unlisted *redis.Script }

func newScripts() scripts {
	return scripts{
		dump: redis.NewScript(dumpLua), keys: redis.NewScript(keysLua), lease: redis.NewScript(leaseLua), names: redis.NewScript(namesLua), page: redis.NewScript(pageLua), read: redis.NewScript(readLua),
		relabel: redis.NewScript(relabelLua), remove: redis.NewScript(removeLua), scan: redis.NewScript(scanLua), unlisted: redis.NewScript(unlistedLua),
	}
}
