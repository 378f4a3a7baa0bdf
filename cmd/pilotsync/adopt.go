package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"pilotsync/enqueue"
	"pilotsync/internal/config"
	"pilotsync/internal/safefile"
	"pilotsync/internal/serverpilot"
	"pilotsync/internal/terminal"
	"pilotsync/internal/text"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/restore"
)

type adoptCmd struct {
	redisFlags
	accountFlags
	operatorFlag

	All     bool     `help:"Import all names of the list."`
	File    string   `short:"f" predictor:"file" placeholder:"FILE" help:"File with a name a line, 20,000 at most, - for standard input; empty lines and lines that start with # are skipped."`
	DryRun  bool     `name:"dry-run" help:"Only show what would be imported."`
	Domains []string `arg:"" optional:"" name:"domain" help:"Names on the list to import."`

	notes canonicalNotes // on the names that were given
}

// Help is shown under the command's own --help.
func (*adoptCmd) Help() string {
	return `Imports names that are already on an app's list, put there by hand or by a plugin, into the ledger. A name and its www form become one domain if both are listed. From then on pilotsync owns the names: it puts them back if they are missing, and takes them off when their domain is removed. Nothing is written to ServerPilot; certificates are verified as for new domains. The command reads the list, so it needs the account's key.

Names that the ledger already has, and names that can't be a domain, are skipped. If one of the given names isn't on the list, nothing is imported. A name that leaves the list before a worker processes the request ends rejected; it isn't put back.

Examples:

    pilotsync adopt --app=app1 --all --dry-run

    pilotsync adopt --app=app1 shop.example.com www.shop.example.com --by=ada

    wp site list --field=domain | pilotsync adopt --app=app1 --file=-`
}

// Validate is called by kong after parsing.
func (c *adoptCmd) Validate() error {
	_, err := c.operator()
	switch some := c.File != "" || len(c.Domains) > 0; {
	case c.All && some:
		err = errors.Join(err, errors.New("--all and names are both given; it takes one of them"))
	case !c.All && !some:
		err = errors.Join(err, errors.New("no name is given; name some, take a file of them with --file, or all with --all"))
	}
	return err
}

// Run imports the names.
func (c *adoptCmd) Run(ctx context.Context, s *terminal.Streams) error {
	app, appErr := c.app()
	by, byErr := c.operator()
	asked, namesErr := c.asked(s.In)
	if err := errors.Join(appErr, byErr, namesErr); err != nil {
		return usageError{fmt.Errorf("nothing was imported:\n%w", err)}
	}
	c.notes.print(s.Err)
	p := config.NewParser(safefile.Read)
	api := c.APISettings.Parse(p)
	accounts := c.AccountSettings.Parse(p)
	if err := p.Err(); err != nil {
		return err
	}
	return c.withLedger(ctx, s, func(db database) error {
		lists, err := serverpilot.NewLists(db.rdb, api.APIURL, api.APIRate, accounts)
		if err != nil {
			return usageError{err}
		}
		defer lists.Close()
		list, err := lists.List(ctx, app)
		if err != nil {
			return fmt.Errorf("nothing was imported: %w", err)
		}
		views, err := db.ledger.Domains(ctx, app)
		if err != nil {
			return err
		}
		found, err := importable(list, asked, views)
		if err != nil {
			return fmt.Errorf("nothing was imported from app %s's list: %w", app, err)
		}
		if !c.DryRun {
			if err := noteNoWorker(ctx, s, db.ledger); err != nil {
				return err
			}
			if err := c.enqueue(ctx, db, app, by, found.domains); err != nil {
				return err
			}
		}
		return found.print(s, app, c.DryRun)
	})
}

func (c *adoptCmd) enqueue(ctx context.Context, db database, app, by string, domains []string) error {
	var reqs []enqueue.Request
	for _, domain := range domains {
		reqs = append(reqs, enqueue.Request{AppID: app, Domain: domain, Import: true, IfListed: true, By: by})
	}
	if _, err := db.enqueue(ctx, "adopt all of them", reqs...); err != nil {
		return err
	}
	return c.endLoss(ctx, db.ledger, app)
}

// endLoss ends the reports of a lost ledger for an app whose whole list was imported.
func (c *adoptCmd) endLoss(ctx context.Context, l *ledger.Ledger, app string) error {
	identity, err := l.Identity(ctx)
	if err != nil || !c.All || identity.ID == "" {
		return err
	}
	return l.RecordHandover(ctx, app, identity.ID)
}

// asked are the names given, in canonical form; nil for all.
func (c *adoptCmd) asked(in io.Reader) ([]string, error) {
	if c.All {
		return nil, nil
	}
	names, given, errs := []string{}, map[string]bool{}, []error(nil)
	add := func(raw string) error {
		name, err := tasks.ParseDomain(raw)
		if err != nil {
			return err
		}
		c.notes.add(raw, name)
		if !given[name] {
			names, given[name] = append(names, name), true
		}
		return nil
	}
	for _, raw := range c.Domains {
		errs = append(errs, add(raw))
	}
	if c.File != "" {
		errs = append(errs, eachLine(c.File, in, add))
	}
	return names, errors.Join(errs...)
}

// importPlan is what to import from a list.
type importPlan struct {
	domains []string
	withWWW map[string]bool // domains that have their www form on the list
	known   int             // names that the ledger already has
	refused []string        // why names can't be a domain
}

// importable plans the import of names from a list; asked are names in canonical form,
// nil for all.
func importable(list, asked []string, views []ledger.View) (importPlan, error) {
	plan := importPlan{withWWW: map[string]bool{}}
	var onList []string // in canonical form
	for _, raw := range list {
		name, err := tasks.ParseDomain(raw)
		switch {
		case err != nil && asked == nil:
			plan.refused = append(plan.refused, text.Printable(err.Error()))
		case err == nil && !slices.Contains(onList, name):
			onList = append(onList, name)
		}
	}
	if asked == nil {
		asked = onList
	}
	var missing []string
	for _, name := range asked {
		if !slices.Contains(onList, name) {
			missing = append(missing, name)
		}
	}
	if missing != nil {
		return importPlan{}, fmt.Errorf("not on it: %s ('pilotsync enqueue add' puts domains there)", strings.Join(missing, ", "))
	}
	has := inLedger(views)
	var left []string
	for _, name := range asked {
		if has[name] {
			plan.known++
			continue
		}
		left = append(left, name)
	}
	plan.domains = restore.Domains(left)
	for _, domain := range plan.domains {
		www := "www." + domain
		plan.withWWW[domain] = slices.Contains(onList, www) && slices.Contains(tasks.Names(domain, tasks.WWWAlways), www)
	}
	return plan, nil
}

// inLedger are the names of desired domains, and of those that wait to be put on the
// list.
func inLedger(views []ledger.View) map[string]bool {
	has := map[string]bool{}
	for _, v := range views {
		switch {
		case v.Pending != nil && v.Pending.Remove:
		case v.Pending != nil:
			for _, name := range tasks.Names(v.Domain, tasks.WWWAlways) {
				has[name] = has[name] || name == v.Domain || v.Pending.WWW != tasks.WWWNever
			}
		case v.Record.Wanted:
			has[v.Domain] = true
			for _, name := range v.Record.Names {
				has[name] = true
			}
		}
	}
	return has
}

func (plan importPlan) print(s *terminal.Streams, app string, dry bool) error {
	var b strings.Builder
	for _, domain := range plan.domains {
		b.WriteString(domain)
		if plan.withWWW[domain] {
			b.WriteString(", with www." + domain)
		}
		b.WriteString("\n")
	}
	verb := "imported into"
	if dry {
		verb = "to be imported into"
	}
	fmt.Fprintf(&b, "%s %s the ledger of app %s", counted(len(plan.domains), "domain"), verb, app)
	if dry {
		b.WriteString("; nothing was enqueued (--dry-run)")
	}
	b.WriteString("\n")
	if plan.known > 0 {
		s.Noticef("%s skipped: the ledger already has them", counted(plan.known, "name"))
	}
	for _, refused := range plan.refused {
		s.Noticef("skipped: %s", refused)
	}
	return s.Printf("%s", b.String())
}
