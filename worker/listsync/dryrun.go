package listsync

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"pilotsync/tasks"
)

// DryRunResult is what a sync of an app would do now.
type DryRunResult struct {
	Listed         int      // number of names on the current list
	Added, Removed []string // names that the sync's write would change; none if it wouldn't write
	// Changes are the pending changes, each with its Preview, sorted by domain.
	Changes []Pending
}

// DryRun plans like [Syncer.Sync], and records in the ledger what each change would lead
// to. It writes nothing to ServerPilot and changes no domain. The changes stay pending,
// and a later Sync does what it would have done without the dry run. Its errors are those
// of Sync.
func (s *Syncer) DryRun(ctx context.Context, app string) (result DryRunResult, err error) {
	err = s.leased(ctx, app, func(r *run) (err error) {
		result, err = r.dryRun(ctx)
		return err
	})
	return result, err
}

// dryRun plans, again and again if a change comes meanwhile.
func (r *run) dryRun(ctx context.Context) (DryRunResult, error) {
	r.waitInterval(ctx, r.MinInterval-r.lease.SinceLastCommit)
	for {
		remote, err := r.read(ctx)
		if err != nil {
			return DryRunResult{}, err
		}
		snapshot, err := r.snapshot(ctx, canonicalNames(remote))
		if err != nil {
			return DryRunResult{}, err
		}
		result := evaluateDryRun(Input{Remote: remote, Ledger: snapshot, Rules: r.Rules, Now: snapshot.At})
		released, err := r.Ledger.RecordDryRun(ctx, r.lease, result)
		if err != nil {
			return result, fmt.Errorf("record the dry run of app %s: %w", r.lease.App, err)
		}
		if released {
			return result, nil
		}
		r.waitInterval(ctx, r.MinInterval)
	}
}

// evaluateDryRun makes a plan and describes it.
func evaluateDryRun(in Input) DryRunResult {
	plan := Plan(in)
	outcomes := map[string]Outcome{}
	for _, o := range plan.Outcomes {
		outcomes[o.Record.Domain] = o
	}
	result := DryRunResult{Listed: len(in.Remote), Added: plan.Added, Removed: plan.Removed}
	for domain, change := range in.Ledger.Pending {
		change.Preview = previewText(change, outcomes[domain], plan)
		result.Changes = append(result.Changes, change)
	}
	slices.SortFunc(result.Changes, func(a, b Pending) int { return cmp.Compare(a.Domain, b.Domain) })
	return result
}

// previewText says what the plan does with a change, in a clause without its subject. o is
// what the plan leads to.
func previewText(change Pending, o Outcome, plan Result) string {
	r, why := o.Record, o.Cause.Sentence()
	switch {
	case r.State == tasks.Rejected:
		return "would be rejected: " + why
	case change.Remove && r.State != tasks.Removed:
		return "would be refused: " + why
	case change.Remove && !slices.Contains(plan.Removed, change.Domain) && has(plan.List, change.Domain):
		return "would end without a write: " + why
	case change.Remove:
		return previewSentence("would be taken off the list", "is not on the list", change.Domain, tasks.Names(change.Domain, tasks.WWWAlways), plan.Removed)
	}
	return previewSentence("would be put on the list", "is on the list already", change.Domain, r.Names, plan.Added)
}

// previewSentence says what a write would do with a domain's names, and what is already
// true of them. moved are the names that the write changes.
func previewSentence(would, is, domain string, names, moved []string) string {
	var others []string
	for _, name := range names {
		if name != domain && slices.Contains(moved, name) {
			others = append(others, name)
		}
	}
	with := strings.Join(others, ", ")
	switch {
	case !slices.Contains(moved, domain) && with == "":
		return is
	case !slices.Contains(moved, domain):
		return is + "; " + with + " " + would
	case with == "":
		return would
	}
	return would + ", with " + with
}

func has(list []string, name string) bool {
	return slices.ContainsFunc(list, func(other string) bool { return tasks.Canonical(other) == name })
}
