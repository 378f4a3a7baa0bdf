package listsync

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"pilotsync/tasks"
)

// Preview is what a sync of an app would do now.
type Preview struct {
	Listed         int      // number of names on the current list
	Added, Removed []string // names that the sync's write would change; none if it wouldn't write
	// Changes are the pending changes, each with its Preview, sorted by domain.
	Changes []Pending
}

// DryRun plans like [Syncer.Sync], and records in the ledger what each change would lead
// to. It writes nothing to ServerPilot and changes no domain. The changes stay pending,
// and a later Sync does what it would have done without the dry run. Its errors are those
// of Sync.
func (s *Syncer) DryRun(ctx context.Context, app string) (preview Preview, err error) {
	err = s.leased(ctx, app, func(r *run) (err error) {
		preview, err = r.preview(ctx)
		return err
	})
	return preview, err
}

// preview plans, again and again if a change comes meanwhile.
func (r *run) preview(ctx context.Context) (Preview, error) {
	r.waitInterval(ctx, r.MinInterval-r.lease.SinceLastCommit)
	for {
		remote, err := r.read(ctx)
		if err != nil {
			return Preview{}, err
		}
		snapshot, err := r.snapshot(ctx)
		if err != nil {
			return Preview{}, err
		}
		p := previewOf(Input{Remote: remote, Ledger: snapshot, Rules: r.Rules, Now: snapshot.At})
		released, err := r.Ledger.Preview(ctx, r.lease, p)
		if err != nil {
			return p, fmt.Errorf("record the dry run of app %s: %w", r.lease.App, err)
		}
		if released {
			return p, nil
		}
		r.waitInterval(ctx, r.MinInterval)
	}
}

// previewOf makes a plan and describes it.
func previewOf(in Input) Preview {
	plan := Plan(in)
	outcomes := map[string]Outcome{}
	for _, o := range plan.Outcomes {
		outcomes[o.Record.Domain] = o
	}
	p := Preview{Listed: len(in.Remote), Added: plan.Added, Removed: plan.Removed}
	for domain, change := range in.Ledger.Pending {
		change.Preview = previewText(change, outcomes[domain], plan)
		p.Changes = append(p.Changes, change)
	}
	slices.SortFunc(p.Changes, func(a, b Pending) int { return cmp.Compare(a.Domain, b.Domain) })
	return p
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
