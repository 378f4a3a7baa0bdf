package redisurl

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// RefusedError: Redis answers, but refuses the client's login or its user's command. Waiting
// doesn't help; a person must act.
type RefusedError struct {
	User string // of the client's login; empty if the URL has neither user nor password
	Err  error  // Redis's error with its code, such as WRONGPASS
}

// Error names the user and the rule.
func (e *RefusedError) Error() string {
	text := e.Err.Error()
	switch {
	case strings.Contains(text, "sentinels"):
		return "a Sentinel refuses the login, see sentinel_user and sentinel_password: " + text
	case strings.Contains(text, "NOPERM"):
		return fmt.Sprintf("Redis lets user %q in, but doesn't allow this command: %s", cmp.Or(e.User, "default"), text)
	case strings.Contains(text, noDatabase):
		return "Redis has no database of this number: " + text
	case e.User == "":
		return "Redis wants a user and a password, and none is given: " + text
	}
	return fmt.Sprintf("Redis refuses the login of user %q: %s", e.User, text)
}

// Unwrap returns Redis's error.
func (e *RefusedError) Unwrap() error { return e.Err }

// refusals are prefixes of errors about a missing login or right, from Redis or from go-redis
// for a Sentinel. Servers without users, or with the user default only, use those with ERR.
var refusals = [...]string{"WRONGPASS ", "NOAUTH ", "NOPERM ", "ERR AUTH ", "ERR Protocol error: unauthenticated", "ERR invalid password", "ERR Client sent AUTH", noDatabase}

// noDatabase is what SELECT answers to a number beyond Redis's setting "databases".
const noDatabase = "DB index is out of range"

// AsRefused returns the error of a client as a [RefusedError], if it is one. The client may
// be nil; then a new RefusedError has no user.
func AsRefused(client redis.UniversalClient, err error) (*RefusedError, bool) {
	if err == nil {
		return nil, false
	}
	var known *RefusedError
	if errors.As(err, &known) {
		return known, true
	}
	// A Sentinel's error is only a part of a text.
	for _, code := range refusals {
		if strings.Contains(err.Error(), code) {
			return &RefusedError{User: userOf(client), Err: err}, true
		}
	}
	return nil, false
}

// userOf returns the user of a client's login.
func userOf(client redis.UniversalClient) string {
	var user, password string
	switch c := client.(type) {
	case *redis.Client:
		user, password = c.Options().Username, c.Options().Password
	case *redis.ClusterClient:
		user, password = c.Options().Username, c.Options().Password
	}
	if user == "" && password != "" {
		return "default" // Redis's user for a password alone
	}
	return user
}

// NameUser makes a client's errors about missing rights (NOPERM) name the user.
func NameUser(client redis.UniversalClient) { client.AddHook(namer{client}) }

type namer struct{ client redis.UniversalClient }

func (n namer) name(err error) error {
	if err == nil || !redis.IsPermissionError(err) {
		return err
	}
	return &RefusedError{User: userOf(n.client), Err: err}
}

// DialHook implements redis.Hook.
func (n namer) DialHook(next redis.DialHook) redis.DialHook {
	return next
}

// ProcessHook implements redis.Hook.
func (n namer) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		return n.name(next(ctx, cmd))
	}
}

// ProcessPipelineHook implements redis.Hook.
func (n namer) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		for _, cmd := range cmds {
			cmd.SetErr(n.name(cmd.Err()))
		}
		return n.name(err)
	}
}
