package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"pilotsync/enqueue"
	"pilotsync/internal/config"
	"pilotsync/internal/safefile"
	"pilotsync/internal/terminal"
	"pilotsync/internal/text"
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
	return `Each app's list is checked for drift every hour (PILOTSYNC_RECONCILE); this command requests a sync now. If it has the account's key, it first reads the list and shows what a sync will change. Without the key it needs Redis only, and shows the names that waiting changes take off. If more than ten names leave, or more than a tenth of the list, it asks for confirmation; without a terminal it needs --yes. With --dry-run it takes the same settings as 'pilotsync worker', and reads the list from ServerPilot. It shows what a sync would take off (-) and put on (+), with reasons. Then nothing is written and no task is enqueued. With --json a list in sync is an empty array.

Examples:

    pilotsync reconcile --app=app1

    pilotsync reconcile --app=app1 --dry-run

    pilotsync reconcile --app=app1 --dry-run --json | jq -e 'length == 0'`
}

// Run requests a sync, or shows what it would do.
func (c *reconcileCmd) Run(ctx context.Context, s *terminal.Streams) error {
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
	return c.withLedger(ctx, s, func(db database) error {
		if c.DryRun {
			return c.dryRun(ctx, s, db, cfg, app)
		}
		if err := c.confirmSync(ctx, s, db, cfg, app); err != nil {
			return err
		}
		if err := noteNoWorker(ctx, s, db.ledger); err != nil {
			return err
		}
		if err := operator.New(db.rdb).Sync(ctx, app); err != nil {
			return err
		}
		s.Noticef("'pilotsync history --app=%s' shows what it wrote.", app)
		return s.Printf("a sync of app %s was requested\n", app)
	})
}

// hasKey reports whether the list can be read.
func (c *reconcileCmd) hasKey() bool { return c.Config != "" || c.APIKey != "" || c.APIKeyFile != "" }

// plannerConfig is the configuration of a worker that only plans.
func (c *reconcileCmd) plannerConfig() (worker.Config, error) {
	p := config.NewParser(safefile.Read)
	set := config.Worker{
		API: c.APISettings.Parse(p), Rules: c.ListSettings.Parse(p),
		SSLDelays: []time.Duration{time.Minute}, // nothing is verified
	}
	set.Accounts = c.AccountSettings.Parse(p)
	cfg := workerConfig(set)
	cfg.Log = logrus.New()
	cfg.Log.SetOutput(io.Discard)
	return cfg, p.Err()
}

// confirmSync shows on standard error what a sync will change, and asks for
// confirmation if much of the list leaves. Without an account it knows only the
// waiting changes.
func (c *reconcileCmd) confirmSync(ctx context.Context, s *terminal.Streams, db database, cfg worker.Config, app string) error {
	state, err := db.ledger.App(ctx, app)
	if err != nil || state.Paused != "" || state.Wake == 0 {
		return err // the request for the sync reports it
	}
	if len(cfg.Accounts) == 0 {
		views, err := db.ledger.Domains(ctx, app)
		if err != nil {
			return err
		}
		return c.confirmRemovals(ctx, s, db.ledger, waitingChanges(views))
	}
	found, err := findDrift(ctx, db, cfg, app)
	if err != nil {
		return fmt.Errorf("no sync was requested: %w", err)
	}
	if len(found.differences) > 0 {
		if err := found.print(s.AsNotices(), app); err != nil {
			return fmt.Errorf("print the differences: %w", err)
		}
	}
	leaving := removal{app, found.plan.Removed, found.listed()}
	if !needsConfirmation(len(leaving.names), leaving.listed) {
		return nil
	}
	return c.confirm(ctx, s, question(leaving, len(found.plan.Added)))
}

// waitingChanges are those that no sync has processed, in the order of their numbers.
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

func (c *reconcileCmd) dryRun(ctx context.Context, s *terminal.Streams, db database, cfg worker.Config, app string) error {
	found, err := findDrift(ctx, db, cfg, app)
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
// prints it. The keys are a contract.
type difference struct {
	Name   string `json:"name"`
	Change string `json:"change"` // add or remove
	Reason string `json:"why"`
}

// drift is the difference between a list and what a sync would write.
type drift struct {
	differences []difference
	plan        listsync.Result
	refused     []string // changes that a sync would refuse, with the reasons
}

func findDrift(ctx context.Context, db database, cfg worker.Config, app string) (drift, error) {
	cfg.Redis = db.rdb
	wk, err := worker.New(cfg)
	if err != nil {
		return drift{}, usageError{err}
	}
	views, err := db.ledger.Domains(ctx, app)
	if err != nil {
		return drift{}, err
	}
	plan, err := wk.Drift(ctx, app)
	if err != nil {
		return drift{}, err
	}
	known := map[string]ledger.View{}
	for _, v := range views {
		known[v.Domain] = v
	}
	found := drift{plan: plan}
	for _, name := range plan.Removed {
		found.differences = append(found.differences, difference{name, "remove", removalReason(name, plan, known)})
	}
	for _, name := range plan.Added {
		found.differences = append(found.differences, difference{name, "add", additionReason(name, plan, known)})
	}
	for _, o := range plan.Outcomes {
		if o.Record.State == tasks.Rejected {
			found.refused = append(found.refused, fmt.Sprintf("%s would be rejected: %s", o.Record.Domain, o.Cause.Sentence()))
		}
	}
	return found, nil
}

// removalReason is why a plan takes a name off.
func removalReason(name string, plan listsync.Result, known map[string]ledger.View) string {
	for _, domain := range []string{name, strings.TrimPrefix(name, "www.")} {
		if v := known[domain]; v.Pending != nil && v.Pending.Remove {
			return "pending change: remove " + domain + requester(v)
		}
	}
	if !slices.Contains(plan.Tombstones, name) {
		return "came back: it was taken off within the last day, and wasn't added since"
	}
	return "left over: pilotsync put it there, and no domain has it any more"
}

// additionReason is why a plan puts a name on.
func additionReason(name string, plan listsync.Result, known map[string]ledger.View) string {
	for _, o := range plan.Outcomes {
		if v := known[o.Record.Domain]; slices.Contains(o.Record.Names, name) {
			if v.Pending != nil {
				return "pending change: add " + v.Domain + requester(v)
			}
			return "missing: a name of " + v.Domain
		}
	}
	return "missing"
}

func requester(v ledger.View) string {
	switch {
	case v.Pending.By != "":
		return ", by " + v.Pending.By
	case v.Pending.SiteID != 0:
		return fmt.Sprintf(", by site %d", v.Pending.SiteID)
	}
	return ""
}

// listed is the number of names on the current list.
func (d drift) listed() int { return len(d.plan.List) - len(d.plan.Added) + len(d.plan.Removed) }

// print shows the differences as a diff does.
func (d drift) print(s *terminal.Streams, app string) error {
	var b strings.Builder
	switch {
	case len(d.differences) == 0:
		fmt.Fprintf(&b, "app %s is in sync: a sync would change nothing on its list of %s\n", app, counted(len(d.plan.List), "name"))
	default:
		fmt.Fprintf(&b, "--- app %s's current list, %s\n+++ as a sync would write it, %s\n", app,
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
		fmt.Fprintf(&b, "%s %-*s  %s\n", sign, wide, text.Printable(diff.Name), text.Printable(diff.Reason))
	}
	for _, line := range d.refused {
		b.WriteString(text.Printable(line) + "\n")
	}
	return s.Printf("%s", b.String())
}
