package ledger

import (
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

// Readers of all apps share summaries, so that reading costs a few commands and what has changed.
// The keys are in the slot of the agenda. An app is marked as changed before each change that a
// reader of it sees. For [markGrace] after its last mark readers read the app itself. The first
// reader after that keeps what it read as the app's summary, unless another mark came meanwhile.
const (
	changedKey   = "pilotsync:{agenda}:changed"
	summariesKey = "pilotsync:{agenda}:summaries"
)

const (
	// UnmarkedFor is how long after a recoverer of an earlier release last began apps may change
	// without a mark. Its worker may have died after that, with a lease of 30 s.
	UnmarkedFor = 90 * time.Second
	// summaryAge is the least time after which a summary is read again, even if no change was
	// marked. Each app has its own up to twice of that, so that not all are read at once.
	summaryAge = time.Hour
)

// summary is an app as it was read at one time.
type summary struct {
	App
	LeaseEnds time.Time `json:",omitzero"` // by Redis's clock
	// Until is when a certificate becomes late or a snooze ends, which changes the summary; zero for never.
	Until     time.Time `json:",omitzero"`
	ReadAt    time.Time // or later; by Redis's clock
	HasCauses bool      // false if an earlier release made it
}

// isValid reports whether a summary whose app has no mark is still that of the app. now is by
// Redis's clock, and local by this machine's.
func (s summary) isValid(now, local, oldRecoverer time.Time) bool {
	h := fnv.New32a()
	_, _ = h.Write([]byte(s.ID)) // it never fails
	most := summaryAge + time.Duration(h.Sum32()%uint32(summaryAge/time.Second))*time.Second
	return s.HasCauses && (s.Until.IsZero() || local.Before(s.Until)) && now.Sub(s.ReadAt) < most && s.ReadAt.Sub(oldRecoverer) >= UnmarkedFor
}

// summaries is one reading of all summaries, or of those that contain some texts.
type summaries struct {
	apps         []string // that the ledger knows, sorted; not those whose summary contains no text
	now          time.Time
	oldRecoverer time.Time
	marks        map[string]string // app → ms of its mark
	kept         map[string]string // app → its encoded summary
}

// readSummaries reads what is kept, in two round trips.
func (l *Ledger) readSummaries(ctx context.Context) (s summaries, err error) {
	var apps *redis.StringSliceCmd
	var oldRecoverer *redis.StringCmd
	if err := l.pipelined(ctx, func(p redis.Pipeliner) {
		oldRecoverer, apps = p.Get(ctx, oldRecovererKey), p.SMembers(ctx, appsKey)
	}); err != nil {
		return s, fmt.Errorf("list the apps: %w", err)
	}
	s.apps, s.oldRecoverer = apps.Val(), parseTime(oldRecoverer.Val())
	slices.Sort(s.apps)
	if _, err := l.runSummaries(ctx, &s); redis.HasErrorPrefix(err, "NOPERM") {
		return s, nil // the ACL of an earlier release; all apps are read
	} else if err != nil {
		return s, err
	}
	return s, nil
}

// readSummariesWith reads those summaries that contain one of the texts, and which apps have changed
// since theirs was kept. ok is false if some app has none.
func (l *Ledger) readSummariesWith(ctx context.Context, texts ...any) (s summaries, ok bool, err error) {
	var apps *redis.IntCmd
	var oldRecoverer *redis.StringCmd
	if err := l.pipelined(ctx, func(p redis.Pipeliner) {
		oldRecoverer, apps = p.Get(ctx, oldRecovererKey), p.SCard(ctx, appsKey)
	}); err != nil {
		return s, false, fmt.Errorf("count the apps: %w", err)
	}
	s.oldRecoverer = parseTime(oldRecoverer.Val())
	n, err := l.runSummaries(ctx, &s, texts...)
	if redis.HasErrorPrefix(err, "NOPERM") {
		return s, false, nil
	}
	if err != nil {
		return s, false, err
	}
	for _, found := range []map[string]string{s.kept, s.marks} {
		s.apps = slices.AppendSeq(s.apps, maps.Keys(found))
	}
	slices.Sort(s.apps)
	s.apps = slices.Compact(s.apps)
	return s, n == apps.Val() && s.now.Sub(s.oldRecoverer) >= UnmarkedFor, nil
}

// runSummaries sets what summaries.lua returns, and returns how many summaries there are.
func (l *Ledger) runSummaries(ctx context.Context, s *summaries, texts ...any) (n int64, err error) {
	reply, err := l.summaries.Run(ctx, l.rdb, []string{changedKey, summariesKey}, texts...).Slice()
	if err != nil {
		return 0, fmt.Errorf("read the summaries of the apps: %w", err)
	}
	s.now, s.marks, s.kept = parseTime(fmt.Sprint(reply[0])), pairs(reply[1]), pairs(reply[2])
	n, _ = reply[3].(int64)
	return n, nil
}

// of returns the summary of an app, if it is valid.
func (s summaries) of(app string, local time.Time) (summary, bool) {
	if s.marks[app] != "" || s.kept[app] == "" {
		return summary{}, false
	}
	kept, err := decodeJSON[summary](s.kept[app])
	if err != nil || !kept.isValid(s.now, local, s.oldRecoverer) {
		return summary{}, false // another release may have written it
	}
	kept.ID = app
	kept.Leased = kept.LeaseEnds.After(s.now)
	return kept, true
}

// allSummaries returns the summaries of all apps that the ledger knows, sorted by id.
func (l *Ledger) allSummaries(ctx context.Context) ([]summary, error) {
	s, err := l.readSummaries(ctx)
	if err != nil {
		return nil, err
	}
	all, err := l.completed(ctx, s)
	if err == nil {
		l.keep(ctx, s, s.forgotten())
	}
	return all, err
}

// completed returns the summaries of the apps of s. It reads those apps whose summary isn't valid,
// and keeps theirs.
func (l *Ledger) completed(ctx context.Context, s summaries) ([]summary, error) {
	all := make([]summary, len(s.apps))
	local := time.Now()
	var missing []string
	var at []int
	for i, app := range s.apps {
		var ok bool
		if all[i], ok = s.of(app, local); !ok {
			missing, at = append(missing, app), append(at, i)
		}
	}
	read := 0
	for some := range slices.Chunk(missing, planPage) {
		fresh, err := l.summarize(ctx, some)
		if err != nil {
			return nil, err
		}
		for i := range fresh {
			fresh[i].ReadAt = s.now
			all[at[read]] = fresh[i]
			read++
		}
		l.keep(ctx, s, fresh)
	}
	return all, nil
}

// forgotten returns empty summaries for apps that the ledger doesn't know any more.
func (s summaries) forgotten() (empty []summary) {
	for _, apps := range []map[string]string{s.marks, s.kept} {
		for app := range apps {
			if _, known := slices.BinarySearch(s.apps, app); !known {
				empty = append(empty, summary{App: App{ID: app}})
			}
		}
	}
	return empty
}

// keep keeps summaries that were read after s. An error doesn't matter: the next reader reads the
// apps again. So a user of Redis that may not write can read.
func (l *Ledger) keep(ctx context.Context, s summaries, fresh []summary) {
	if s.now.Sub(s.oldRecoverer) < UnmarkedFor {
		return
	}
	var args []any
	for _, f := range fresh {
		mark := s.marks[f.ID]
		if mark != "" && s.now.Sub(parseTime(mark)) < markGrace {
			continue // the marked change may not be recorded yet
		}
		kept := ""
		if !f.ReadAt.IsZero() {
			kept = encode(f)
		}
		args = append(args, f.ID, mark, s.kept[f.ID], kept)
	}
	for some := range slices.Chunk(args, 4*planPage) {
		if ctx.Err() != nil {
			return
		}
		_ = l.keepSummaries.Run(ctx, l.rdb, []string{changedKey, summariesKey}, some...).Err()
	}
}

// Revisions returns a text for each app, which changes whenever readers would see a
// difference. It reads those apps that have changed lately.
func (l *Ledger) Revisions(ctx context.Context) (map[string]string, error) {
	s, err := l.readSummaries(ctx)
	if err != nil {
		return nil, err
	}
	revisions, read := map[string]string{}, map[string]*redis.StringCmd{}
	local := time.Now()
	if err := l.pipelined(ctx, func(p redis.Pipeliner) {
		for _, app := range s.apps {
			if kept, ok := s.of(app, local); ok {
				revisions[app] = kept.Revision
			} else {
				read[app] = p.HGet(ctx, key(app, "shown"), "revision")
			}
		}
	}); err != nil {
		return nil, fmt.Errorf("read the revisions of the apps: %w", err)
	}
	for app, revision := range read {
		revisions[app] = revision.Val()
	}
	return revisions, nil
}
