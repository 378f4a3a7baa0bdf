package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"pilotsync/internal/text"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

// Domains as arguments of commands, and from files.

// canonicalNotes describe the names that differ from what was typed in.
type canonicalNotes []string

func (notes *canonicalNotes) add(typed, canonical string) {
	if typed != canonical {
		*notes = append(*notes, text.Printable(typed)+" → "+canonical)
	}
}

// print shows a person which names are meant.
func (notes canonicalNotes) print(out io.Writer) {
	for _, line := range notes {
		fmt.Fprintln(out, line)
	}
}

// domainsFlag are domains that a command is about, on some apps or all.
type domainsFlag struct {
	App []string `predictor:"app" help:"App of the domains; give it again for more. Default: all that have them."`

	notes canonicalNotes // on the names that check got
}

// check puts the domains into their canonical form.
func (f *domainsFlag) check(domains []string) error {
	errs := []error{checkApps("--app: ", f.App)}
	for i, raw := range domains {
		domain, err := tasks.ParseDomain(raw)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		f.notes.add(raw, domain)
		domains[i] = domain
	}
	return errors.Join(errs...)
}

// find returns the domains' records, in the order given. Its error names those that no
// app has.
func (f *domainsFlag) find(ctx context.Context, l *ledger.Ledger, domains []string) ([]ledger.View, error) {
	apps, err := f.apps(ctx, l)
	if err != nil {
		return nil, err
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
		return nil, unknownDomains(where, unknown)
	}
	return all, nil
}

// apps are those of the flag, or all in the ledger.
func (f *domainsFlag) apps(ctx context.Context, l *ledger.Ledger) ([]string, error) {
	if len(f.App) > 0 {
		return f.App, nil
	}
	return l.Apps(ctx)
}

func unknownDomains(where string, domains []string) error {
	return fmt.Errorf("not known%s: %s (if it was enqueued, no worker has taken it yet)", where, strings.Join(domains, ", "))
}

// eachLine calls do with each name in a file, and a prefix for errors that says where
// the name is. Empty lines and lines that start with # are skipped; file - is in.
func eachLine(file string, in io.Reader, do func(where, raw string)) error {
	shown := "standard input"
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return err
		}
		defer opened.Close()
		in, shown = opened, file
	}
	lines := bufio.NewScanner(in)
	n := 0
	for lines.Scan() {
		n++
		line := lines.Text()
		if n == 1 {
			line = strings.TrimPrefix(line, "\uFEFF") // an editor's mark of the file's encoding
		}
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			do(fmt.Sprintf("line %d of %s: ", n, shown), line)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("line %d of %s: %w", n+1, shown, err)
	}
	return nil
}
