package worker

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/sirupsen/logrus"

	"pilotsync/internal/serverpilot"
	"pilotsync/tasks"
	"pilotsync/worker/appcache"
	"pilotsync/worker/followup"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
	"pilotsync/worker/registry"
)

// sharedNames finds names that two apps of an account have on their lists. ServerPilot allows
// that, and of one server's apps it serves the one whose name comes first in the alphabet. A
// domain that moves from one app to another passes through this state.
type sharedNames struct {
	apps     *appcache.Cache
	registry *registry.Registry
	ledger   *ledger.Ledger
	enqueuer followup.Enqueuer
	log      *logrus.Entry
}

// Limits where many apps have a name. The apps that ServerPilot prefers come first in the warnings.
// What is beyond the rechecks, the daily ones find.
const (
	mostWarnings       = 3  // of a domain
	mostRechecksOfName = 10 // by one commit
)

// warnings are about the other apps that have names of a listed domain, one for each app. Which
// names they have comes from the ledger, since reading their lists would delay verifications. An
// app that ServerPilot doesn't answer for is left out: that must not hold up a verification.
func (s *sharedNames) warnings(ctx context.Context, app serverpilot.App, names []string) ([]tasks.Cause, error) {
	found, err := s.ledger.Wanted(ctx, s.registry.Load().Siblings(app.ID), ledger.DomainsWith(names))
	if err != nil {
		return nil, err
	}
	app.Domains = names // what was read of it may be older than the domain's sync
	apps := []serverpilot.App{app}
	for id, records := range found {
		listed := listedNames(records)
		if len(listed) == 0 {
			continue
		}
		if other, err := s.apps.TryKnownApp(ctx, id); err == nil {
			other.Domains = listed
			apps = append(apps, other)
		}
	}
	shared := serverpilot.SharedNames(apps)[app.ID]
	return shared[:min(len(shared), mostWarnings)], ctx.Err()
}

func listedNames(records []listsync.Record) (names []string) {
	for _, r := range records {
		if r.State.Listed() {
			names = append(names, r.Names...)
		}
	}
	return names
}

// committed rechecks domains of other apps that share a name with one that a commit listed or
// removed: their warnings come or go.
func (s *sharedNames) committed(ctx context.Context, done listsync.Settlement) {
	others := s.registry.Load().Siblings(done.App)
	var names []string
	for _, d := range done.Domains {
		switch d.Resolution {
		case listsync.ResolutionListed, listsync.ResolutionUnchanged, listsync.ResolutionRemoved:
			names = append(names, d.Record.Names...)
		}
	}
	found, err := s.ledger.Wanted(ctx, others, ledger.DomainsWith(names))
	errs := []error{err}
	rechecks := map[string]int{} // by name
	for _, app := range slices.Sorted(maps.Keys(found)) {
		for _, r := range found[app] {
			at := slices.IndexFunc(r.Names, func(n string) bool { return slices.Contains(names, n) })
			if at < 0 || rechecks[r.Names[at]] == mostRechecksOfName {
				continue
			}
			rechecks[r.Names[at]]++
			errs = append(errs, s.recheckNow(ctx, app, r, done.At))
		}
	}
	if err := errors.Join(errs...); err != nil && ctx.Err() == nil {
		taskLog(ctx, s.log, done.App).WithError(err).Warn("other apps have the same domains, and can't be rechecked now; a daily recheck does it")
	}
}

// recheckNow brings the recheck of a domain forward; a verification under way needs none.
func (s *sharedNames) recheckNow(ctx context.Context, app string, r listsync.Record, now time.Time) error {
	if r.RecheckAt == nil || !now.Before(*r.RecheckAt) {
		return nil
	}
	after := r
	after.RecheckAt = &now
	ok, err := s.ledger.CommitVerification(ctx, app, r, after, listsync.HistoryEntry{})
	if err != nil || !ok { // it was changed meanwhile
		return err
	}
	return s.enqueuer.Recheck(ctx, followup.NextRecheck(app, after))
}
