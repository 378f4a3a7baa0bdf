// Command pilotsync keeps the domain lists of ServerPilot apps in step with
// the domains that WordPress networks map. This package is the command line: a
// small file a subcommand; main only parses and dispatches.
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
)

// Exit codes, as docs/cli.md has them.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// commands is the whole command line; kong fills it in from flags and environment.
type commands struct {
	Demo       demoCmd       `cmd:"" help:"Show it all at work on this machine: embedded Redis, simulated ServerPilot, a real worker."`
	Worker     workerCmd     `cmd:"" help:"Take changes off the queue and bring the lists in step."`
	Web        webCmd        `cmd:"" help:"Serve the page alone, without working."`
	Enqueue    enqueueCmd    `cmd:"" help:"Put changes on the queue, and follow them."`
	Status     statusCmd     `cmd:"" help:"Show where domains stand."`
	Logs       logsCmd       `cmd:"" help:"Show what happened to a domain, and what each verification saw."`
	Apps       appsCmd       `cmd:"" help:"Show where apps stand: domains by state, room, what waits, trouble."`
	Verify     verifyCmd     `cmd:"" help:"Verify domains now: DNS, AutoSSL, certificate."`
	Doctor     doctorCmd     `cmd:"" help:"Check whether everything is in order, and say what to do where it isn't."`
	History    historyCmd    `cmd:"" help:"Show the last writes of an app's list, and what each changed."`
	Restore    restoreCmd    `cmd:"" help:"Undo what the last writes of an app's list changed."`
	Reconcile  reconcileCmd  `cmd:"" help:"Put a list right that isn't as it should be, or show the difference."`
	Adopt      adoptCmd      `cmd:"" help:"Take over names that are on an app's list already."`
	Pause      pauseCmd      `cmd:"" help:"Have changes of apps wait."`
	Resume     resumeCmd     `cmd:"" help:"Let paused apps go on."`
	Retry      retryCmd      `cmd:"" help:"Send changes again that ServerPilot refused."`
	Events     eventsCmd     `cmd:"" help:"Show what the webhook is told, and send it again."`
	Quarantine quarantineCmd `cmd:"" help:"Show what asynq could do nothing with, and was taken off the queues."`
	Simulate   simulateCmd   `cmd:"" help:"Run a stand-in for ServerPilot, DNS and web servers, to try things with."`
	Passwords  passwordsCmd  `cmd:"" help:"Make the passwords of services that are started together, and show them."`
	Healthy    healthyCmd    `cmd:"" help:"Ask the process beside it whether it lives; for containers."`
	Completion completionCmd `cmd:"" help:"Have the shell complete commands, flags and states."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
	Man        manCmd        `cmd:"" hidden:"" help:"Write the manual pages."`
	HelpFor    helpCmd       `cmd:"" name:"help" help:"Show the help of a command."`

	PrintVersion kong.VersionFlag `short:"v" name:"version" help:"Print the version."`
}

const description = "Keeps the domain lists of ServerPilot apps in step with WordPress networks, and sees each domain through to a working certificate."

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
		// One wish can arrive twice: timeout(1) and others signal the process and
		// its group. Only a person or a supervisor who lost patience comes later.
		patient := time.Now().Add(time.Second)
		for range signals {
			if time.Now().After(patient) {
				fmt.Fprintln(os.Stderr, "pilotsync: a second signal: ended at once")
				os.Exit(exitFailed)
			}
		}
	}()
	// go-redis has one log for the whole process, and would tell a person of each
	// connection that fails; the commands say once what matters.
	redislog.Disable()
	os.Exit(run(ctx, os.Args[1:], newStreams(os.Stdin, os.Stdout, os.Stderr)))
}

// run is the program without the process around it.
func run(ctx context.Context, args []string, s *streams) int {
	var cli commands
	exit, helped, out := -1, exitDone, s.Out
	if len(args) == 0 {
		args, helped, out = []string{"--help"}, exitUsage, s.Err
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
		kong.Exit(func(code int) { exit = max(code, helped) }),
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
		err, kctx = usageError{err}, parse.Context
	} else if err = env.RefuseUnknown(kctx, s.environ()); err == nil {
		err = kctx.Run()
	}
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errShown):
		return exitFailed
	case isUsage(err):
		s.notice("pilotsync: %v\nTry: %s --help", err, called(kctx))
		return exitUsage
	default:
		s.notice("pilotsync: %v", err)
		return exitFailed
	}
}

// called is the command of a call, such as "pilotsync enqueue add".
func called(kctx *kong.Context) string {
	if node := kctx.Selected(); node != nil {
		return node.FullPath()
	}
	return kctx.Model.Name
}
