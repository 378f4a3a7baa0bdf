package ledger

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/worker/listsync"
)

// The index of names has each domain of each app, so that a domain is found without a look-up in
// each app. Its keys are in the slot of the agenda. A name is added before its change is recorded.
// A name of the index is a hint: the app's own keys say whether it has the domain. The recoverer
// compares an app's number of names with that of its domains every hour, and adds what is missing.
// The index of sites is added to with it: a hint which domains a site has.
const (
	namesKey    = "pilotsync:{agenda}:domains"          // "DOMAIN APP" of each name
	namedKey    = "pilotsync:{agenda}:named"            // the number of names of each app
	completeKey = "pilotsync:{agenda}:domains_complete" // when the index last had all domains
	sitesKey    = "pilotsync:{agenda}:sites"            // "DOMAIN APP" of domains with a WordPress site, by its id
	// sitedKey is completeKey, as workers set it that know the index of sites.
	sitedKey = "pilotsync:{agenda}:sites_complete"
)

// namesAtOnce is how many names one command adds or removes.
const namesAtOnce = 500

// namesComplete reports whether the index of names still has all domains that it had at a time.
// Workers of an earlier release, which don't know the index, may have recorded others since.
func namesComplete(at, oldRecoverer time.Time) bool {
	return !at.IsZero() && at.Sub(oldRecoverer) >= UnmarkedFor
}

// NamesIncomplete reports whether the recoverer has to add the names of all apps. oldRecoverer is
// when a recoverer of an earlier release last began.
func (a Agenda) NamesIncomplete(oldRecoverer time.Time) bool {
	return a.complete.After(a.Now) || !namesComplete(a.complete, oldRecoverer) // the clock may have been set back
}

// recordNamed runs the script record, after it added the name of its domain, and the request to the
// audit. On one node that takes one round trip.
func (l *Ledger) recordNamed(ctx context.Context, request AuditEntry, keys []string, args ...any) (*redis.Cmd, error) {
	nameKeys, nameArgs := append(indexKeys(), auditKey), []any{request.Domain, request.App, request.Seq, encode(request), AuditKept, siteArg(request.SiteID)}
	add := func(r redis.Scripter) *redis.Cmd { return l.auditName.EvalSha(ctx, r, nameKeys, nameArgs...) }
	var added, recorded *redis.Cmd
	if _, oneNode := l.rdb.(*redis.Client); oneNode {
		_, _ = l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
			added, recorded = add(p), l.record.EvalSha(ctx, p, keys, args...)
			return nil
		})
	} else {
		added = add(l.rdb)
	}
	if redis.HasErrorPrefix(added.Err(), "NOSCRIPT") {
		added = l.auditName.Eval(ctx, l.rdb, nameKeys, nameArgs...)
	}
	if err := added.Err(); err != nil {
		return nil, fmt.Errorf("add it to the index of names and the audit: %w", err) // a retry records it again
	}
	if recorded == nil || redis.HasErrorPrefix(recorded.Err(), "NOSCRIPT") {
		recorded = l.record.Run(ctx, l.rdb, keys, args...)
	}
	return recorded, nil
}

// AddMissingNames adds the domains of those apps that have more or fewer names in the index than
// domains. A name that its app doesn't have is removed. due is the agenda that has the apps, or the
// zero Agenda: then their numbers of names are read.
func (l *Ledger) AddMissingNames(ctx context.Context, due Agenda, works []Work) error {
	var differ []string
	for some := range slices.Chunk(works, planPage) {
		named := due.named
		if named == nil {
			apps := make([]string, len(some))
			for i, w := range some {
				apps[i] = w.App
			}
			var err error
			if named, err = l.named(ctx, apps); err != nil {
				return err
			}
		}
		for _, w := range some {
			if named[w.App] != w.Domains {
				differ = append(differ, w.App)
			}
		}
	}
	return l.addNamesOf(ctx, differ)
}

// CompleteNames adds the domains of all apps that the ledger knew at a time, whose work was read
// since by [Ledger.WorkWithNames]. From then on readers rely on the index.
func (l *Ledger) CompleteNames(ctx context.Context, works []Work, at time.Time) error {
	// A member that is of no site. A lost index hasn't it, even if domains were added since.
	if err := l.rdb.ZAdd(ctx, sitesKey, redis.Z{Score: -1}).Err(); err != nil {
		return fmt.Errorf("begin the index of sites: %w", err)
	}
	for some := range slices.Chunk(works, planPage/5) {
		var apps []appNames
		for _, w := range some {
			if w.Domains > 0 {
				apps = append(apps, appNames{w.App, w.names, w.sites})
			}
		}
		if err := l.setNames(ctx, at, apps); err != nil {
			return err
		}
	}
	if err := l.rdb.MSet(ctx, completeKey, at.UnixMilli(), sitedKey, at.UnixMilli()).Err(); err != nil {
		return fmt.Errorf("record that the index of names is complete: %w", err)
	}
	return nil
}

// addNamesOf adds the domains of apps to the index, and removes names that they don't have.
func (l *Ledger) addNamesOf(ctx context.Context, apps []string) error {
	for some := range slices.Chunk(apps, planPage/5) {
		if err := l.addNamesOfPage(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

// named returns how many names the index has of apps.
func (l *Ledger) named(ctx context.Context, apps []string) (map[string]int, error) {
	counts, err := l.rdb.HMGet(ctx, namedKey, apps...).Result()
	if err != nil {
		return nil, fmt.Errorf("count the names of %d apps: %w", len(apps), err)
	}
	named := map[string]int{}
	for app, count := range foundFields(apps, counts) {
		if named[app], err = strconv.Atoi(count); err != nil {
			return nil, fmt.Errorf("count the names of app %s: %w", app, err)
		}
	}
	return named, nil
}

// appNames are an app's domains, each behind a space, as its index has them.
type appNames struct {
	app   string
	names []string
	sites []string // of each name; empty for none
}

// addNamesOfPage does so for some apps. It reads their domains by one round trip.
func (l *Ledger) addNamesOfPage(ctx context.Context, apps []string) error {
	readAt, err := l.Now(ctx)
	if err != nil {
		return err
	}
	works, err := l.WorkWithNames(ctx, apps...)
	if err != nil {
		return err
	}
	all := make([]appNames, len(apps))
	for i, w := range works {
		all[i] = appNames{w.App, w.names, w.sites}
	}
	return l.setNames(ctx, readAt, all)
}

// restoreSite gives a domain the site in the index that the app's own keys say. A change that wasn't
// recorded has replaced it, or one that was replaced before its sync.
func (l *Ledger) restoreSite(ctx context.Context, change listsync.Pending) error {
	v, ok, err := l.Domain(ctx, change.AppID, change.Domain)
	if err != nil || !ok || v.SiteID() == 0 {
		return err
	}
	if err := l.addNames.Run(ctx, l.rdb, indexKeys(), "", v.Domain, v.AppID, siteArg(v.SiteID())).Err(); err != nil {
		return fmt.Errorf("add %s of app %s to the index of sites: %w", v.Domain, v.AppID, err)
	}
	return nil
}

// indexKeys are the keys of the script that adds names.
func indexKeys() []string { return []string{namesKey, namedKey, sitesKey} }

// siteArg is the id of a site for that script; empty for none.
func siteArg(site int64) string {
	if site == 0 {
		return ""
	}
	return strconv.FormatInt(site, 10)
}

// setNames adds the domains that apps had at a time to the index, and removes names that they
// didn't have.
func (l *Ledger) setNames(ctx context.Context, readAt time.Time, all []appNames) error {
	if len(all) == 0 {
		return nil
	}
	apps := make([]string, len(all))
	var args []any
	for i, a := range all {
		apps[i] = a.app
		for j, name := range a.names {
			args = append(args, name[1:], a.app, a.sites[j])
		}
	}
	for some := range slices.Chunk(args, 3*namesAtOnce) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := l.addNames.Run(ctx, l.rdb, indexKeys(), append([]any{"NX"}, some...)...).Err(); err != nil {
			return fmt.Errorf("add %d domains to the index of names: %w", len(some)/3, err)
		}
	}
	named, err := l.named(ctx, apps)
	if err != nil {
		return err
	}
	has := map[string]map[string]bool{} // the domains of apps with too many names, by app
	for _, a := range all {
		if named[a.app] > len(a.names) {
			has[a.app] = map[string]bool{}
			for _, name := range a.names {
				has[a.app][name[1:]] = true
			}
		}
	}
	if len(has) == 0 {
		return nil
	}
	return l.removeStale(ctx, readAt, has)
}

// removeStale removes the names that apps didn't have at a time. has has the domains of each app at
// that time. It reads the whole index, since that isn't sorted by app.
func (l *Ledger) removeStale(ctx context.Context, readAt time.Time, has map[string]map[string]bool) error {
	stale := map[string][]string{}
	for from := "-"; ; {
		page, err := l.rdb.ZRangeByLex(ctx, namesKey, &redis.ZRangeBy{Min: from, Max: "+", Count: 2 * namesAtOnce}).Result()
		if err != nil {
			return fmt.Errorf("read the index of names: %w", err)
		}
		for _, name := range page {
			domain, app, _ := strings.Cut(name, " ")
			if has[app] != nil && !has[app][domain] {
				stale[app] = append(stale[app], domain)
			}
		}
		if len(page) < 2*namesAtOnce {
			break
		}
		from = "(" + page[len(page)-1]
	}
	for app, domains := range stale {
		if err := l.dropNames(ctx, app, timeArg(readAt), domains); err != nil {
			return err
		}
	}
	return nil
}

// dropNames removes domains of an app from the index. It removes none if readAt is a time and the
// app was marked less than the grace before it, or after it.
func (l *Ledger) dropNames(ctx context.Context, app, readAt string, domains []string) error {
	for some := range slices.Chunk(domains, namesAtOnce) {
		if err := ctx.Err(); err != nil {
			return err
		}
		args := []any{app, readAt, markGrace.Milliseconds()}
		for _, domain := range some {
			args = append(args, domain)
		}
		if err := l.scripts.removeNames.Run(ctx, l.rdb, []string{namesKey, namedKey, sitesKey, marksKey}, args...).Err(); err != nil {
			return fmt.Errorf("remove %d domains of app %s from the index of names: %w", len(some), app, err)
		}
	}
	return nil
}

// RemoveNames removes those of an app's domains from the index of names that the app doesn't have
// any more. If a change of the app may be under way it removes none: the recoverer does it later.
func (l *Ledger) RemoveNames(ctx context.Context, app string, domains ...string) error {
	if len(domains) == 0 {
		return nil
	}
	readAt, err := l.Now(ctx)
	if err != nil {
		return err
	}
	var records, pending *redis.SliceCmd
	if _, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		records, pending = p.HMGet(ctx, key(app, "domains"), domains...), p.HMGet(ctx, key(app, "pending"), domains...)
		return nil
	}); err != nil {
		return fmt.Errorf("look up %d domains of app %s: %w", len(domains), app, err)
	}
	recorded, waiting := foundFields(domains, records.Val()), foundFields(domains, pending.Val())
	unknown := slices.DeleteFunc(slices.Clone(domains), func(domain string) bool { return recorded[domain] != "" || waiting[domain] != "" })
	return l.dropNames(ctx, app, timeArg(readAt), unknown)
}

// appsWith returns the apps that may have some of the domains, with these. ok is false if only the
// apps themselves know it.
func (l *Ledger) appsWith(ctx context.Context, domains []string) (with map[string][]string, ok bool, err error) {
	oldRecoverer, err := l.OldRecovererAt(ctx)
	if err != nil {
		return nil, false, err
	}
	with = map[string][]string{}
	for some := range slices.Chunk(domains, namesAtOnce) {
		args := make([]any, len(some))
		for i, domain := range some {
			args[i] = domain
		}
		reply, err := l.findNames.Run(ctx, l.rdb, []string{namesKey, completeKey}, args...).StringSlice()
		if redis.HasErrorPrefix(err, "NOPERM") {
			return nil, false, nil // the ACL of an earlier release
		}
		if err != nil {
			return nil, false, fmt.Errorf("look up %d domains in the index of names: %w", len(some), err)
		}
		if !namesComplete(parseTime(reply[0]), oldRecoverer) {
			return nil, false, nil
		}
		for _, name := range reply[1:] {
			domain, app, _ := strings.Cut(name, " ")
			with[app] = append(with[app], domain)
		}
	}
	return with, true, nil
}
