package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

// domainsToFind are domains that a command is about, on some apps or all.
type domainsToFind struct {
	App []string `predictor:"app" help:"App of the domains; give it again for more. Default: all that have them."`

	renamed renamed // of the names that check was given
}

// check puts the domains into their canonical form.
func (f *domainsToFind) check(domains []string) error {
	var errs []error
	for _, app := range f.App {
		if err := tasks.CheckAppID(app); err != nil {
			errs = append(errs, fmt.Errorf("--app: %w", err))
		}
	}
	for i, raw := range domains {
		domain, err := tasks.ParseDomain(raw)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		f.renamed.note(raw, domain)
		domains[i] = domain
	}
	return errors.Join(errs...)
}

// find returns where the domains stand, in the order given. Its error names those
// that no app knows.
func (f *domainsToFind) find(ctx context.Context, l *ledger.Ledger, domains []string) ([]ledger.View, error) {
	apps, err := f.App, error(nil)
	if len(apps) == 0 {
		if apps, err = l.Apps(ctx); err != nil {
			return nil, err
		}
	}
	found := map[string][]ledger.View{}
	for _, app := range apps {
		views, err := l.Domains(ctx, app, domains...)
		if err != nil {
			return nil, err
		}
		for _, v := range views {
			found[v.Domain] = append(found[v.Domain], v)
		}
	}
	var all []ledger.View
	var unknown []string
	for i, domain := range domains {
		switch {
		case slices.Contains(domains[:i], domain):
		case found[domain] == nil:
			unknown = append(unknown, domain)
		default:
			all = append(all, found[domain]...)
		}
	}
	if unknown != nil {
		where := ""
		if len(f.App) > 0 {
			where = " on app " + strings.Join(f.App, ", ")
		}
		return nil, fmt.Errorf("not known%s: %s (if it was enqueued, no worker has taken it yet)", where, strings.Join(unknown, ", "))
	}
	return all, nil
}
