package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"pilotsync/enqueue"
	"pilotsync/internal/terminal"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

// removal is what a command takes off one app's list.
type removal struct {
	app    string
	names  []string
	listed int // names on the list at the last sync; 0 if that isn't known
}

// removals are the names that requests take off lists, as far as the ledger knows the
// lists, in the order of the requests' apps. An app that keeps all its names is left out.
func removals(ctx context.Context, l *ledger.Ledger, reqs []enqueue.Request) ([]removal, error) {
	var all []removal
	changes := map[string][]listsync.Pending{}
	for _, r := range reqs {
		if changes[r.AppID] == nil {
			all = append(all, removal{app: r.AppID})
		}
		changes[r.AppID] = append(changes[r.AppID], listsync.Pending{Remove: r.Remove, Change: tasks.Change{Domain: r.Domain, WWW: r.WWW}})
	}
	found := all[:0]
	for _, r := range all {
		snapshot, err := l.Snapshot(ctx, r.app, domainsOf(changes[r.app])...)
		// A producer's user may not read the ledger, and a newer release's records can't be
		// read. The names that the requests remove still count, on a list of unknown size.
		unreadable := mayNotRead(err) || errors.Is(err, tasks.ErrNewer)
		if err != nil && !unreadable {
			return nil, fmt.Errorf("read the ledger of app %s: %w", r.app, err)
		}
		if r.names = listsync.WouldRemove(snapshot, changes[r.app]); len(r.names) == 0 {
			continue
		}
		if unreadable {
			found = append(found, r)
			continue
		}
		if r.listed, err = listed(ctx, l, r.app); err != nil {
			return nil, err
		}
		found = append(found, r)
	}
	return found, nil
}

func domainsOf(changes []listsync.Pending) []string {
	domains := make([]string, len(changes))
	for i, c := range changes {
		domains[i] = c.Domain
	}
	return domains
}

// listed is the number of names on an app's list at the last sync.
func listed(ctx context.Context, l *ledger.Ledger, app string) (int, error) {
	states, err := l.AppStates(ctx, app)
	if err != nil {
		return 0, err
	}
	return states[0].Listed, nil
}

// confirmRemovals shows on standard error what requests take off lists, and asks for
// confirmation if that is much of a list.
func (f yesFlag) confirmRemovals(ctx context.Context, s *terminal.Streams, l *ledger.Ledger, reqs []enqueue.Request) error {
	all, err := removals(ctx, l, reqs)
	if err != nil {
		return err
	}
	var large []string
	for _, r := range all {
		fmt.Fprintf(s.Err, "%s:\n", r.heading())
		if err := printDiff(s.Err, nil, r.names); err != nil {
			return fmt.Errorf("show the names that leave: %w", err)
		}
		if needsConfirmation(len(r.names), r.listed) {
			large = append(large, r.describe())
		}
	}
	if large == nil {
		return nil
	}
	return f.confirm(ctx, s, "Take "+strings.Join(large, ", and ")+"?")
}

func (r removal) heading() string {
	if r.listed == 0 {
		return fmt.Sprintf("leaving the list of app %s, whose size isn't known", r.app)
	}
	return fmt.Sprintf("leaving the list of app %s, which has %s", r.app, counted(r.listed, "name"))
}

// describe is what is to be confirmed: "12 of the 143 names off app1's list".
func (r removal) describe() string {
	if r.listed == 0 {
		return fmt.Sprintf("%s off the list of app %s", counted(len(r.names), "name"), r.app)
	}
	return fmt.Sprintf("%d of the %s off the list of app %s", len(r.names), counted(r.listed, "name"), r.app)
}
