package listsync

import (
	"context"
	"fmt"
)

// Drift returns the plan that a sync would carry out now. It acquires no lease and changes
// nothing, so the result may be outdated when it returns. Its errors are those of [API]
// and of the ledger.
func (s *Syncer) Drift(ctx context.Context, app string) (Result, error) {
	remote, err := s.API.List(ctx, app)
	if err != nil {
		return Result{}, err
	}
	snapshot, err := s.Ledger.Snapshot(ctx, app, canonicalNames(remote)...)
	if err != nil {
		return Result{}, fmt.Errorf("read the ledger of app %s: %w", app, err)
	}
	return Plan(Input{Remote: remote, Ledger: snapshot, Rules: s.Rules, Now: snapshot.At}), nil
}
