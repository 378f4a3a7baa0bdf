package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pilotsync/internal/serverpilot"
	"pilotsync/worker/listsync"
)

// listAPI gives a sync what it needs of ServerPilot: the app's account, its rate
// limit, and errors in the sync's own terms.
type listAPI struct {
	roster    *roster
	ambiguous interface{ Inc() } // counts the writes whose outcome isn't known
}

var _ listsync.API = listAPI{}

// readyLimit is how long a sync may wait for its account's turn in a worker's
// slot and with the app's lease in hand.
const readyLimit = 10 * time.Second

// Ready implements [listsync.API]: the tokens for the read and the write are
// taken together, so that no write waits for one after its read.
func (a listAPI) Ready(ctx context.Context, app string) error {
	account, err := a.account(app)
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	err = account.limiter.WaitSync(limited)
	switch {
	case err == nil:
		return nil
	case limited.Err() != nil && ctx.Err() == nil:
		return fmt.Errorf("app %s's account is at its rate limit (PILOTSYNC_API_RATE): %w", app, listsync.ErrYield)
	}
	return fmt.Errorf("wait for app %s's turn at ServerPilot: %w", app, err)
}

// account returns the app's account. There is none where the configuration was read
// again in the middle of a sync; nothing was sent then.
func (a listAPI) account(app string) (*account, error) {
	found, err := a.roster.account(app)
	if err != nil {
		return nil, &listsync.CallError{Verdict: listsync.Transient, Err: err}
	}
	return found, nil
}

// List implements [listsync.API].
func (a listAPI) List(ctx context.Context, app string) ([]string, error) {
	account, err := a.account(app)
	if err != nil {
		return nil, err
	}
	got, err := account.client.App(ctx, app)
	if err != nil {
		return nil, callError(err)
	}
	return got.Domains, nil
}

// Replace implements [listsync.API].
func (a listAPI) Replace(ctx context.Context, app string, names []string, notAfter time.Time) ([]string, error) {
	account, err := a.account(app)
	if err != nil {
		return nil, err
	}
	answer, err := account.client.SetDomains(ctx, app, names, notAfter)
	if err != nil {
		if failed := serverpilot.AsError(err); failed != nil && failed.Kind == serverpilot.Unknown {
			a.ambiguous.Inc()
		}
		return nil, callError(err)
	}
	return answer, nil
}

// callError says in a sync's terms what the client's error means.
func callError(err error) error {
	var failed *serverpilot.Error
	if !errors.As(err, &failed) {
		return err
	}
	verdict := listsync.Transient
	switch failed.Kind {
	case serverpilot.Unknown:
		verdict = listsync.Unknown
	case serverpilot.Blocked:
		verdict = listsync.Blocked
	case serverpilot.Refused:
		verdict = listsync.Refused
	}
	return &listsync.CallError{Verdict: verdict, Message: failed.Message, RetryAfter: failed.RetryAfter, Err: err}
}
