// Package functions has the Lua scripts that producers run. Workers load each as a function of
// Redis (FUNCTION LOAD), too. So a limited user of Redis can enqueue without the right to run Lua
// of its own. Redis keeps functions over a restart, and gives them to its replicas.
package functions

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
)

//go:embed seq.lua
var seqSource string

//go:embed changes.lua
var changesSource string

//go:embed asynq.lua
var asynqSource string

// Script is a Lua script. Its function takes the same keys and arguments, and its caller needs the
// same rights on keys and commands.
type Script struct {
	*redis.Script
	source string
}

func newScript(source string) Script { return Script{redis.NewScript(source), source} }

// Seq is seq.lua, Changes is changes.lua: the head of each says what it takes.
func Seq() Script     { return newScript(seqSource) }
func Changes() Script { return newScript(changesSource) }

// Task is the script by which asynq v0.26 enqueues a task, byte for byte. Keys: the task, the list
// of pending tasks. Arguments: message, id, time in ns. It returns 0 if the task exists.
func Task() Script { return newScript(asynqSource) }

const prefix = "pilotsync_"

// Function is the name of the script's function and of its library. It depends on the whole text,
// as that of EVALSHA does. So programs of several releases can share a Redis.
func (s Script) Function() string { return prefix + s.Hash() }

// library is the text of the script's library.
func (s Script) library() string {
	return fmt.Sprintf("#!lua name=%s\nredis.register_function('%[1]s', function(KEYS, ARGV)\n%s\nend)\n", s.Function(), s.source)
}

// Missing returns how many of this release's functions a server lacks. It is for one server, so
// for each master of a Cluster. A Redis before 7.0 has no functions, and some managed ones forbid
// them: then [Unavailable] reports true for the error.
func Missing(ctx context.Context, server redis.UniversalClient) (int, error) {
	missing, err := missing(ctx, server)
	return len(missing), err
}

func missing(ctx context.Context, server redis.UniversalClient) (map[string]Script, error) {
	found, err := server.FunctionList(ctx, redis.FunctionListQuery{LibraryNamePattern: prefix + "*"}).Result()
	if err != nil {
		return nil, fmt.Errorf("list Redis's functions: %w", err)
	}
	scripts := map[string]Script{}
	for _, s := range []Script{Seq(), Changes(), Task()} {
		scripts[s.Function()] = s
	}
	for _, library := range found {
		delete(scripts, library.Name)
	}
	return scripts, nil
}

// Load loads this release's functions into a Redis that lacks them, and into each master of a
// Cluster. It returns how many it loaded, and errors as [Missing] does. It leaves the functions of
// other releases alone.
func Load(ctx context.Context, rdb redis.UniversalClient) (loaded int, err error) {
	var count atomic.Int64
	load := func(ctx context.Context, server redis.UniversalClient) error {
		missing, err := missing(ctx, server)
		if err != nil {
			return err
		}
		for name, s := range missing {
			err := server.FunctionLoad(ctx, s.library()).Err()
			switch {
			case err == nil:
				count.Add(1)
			case !strings.Contains(err.Error(), "already exists"): // another worker was first
				return fmt.Errorf("load the function %s into Redis: %w", name, err)
			}
		}
		return nil
	}
	if cluster, is := rdb.(*redis.ClusterClient); is {
		err = cluster.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) error { return load(ctx, master) })
	} else {
		err = load(ctx, rdb)
	}
	return int(count.Load()), err
}

// Unavailable reports whether an error is the answer of a Redis that lacks a function, knows no
// functions, or denies them to its user.
func Unavailable(err error) bool {
	var reply redis.Error
	if !errors.As(err, &reply) {
		return false
	}
	text := reply.Error()
	return strings.HasPrefix(text, "ERR Function not found") || strings.HasPrefix(text, "ERR unknown command") || denied(err)
}

// denied reports whether Redis denies its user a command.
func denied(err error) bool { return redis.HasErrorPrefix(err, "NOPERM") }
