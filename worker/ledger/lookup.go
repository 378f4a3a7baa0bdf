package ledger

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"pilotsync/worker/listsync"
)

// fewApps is how many apps are asked themselves: the index of names takes as many commands.
const fewApps = 2

// toAsk returns which apps to ask for which of the domains: those of the given apps, or of all apps
// if there are none, that may have one.
func (l *Ledger) toAsk(ctx context.Context, apps, domains []string) (map[string][]string, error) {
	ask := map[string][]string{}
	if len(domains) == 0 {
		return ask, nil
	}
	if len(apps) == 0 || len(apps) > fewApps {
		with, ok, err := l.appsWith(ctx, domains)
		if err != nil {
			return nil, err
		}
		if ok && len(apps) > 0 {
			maps.DeleteFunc(with, func(app string, _ []string) bool { return !slices.Contains(apps, app) })
		}
		if ok {
			return with, nil
		}
	}
	if len(apps) == 0 {
		var err error
		if apps, err = l.Apps(ctx); err != nil {
			return nil, err
		}
	}
	for _, app := range apps {
		ask[app] = domains
	}
	return ask, nil
}

// Lookup returns the named domains of some apps, or of all apps if none is named, sorted by app and
// name, and the failures of the apps that have one of them. Unknown domains are left out. With a
// complete index of names it takes two commands, and three for each app.
func (l *Ledger) Lookup(ctx context.Context, apps, domains []string) ([]View, map[string]listsync.Failure, error) {
	ask, err := l.toAsk(ctx, apps, slices.Compact(slices.Sorted(slices.Values(domains))))
	if err != nil {
		return nil, nil, err
	}
	at, syncs, err := l.rows(ctx, ask, nil)
	if err != nil {
		return nil, nil, err
	}
	views, failures := slices.Collect(maps.Values(at)), map[string]listsync.Failure{}
	for _, v := range views {
		if failure := failureOf(syncs[v.AppID]); failure != nil {
			failures[v.AppID] = *failure
		}
	}
	slices.SortFunc(views, func(a, b View) int {
		return cmp.Or(strings.Compare(a.AppID, b.AppID), strings.Compare(a.Domain, b.Domain))
	})
	return views, failures, nil
}

// Wanted returns the records of those of the named domains that are wanted, for each of the
// apps that has one.
func (l *Ledger) Wanted(ctx context.Context, apps, domains []string) (map[string][]listsync.Record, error) {
	if len(apps) == 0 {
		return nil, nil
	}
	ask, err := l.toAsk(ctx, apps, domains)
	if err != nil {
		return nil, err
	}
	answers := map[string]*redis.SliceCmd{}
	if err := l.pipelined(ctx, func(p redis.Pipeliner) {
		for app, domains := range ask {
			answers[app] = p.HMGet(ctx, key(app, "domains"), domains...)
		}
	}); err != nil {
		return nil, fmt.Errorf("look up %d domains on %d apps: %w", len(domains), len(ask), err)
	}
	found := map[string][]listsync.Record{}
	for app, answer := range answers {
		records, err := decodeAll(app, "the record", foundFields(ask[app], answer.Val()), decodeRecord)
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			if r.Wanted {
				found[app] = append(found[app], r)
			}
		}
	}
	return found, nil
}

// OwnedByOtherApps returns those of the names that other apps own, each with the first such app.
func (l *Ledger) OwnedByOtherApps(ctx context.Context, app string, names []string) (map[string]string, error) {
	ask, err := l.toAsk(ctx, nil, DomainsWith(names))
	if err != nil {
		return nil, err
	}
	delete(ask, app)
	others := slices.Sorted(maps.Keys(ask))
	owned := make([][]*redis.BoolCmd, len(others))
	if err := l.pipelined(ctx, func(p redis.Pipeliner) {
		for i, other := range others {
			for _, name := range names {
				owned[i] = append(owned[i], p.SIsMember(ctx, key(other, "ours"), name))
			}
		}
	}); err != nil {
		return nil, fmt.Errorf("find the names that other apps own: %w", err)
	}
	elsewhere := map[string]string{}
	for i, other := range others {
		for j, name := range names {
			if owned[i][j].Val() {
				elsewhere[name] = cmp.Or(elsewhere[name], other)
			}
		}
	}
	return elsewhere, nil
}

// DomainsWith returns the domains whose names may be among the given ones, sorted.
func DomainsWith(names []string) (domains []string) {
	for _, name := range names {
		domains = append(domains, name)
		if base, isWWW := strings.CutPrefix(name, "www."); isWWW {
			domains = append(domains, base)
		}
	}
	slices.Sort(domains)
	return slices.Compact(domains)
}
