package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"pilotsync/internal/nearest"
	"pilotsync/worker"
	"pilotsync/worker/ledger"
)

// knownApps are the apps by which a mistyped one is recognized.
type knownApps struct {
	recorded []string // in the ledger
	live     []ledger.Worker
}

func readKnownApps(ctx context.Context, l *ledger.Ledger) (k knownApps, err error) {
	if k.recorded, err = l.Apps(ctx); err != nil {
		return k, err
	}
	k.live, err = l.Workers(ctx)
	return k, err
}

// served are the apps that the live workers serve, sorted.
func (k knownApps) served() []string {
	var all []string
	for _, w := range k.live {
		all = append(all, w.Apps...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// check refuses an app that is neither in the ledger nor served by a live worker.
func (k knownApps) check(app string) error {
	all := append(k.served(), k.recorded...)
	if slices.Contains(all, app) {
		return nil
	}
	return usageError{fmt.Errorf("app %s is not known: no worker has taken a change for it, and no live worker serves it%s", app, didYouMean(app, all))}
}

// enqueueable refuses an app that no live worker serves, unless force is set. Where no
// worker says what it serves, or who asks may not see it, it says only that.
func enqueueable(ctx context.Context, s *streams, l *ledger.Ledger, app string, force bool) error {
	live, err := l.Workers(ctx)
	served := knownApps{live: live}.served()
	switch {
	case err != nil:
		s.notice("note: whether a worker serves app %s could not be looked up: %v", app, err)
	case len(live) == 0:
		s.notice("note: no worker is alive, or none says what it serves; changes wait for one that serves app %s", app)
	case len(worker.ServedBy(live, app)) > 0:
	case force:
		s.notice("note: no live worker serves app %s; changes wait for one that does", app)
	default:
		return usageError{fmt.Errorf("nothing was enqueued: no live worker serves app %s%s\nIf one will serve it, give --force", app, didYouMean(app, served))}
	}
	return nil
}

// didYouMean names the nearest of the known apps.
func didYouMean(app string, known []string) string {
	if len(known) == 0 {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", strings.TrimSpace(nearest.Word(app, known)))
}
