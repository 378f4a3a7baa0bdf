package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"

	"pilotsync/enqueue"
	"pilotsync/internal/config"
	"pilotsync/tasks"
	"pilotsync/worker"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
	"pilotsync/worker/operator"
)

type reconcileCmd struct {
	redisFlags
	accountFlags
	config.ListSettings
	yesFlag

	DryRun bool `name:"dry-run" help:"Only show what a sync would change now; it needs the account's key."`
	JSON   bool `name:"json" help:"With --dry-run: print one JSON array of differences."`
}

// Help is shown under the command's own --help.
func (*reconcileCmd) Help() string {
	return `Each app's list is looked at every hour anyway (PILOTSYNC_RECONCILE); this asks for it now. If the account's key is given, it reads the list first and shows what a sync will change; without it, Redis is enough, and it shows only the names that waiting changes take off. If more than ten names leave, or more than a tenth of the list, it asks whether to go on; without a terminal it needs --yes. With --dry-run it reads the list from ServerPilot, takes the same settings as 'pilotsync worker', and shows what a sync would take off (-) and put on (+), and why. Then nothing is written and no task is enqueued.

Examples:

    pilotsync reconcile --app=app1

    pilotsync reconcile --app=app1 --dry-run

    pilotsync reconcile --app=app1 --dry-run --json | jq -e 'length == 0'      # in step?`
}

// Run asks for a sync, or shows what it would do.
func (c *reconcileCmd) Run(ctx context.Context, s *streams) error {
	app, err := c.app()
	if err != nil {
		return err
	}
	if c.JSON && !c.DryRun {
		return usageError{fmt.Errorf("--json is for --dry-run only")}
	}
	var cfg worker.Config
	if c.DryRun || c.hasKey() {
		if cfg, err = c.plannerConfig(); err != nil {
			return err
		}
	}
	rdb, err := c.connect(ctx, s)
	if err != nil {
		return err
	}
	defer rdb.Close()
	if c.DryRun {
		return c.dryRun(ctx, s, rdb, cfg, app)
	}
	if err := c.confirmSync(ctx, s, rdb, cfg, app); err != nil {
		return err
	}
	if err := operator.New(rdb).Sync(ctx, app); err != nil {
		return err
	}
	s.notice("'pilotsync history --app=%s' shows what it wrote.", app)
	return s.printf("a sync of app %s was asked for\n", app)
}

// hasKey reports whether the list can be read.
func (c *reconcileCmd) hasKey() bool { return c.Config != "" || c.APIKey != "" || c.APIKeyFile != "" }

// plannerConfig is what a worker needs that only plans.
func (c *reconcileCmd) plannerConfig() (worker.Config, error) {
	p := config.NewParser(os.ReadFile)
	set := config.Worker{
		API: c.APISettings.Parse(p), Rules: c.ListSettings.Parse(p),
		SSLDelays: []time.Duration{time.Minute}, // nothing is verified
	}
	set.Accounts, _ = c.AccountSettings.Parse(p)
	cfg := workerConfig(set)
	cfg.Log = logrus.New()
	cfg.Log.SetOutput(io.Discard)
	return cfg, p.Err()
}

// confirmSync shows on standard error what a sync will change, and has it confirmed
// where much of the list leaves. Without an account it knows the waiting changes only.
func (c *reconcileCmd) confirmSync(ctx context.Context, s *streams, rdb redis.UniversalClient, cfg worker.Config, app string) error {
	l := ledger.New(rdb)
	state, err := l.App(ctx, app)
	if err != nil || state.Paused != "" || state.Wake == 0 {
		return err // asking for the sync will tell
	}
	if len(cfg.Accounts) == 0 {
		views, err := l.Domains(ctx, app)
		if err != nil {
			return err
		}
		return c.confirmRemovals(ctx, s, l, waitingChanges(views))
	}
	found, err := drift(ctx, rdb, cfg, app)
	if err != nil {
		return fmt.Errorf("nothing was asked for: %w", err)
	}
	if len(found.differences) > 0 {
		if err := found.print(s.asNotices(), app); err != nil {
			return fmt.Errorf("print the differences: %w", err)
		}
	}
	off := removal{app, found.plan.Removed, found.listed()}
	if !needsConfirmation(len(off.names), off.listed) {
		return nil
	}
	return c.confirm(ctx, s, question(off, len(found.plan.Added)))
}

// waitingChanges are those that no sync has dealt with, in the order of their numbers.
func waitingChanges(views []ledger.View) []enqueue.Request {
	slices.SortFunc(views, func(a, b ledger.View) int { return cmp.Compare(a.Seq, b.Seq) })
	var reqs []enqueue.Request
	for _, v := range views {
		if v.Pending != nil {
			reqs = append(reqs, enqueue.Request{AppID: v.AppID, Domain: v.Domain, Remove: v.Pending.Remove, WWW: v.Pending.WWW})
		}
	}
	return reqs
}

func (c *reconcileCmd) dryRun(ctx context.Context, s *streams, rdb redis.UniversalClient, cfg worker.Config, app string) error {
	found, err := drift(ctx, rdb, cfg, app)
	if err != nil {
		return err
	}
	if c.JSON {
		err = printJSON(s.Out, found.differences)
	} else {
		err = found.print(s, app)
	}
	if err != nil {
		return fmt.Errorf("print the differences: %w", err)
	}
	return nil
}

// difference is a name that a sync would put on the list, or take off it, as --json
// prints it. The keys are a contract with whoever reads them.
type difference struct {
	Name   string `json:"name"`
	Change string `json:"change"` // add or remove
	Why    string `json:"why"`
}

// drifted is how a list isn't as it should be.
type drifted struct {
	differences []difference
	plan        listsync.Result
	refused     []string // changes that a sync would refuse, with why
}

func drift(ctx context.Context, rdb redis.UniversalClient, cfg worker.Config, app string) (drifted, error) {
	cfg.Redis = rdb
	wk, err := worker.New(cfg)
	if err != nil {
		return drifted{}, usageError{err}
	}
	views, err := ledger.New(rdb).Domains(ctx, app)
	if err != nil {
		return drifted{}, err
	}
	plan, err := wk.Drift(ctx, app)
	if err != nil {
		return drifted{}, err
	}
	known := map[string]ledger.View{}
	for _, v := range views {
		known[v.Domain] = v
	}
	found := drifted{plan: plan}
	for _, name := range plan.Removed {
		found.differences = append(found.differences, difference{name, "remove", whyOff(name, plan, known)})
	}
	for _, name := range plan.Added {
		found.differences = append(found.differences, difference{name, "add", whyOn(name, plan, known)})
	}
	for _, o := range plan.Outcomes {
		if o.Record.State == tasks.Rejected {
			found.refused = append(found.refused, fmt.Sprintf("%s would be rejected: %s", o.Record.Domain, o.Entry))
		}
	}
	return found, nil
}

// whyOff says why a plan takes a name off.
func whyOff(name string, plan listsync.Result, known map[string]ledger.View) string {
	for _, domain := range []string{name, strings.TrimPrefix(name, "www.")} {
		if v := known[domain]; v.Pending != nil && v.Pending.Remove {
			return "pending change: remove " + domain + askedBy(v)
		}
	}
	if !slices.Contains(plan.Tombstones, name) {
		return "came back: it was taken off within the last day, and nobody asked for it since"
	}
	return "left over: pilotsync put it there, and no domain stands for it any more"
}

// whyOn says why a plan puts a name on.
func whyOn(name string, plan listsync.Result, known map[string]ledger.View) string {
	for _, o := range plan.Outcomes {
		if v := known[o.Record.Domain]; slices.Contains(o.Record.Names, name) {
			if v.Pending != nil {
				return "pending change: add " + v.Domain + askedBy(v)
			}
			return "missing: a name of " + v.Domain
		}
	}
	return "missing"
}

func askedBy(v ledger.View) string {
	switch {
	case v.Pending.By != "":
		return ", asked for by " + v.Pending.By
	case v.Pending.SiteID != 0:
		return fmt.Sprintf(", asked for by site %d", v.Pending.SiteID)
	}
	return ""
}

// listed is the number of names on the list as it is.
func (d drifted) listed() int { return len(d.plan.List) - len(d.plan.Added) + len(d.plan.Removed) }

// print shows the differences as a diff does.
func (d drifted) print(s *streams, app string) error {
	var b strings.Builder
	switch {
	case len(d.differences) == 0:
		fmt.Fprintf(&b, "app %s is in step: a sync would change nothing on its list of %s\n", app, counted(len(d.plan.List), "name"))
	default:
		fmt.Fprintf(&b, "--- app %s's list as it is, %s\n+++ as a sync would make it, %s\n", app,
			counted(d.listed(), "name"), counted(len(d.plan.List), "name"))
	}
	wide := 0
	for _, diff := range d.differences {
		wide = max(wide, len(diff.Name))
	}
	for _, diff := range d.differences {
		sign := "+"
		if diff.Change == "remove" {
			sign = "-"
		}
		fmt.Fprintf(&b, "%s %-*s  %s\n", sign, wide, plain(diff.Name), plain(diff.Why))
	}
	for _, line := range d.refused {
		b.WriteString(plain(line) + "\n")
	}
	return s.printf("%s", b.String())
}
