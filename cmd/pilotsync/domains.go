package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"pilotsync/internal/safefile"
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
	views, _, err := l.Lookup(ctx, f.App, domains)
	if err != nil {
		return nil, err
	}
	found := map[string][]ledger.View{}
	for _, v := range views {
		found[v.Domain] = append(found[v.Domain], v)
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

func unknownDomains(where string, domains []string) error {
	return fmt.Errorf("not known%s: %s (if it was enqueued, no worker has taken it yet)", where, strings.Join(domains, ", "))
}

// Limits of a file of names.
const (
	maxNames      = 20_000 // far more than an app has; a removal of them takes some 230 MB
	maxLine       = 1000   // bytes; a name has 253 at most
	maxWrongShown = 20     // wrong lines that the error shows
)

// readInput returns what a file or, if file is -, in has, and how errors call it.
func readInput(file string, in io.Reader) (shown string, content []byte, err error) {
	if file != "-" {
		content, err = safefile.Read(file) // its error names the file
		return file, content, err
	}
	const stdin = "standard input"
	if content, err = safefile.ReadAll(in); err != nil {
		err = fmt.Errorf("%s: %w", stdin, err)
	}
	return stdin, content, err
}

// eachLine calls do with each name in the file of the flag --file; - is in. Empty lines and lines
// that start with # are skipped. Its error says where each wrong line is; of many it shows the
// first.
func eachLine(file string, in io.Reader, do func(raw string) error) error {
	shown, content, err := readInput(file, in)
	if err != nil {
		return fmt.Errorf("--file: %w", err)
	}
	content = bytes.TrimPrefix(content, []byte("\uFEFF")) // an editor's mark of the file's encoding
	var errs []error
	number, names, wrong := 0, 0, 0
	for line := range strings.Lines(string(content)) {
		number++
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if names++; names > maxNames {
			return fmt.Errorf("--file: %s has more than %d names; split it", shown, maxNames)
		}
		var err error
		if len(line) > maxLine {
			err = fmt.Errorf("it has %d bytes; a name has 253 at most", len(line))
		} else {
			err = do(line)
		}
		if err == nil {
			continue
		}
		if wrong++; wrong <= maxWrongShown {
			errs = append(errs, fmt.Errorf("line %d of %s: %w", number, shown, err))
		}
	}
	if more := wrong - maxWrongShown; more > 0 {
		errs = append(errs, fmt.Errorf("and %s of %s", counted(more, "more wrong line"), shown))
	}
	return errors.Join(errs...)
}
