package main

import (
	"bytes"
	"context"
	"pilotsync/internal/terminal"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/alicebob/miniredis/v2"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// go-redis's own; it ends within a second after its client is closed.
		goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

// output is a command's exit code and output.
type output struct {
	code     int
	out, err string
}

// command runs the program in this process.
func command(t *testing.T, env vars, stdin string, args ...string) output {
	t.Helper()
	return commandUnder(t.Context(), env, stdin, args...)
}

func commandUnder(ctx context.Context, env vars, stdin string, args ...string) output {
	var out, errs bytes.Buffer
	code := run(ctx, args, &terminal.Streams{In: strings.NewReader(stdin), Out: &out, Err: &errs, LookupEnv: env.Lookup, Environ: env.Environ})
	return output{code, out.String(), errs.String()}
}

// sized is a terminal's size.
func sized(columns, lines int) func() (int, int) {
	return func() (int, int) { return columns, lines }
}

// onRedis is an environment with a Redis of its own.
func onRedis(t *testing.T) (vars, *miniredis.Miniredis) {
	t.Helper()
	mini := miniredis.RunT(t)
	return vars{"REDIS_URL": "redis://" + mini.Addr()}, mini
}

func TestWithoutArgumentsItShowsHelpAndFails(t *testing.T) {
	t.Parallel()
	got := command(t, nil, "")
	if got.code != exitUsage || got.out != "" || !strings.Contains(got.err, "Usage: pilotsync <command>") {
		t.Errorf("got %+v", got)
	}
}

func TestEveryCommandHasHelpWithExamples(t *testing.T) {
	t.Parallel()
	parser, err := kong.New(&commands{}, kong.Name("pilotsync"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	var walk func(*kong.Node)
	walk = func(node *kong.Node) {
		for _, child := range node.Children {
			walk(child)
			n++
			args := strings.Fields(strings.TrimPrefix(child.FullPath(), "pilotsync"))
			t.Run(strings.Join(args, " "), func(t *testing.T) {
				t.Parallel()
				got := command(t, nil, "", append(args, "--help")...)
				_, examples, found := strings.Cut(got.out, "Examples:\n")
				if got.code != exitDone || !found || !strings.Contains(examples, "    pilotsync "+args[0]) && !strings.Contains(examples, "(pilotsync "+args[0]) {
					t.Errorf("exit code %d, help:\n%s%s", got.code, got.out, got.err)
				}
				if child.Help == "" {
					t.Error("it has no line in the list of commands")
				}
			})
		}
	}
	walk(parser.Model.Node)
	if n < 16 {
		t.Errorf("%d commands were found", n)
	}
}

func TestAWrongCallExitsWithTwo(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ args, want string }{
		{"fly", "unexpected argument fly"},
		{"enqueue", "expected one of"},
		{"status --nope", "unknown flag --nope"},
		{"status --state=lost", `--state is "lost"; it takes one of [pending`},
		{"status --app=a/b", `app_id is "a/b"`},
		{"status example", `domain "example" is refused`},
		{"status --redis-url=x://y", `scheme "x" is unknown`},
		{"enqueue add --app=a", "no domain is given"},
		{"enqueue add example.com", "no app is given; name it with --app (or in WU_SERVER_PILOT_APP_ID)"},
		{"enqueue add example.com --app=a,b", `"a,b" is several apps; say with --app which one is meant`},
		{"enqueue add example.com --app=a --www=x", `--www is "x"; it takes always, main_only or never`},
		{"enqueue add example.com --app=a --timeout=0s", "--timeout is 0s; it takes a duration such as 10m"},
		{"enqueue add example.com --app=a --site-id=-1", "--site-id is -1; it takes a number from 1"},
		{"enqueue add example.com --app=a --by=a\x01", "--by is \"a\\x01\"; it takes a name"},
		{"verify", "expected \"<domain> ...\""},
		{"verify example", `domain "example" is refused`},
		{"verify example.com --app=a/b", `--app: app_id is "a/b"`},
		{"verify example.com --timeout=-1s", "--timeout is -1s; it takes a duration such as 10m"},
		{"logs example", `domain "example" is refused`},
		{"apps a/b", `app_id is "a/b"`},
		{"apps --app=a/b", `--app: app_id is "a/b"`},
		{"history --app=a -n 51", "--last is 51; it takes a number from 1 to 50"},
		{"history", "no app is given"},
		{"restore --app=a", "missing flags: --at=TIME|WRITE"},
		{"restore --app=a,b --at=-1", `"a,b" is several apps`},
		{"restore --app=a --at=-1", `--at is "-1"; it takes the number of a write`},
		{"reconcile", "no app is given"},
		{"reconcile --app=a --json", "--json is for --dry-run only"},
		{"adopt --app=a", "no name is given; name some"},
		{"adopt --app=a --all example.com", "--all and names are both given"},
		{"adopt --app=a example", `domain "example" is refused`},
		{"adopt --app=a --all", "WU_SERVER_PILOT_API_KEY (--api-key) is not set"},
		{"pause", "missing flags: --app=ID"},
		{"resume --app=a/b", `--app: app_id is "a/b"`},
		{"pause --app=a --by=a\x01", "--by is \"a\\x01\"; it takes a name"},
		{"completion csh", `must be one of`},
		{"enqueue remove --app=a --file=/nowhere/names", "--file: open /nowhere/names: no such file"},
	} {
		t.Run(test.args, func(t *testing.T) {
			t.Parallel()
			got := command(t, nil, "", strings.Fields(test.args)...)
			if got.code != exitUsage || !strings.Contains(got.err, test.want) || got.out != "" {
				t.Errorf("got %+v; want code 2 and %s", got, test.want)
			}
		})
	}
}
