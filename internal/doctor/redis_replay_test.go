package doctor

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"pilotsync/internal/config"
	"pilotsync/internal/redisurl"
	"pilotsync/test/redistest"
)

// before7 makes ACL DRYRUN answer like Redis 6.2, which doesn't know it.
type before7 struct{}

func (before7) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (before7) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }
func (before7) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if !strings.EqualFold(cmds[0].Name(), "acl") {
			return next(ctx, cmds)
		}
		err := errors.New("ERR Unknown subcommand or wrong number of arguments for 'DRYRUN'. Try ACL HELP.")
		for _, cmd := range cmds {
			cmd.SetErr(err)
		}
		return err
	}
}

func TestTheRightsOfTheUserWhoReplaysTheFileAreChecked(t *testing.T) {
	t.Parallel()
	none := []string{"ACL SETUSER default resetkeys -@all"}
	for _, test := range []struct {
		name   string
		setUp  []string // commands of admin
		user   string
		old    bool // Redis before 7.0
		status Status
		says   []string // in the detail or the remedy
	}{
		{"as shipped", nil, "worker", false, OK, []string{"may replay the append-only file"}},
		{"with the line of 0.1.0", none, "worker", false, Failure, []string{"loses transactions and scripts", "lacks SET", "allkeys allchannels +@all", "BGREWRITEAOF"}},
		{"with rights to read only", []string{"ACL SETUSER default -@all +@read"}, "worker", false, Failure, []string{"lacks SET"}},
		{"without pilotsync's keys", []string{"ACL SETUSER default resetkeys ~asynq:*"}, "worker", false, Failure, []string{"lacks SET on pilotsync:"}},
		{"without an append-only file", append(none, "CONFIG SET appendonly no"), "worker", false, OK, []string{"there is no append-only file"}},
		{"the worker's line of before", append(none, "ACL SETUSER worker -acl|dryrun"), "worker", false, Warning,
			[]string{"could not be checked: ACL DRYRUN is refused: NOPERM", "redis-cli --user admin --askpass ACL DRYRUN default SET", "+acl|dryrun"}},
		{"before 7.0, all rights", nil, "admin", true, OK, []string{"may replay"}},
		{"before 7.0, no commands", none, "admin", true, Failure, []string{`lacks commands (it has "-@all")`}},
		{"before 7.0, no keys", []string{"ACL SETUSER default resetkeys"}, "admin", true, Failure, []string{"lacks keys"}},
		{"before 7.0, a user who may not ask", none, "worker", true, Warning, []string{"ACL GETUSER is refused: NOPERM"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Shipped(t)
			open := func(user string) redis.UniversalClient {
				rdb, err := redisurl.Open(server.As(user))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = rdb.Close() })
				return rdb
			}
			admin, rdb := open("admin"), open(test.user)
			for _, command := range test.setUp {
				var words []any
				for _, word := range strings.Fields(command) {
					words = append(words, word)
				}
				if err := admin.Do(t.Context(), words...).Err(); err != nil {
					t.Fatal(err)
				}
			}
			if test.old {
				rdb.AddHook(before7{})
			}
			results := checkRedis(t.Context(), config.Redis{Client: rdb, Shown: "redis"})
			i := slices.IndexFunc(results, func(r Result) bool { return r.Check == CheckReplay })
			if i < 0 {
				t.Fatalf("no such check: %+v", results)
			}
			want{test.status, ""}.check(t, results[i])
			for _, says := range test.says {
				if !strings.Contains(results[i].Detail+" "+results[i].Remedy, says) {
					t.Errorf("%q isn't in: %s\n→ %s", says, results[i].Detail, results[i].Remedy)
				}
			}
		})
	}
}

func TestUnreadableRightsAreAWarning(t *testing.T) {
	t.Parallel()
	n := node{replay: replayRights{lacks: "SET on pilotsync:x"}, infoErr: errors.New("NOPERM")}
	want{Warning, "whether there is such a file is not known"}.check(t, evaluateReplay(n))
}
