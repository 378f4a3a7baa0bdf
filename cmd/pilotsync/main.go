// Command pilotsync keeps the domain lists of ServerPilot apps in step with
// the domains that WordPress networks map. This package is the command line: a file
// for each command. The connection to Redis is in redis.go, flags that several
// commands have are in flags.go and domains.go, and what they print in output.go.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	redislog "github.com/redis/go-redis/v9/logging"

	"pilotsync/internal/config"
	"pilotsync/internal/terminal"
	"pilotsync/internal/text"
)

// Exit codes, as docs/cli.md has them.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// commands is the whole command line; kong fills it in from flags and environment.
type commands struct {
	Demo       demoCmd       `cmd:"" help:"Run everything on this machine: embedded Redis, simulated ServerPilot, a real worker."`
	Worker     workerCmd     `cmd:"" help:"Process changes from the queue, and keep the lists in sync."`
	Web        webCmd        `cmd:"" help:"Serve the dashboard without a worker."`
	Enqueue    enqueueCmd    `cmd:"" help:"Put changes on the queue, and follow them."`
	Status     statusCmd     `cmd:"" help:"Show the state of domains."`
	Logs       logsCmd       `cmd:"" help:"Show what happened to a domain, and the result of each verification."`
	Apps       appsCmd       `cmd:"" help:"Show the state of apps: domains by state, room on the list, waiting changes, trouble."`
	Verify     verifyCmd     `cmd:"" help:"Verify domains now: DNS, AutoSSL, certificate."`
	Check      checkCmd      `cmd:"" help:"Check whether domains would work, before they are added."`
	DNS        dnsCmd        `cmd:"" name:"dns" help:"Show the DNS records that domains need, and what DNS has."`
	Doctor     doctorCmd     `cmd:"" help:"Check that everything is in order, and say what to do if it isn't."`
	History    historyCmd    `cmd:"" help:"Show the last writes of an app's list, and what each changed."`
	Restore    restoreCmd    `cmd:"" help:"Undo what the last writes of an app's list changed."`
	Reconcile  reconcileCmd  `cmd:"" help:"Repair drift of a list, or show it."`
	Adopt      adoptCmd      `cmd:"" help:"Import names that are already on an app's list."`
	Pause      pauseCmd      `cmd:"" help:"Make the changes of apps wait."`
	Resume     resumeCmd     `cmd:"" help:"Resume paused apps."`
	Retry      retryCmd      `cmd:"" help:"Send refused changes again."`
	Events     eventsCmd     `cmd:"" help:"Show the webhook's events, and deliver them again."`
	Quarantine quarantineCmd `cmd:"" help:"Show messages that asynq can't process, and that were moved off the queues."`
	Simulate   simulateCmd   `cmd:"" help:"Run a stand-in for ServerPilot, DNS and web servers, to try things with."`
	Passwords  passwordsCmd  `cmd:"" help:"Make and show the passwords of services that are started together."`
	Healthy    healthyCmd    `cmd:"" help:"Check that the pilotsync process on this machine is alive; for containers."`
	Completion completionCmd `cmd:"" help:"Set up the shell's completion of commands, flags and states."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
	Man        manCmd        `cmd:"" hidden:"" help:"Write the manual pages."`
	HelpFor    helpCmd       `cmd:"" name:"help" help:"Show the help of a command."`

	PrintVersion kong.VersionFlag `short:"v" name:"version" help:"Print the version."`
}

const description = "Keeps the domain lists of ServerPilot apps in step with WordPress networks, and verifies that each domain gets a working certificate."

// usageError is an error in how the program was called or set up: exit code 2.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

// isUsage reports whether the call or the settings are wrong.
func isUsage(err error) bool {
	var usage usageError
	var settings config.Error
	return errors.As(err, &usage) || errors.As(err, &settings)
}

// errShown ends the program with exit code 1 after the command has shown why itself.
var errShown = errors.New("already shown")

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() { // until the process ends
		<-signals
		cancel()
		// timeout(1) and others signal both the process and its group, so the same
		// request can arrive twice at once. A later signal is a new one.
		repeated := time.Now().Add(time.Second)
		for range signals {
			if time.Now().After(repeated) {
				fmt.Fprintln(os.Stderr, "pilotsync: a second signal: ended at once")
				os.Exit(exitFailed)
			}
		}
	}()
	// go-redis has one log for the whole process, with a line for each connection
	// that fails. A command reports a failure once.
	redislog.Disable()
	os.Exit(run(ctx, os.Args[1:], terminal.New(os.Stdin, os.Stdout, os.Stderr)))
}

// run is the program without the process around it.
func run(ctx context.Context, args []string, s *terminal.Streams) int {
	var cli commands
	exit, helpCode, out := -1, exitDone, s.Out
	if len(args) == 0 {
		args, helpCode, out = []string{"--help"}, exitUsage, s.Err
	}
	if args[0] == "help" && (len(args) == 1 || !strings.HasPrefix(args[1], "-")) {
		args = append(args[1:len(args):len(args)], "--help")
	}
	env := config.NewEnvironment(s.LookupEnv)
	parser, err := kong.New(&cli, append(env.Options(),
		kong.Name("pilotsync"),
		kong.Vars{"version": versionLine()},
		kong.Description(description),
		kong.Writers(out, s.Err),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Exit(func(code int) { exit = max(code, helpCode) }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(s),
	)...)
	if err != nil {
		panic(err) // the struct above is wrong: a programming error that every test shows
	}
	if completeLine(parser, s) {
		return exitDone
	}
	kctx, err := parser.Parse(args)
	if exit >= 0 { // --help or --version
		return exit
	}
	var parse *kong.ParseError
	if errors.As(err, &parse) {
		err, kctx = usageError{errors.New(text.HideURLs(err.Error()))}, parse.Context
	} else if err = env.RefuseUnknown(kctx, s.Environment()); err == nil {
		err = kctx.Run()
	}
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errShown):
		return exitFailed
	case isUsage(err):
		s.Noticef("pilotsync: %v\nTry: %s --help", err, commandName(kctx))
		return exitUsage
	default:
		s.Noticef("pilotsync: %v", err)
		return exitFailed
	}
}

// commandName is the command of a call, such as "pilotsync enqueue add".
func commandName(kctx *kong.Context) string {
	if node := kctx.Selected(); node != nil {
		return node.FullPath()
	}
	return kctx.Model.Name
}
