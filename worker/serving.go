package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"pilotsync/internal/serverpilot"
	"pilotsync/worker/ledger"
)

// served is what a worker serves: its apps, each with its account and its webhook.
// It doesn't change; [Worker.Reload] puts another in its place. So whoever needs
// more than one thing of it for one decision looks once, and keeps what it saw.
type served struct {
	accounts  map[string]*account  // by app
	apps      []string             // sorted
	endpoints map[string]*endpoint // by app; one without a webhook isn't there
}

// roster holds what is served at the moment.
type roster struct{ now atomic.Pointer[served] }

func (r *roster) look() *served { return r.now.Load() }

// errUnserved is wrapped by the error about an app that no account is there for.
var errUnserved = errors.New("no account is configured")

// account returns an app's account, or an error that names the apps that have one.
func (r *roster) account(app string) (*account, error) {
	s := r.look()
	if a := s.accounts[app]; a != nil {
		return a, nil
	}
	return nil, fmt.Errorf("%w for app %s; the apps served are %s", errUnserved, app, cmp.Or(strings.Join(s.apps, ", "), "none"))
}

// errElsewhere is wrapped by the error about a task that another worker does.
var errElsewhere = errors.New("left to another worker, which serves the app")

// leftToAnother returns the error by which a task of an app that this worker doesn't
// serve is handed out again at once, until a worker takes it that does. It returns nil
// if there is none, and another error if that can't be found out.
func (w *Worker) leftToAnother(ctx context.Context, app string) error {
	live, err := w.ledger.Workers(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("find a worker that serves app %s: %w", app, err)
	case len(ledger.ServedBy(live, app)) == 0:
		return nil
	}
	return &later{after: soon, err: fmt.Errorf("app %s: %w", app, errElsewhere)}
}

// serving makes what cfg says at work. Of what is at work already it keeps accounts
// with the same key, for their connections, and what is known of a webhook's health.
func (w *Worker) serving(cfg Config, before *served) (*served, error) {
	s := &served{accounts: map[string]*account{}}
	for _, a := range cfg.Accounts {
		at, err := w.accountAtWork(cfg, a, before)
		if err != nil {
			return nil, err
		}
		for _, app := range a.Apps {
			s.accounts[app] = at
			s.apps = append(s.apps, app)
		}
	}
	slices.Sort(s.apps)
	var err error
	s.endpoints, err = endpoints(cfg, s.apps, before.endpoints)
	return s, err
}

func (w *Worker) accountAtWork(cfg Config, a Account, before *served) (*account, error) {
	for _, at := range before.accounts {
		if at.clientID == a.ClientID && at.apiKey == a.APIKey {
			return at, nil
		}
	}
	client, err := serverpilot.New(serverpilot.Config{BaseURL: cfg.APIURL, ClientID: a.ClientID, APIKey: a.APIKey, Observe: w.metrics.called})
	if err != nil {
		return nil, err
	}
	return &account{
		clientID: a.ClientID, apiKey: a.APIKey, client: client,
		limiter: serverpilot.NewLimiter(w.rdb, a.ClientID, cfg.APIRate),
	}, nil
}

// Reload serves the accounts, apps and webhooks of cfg from now on, and leaves its
// other fields aside. What waits for an app that is new goes on at once, and so does
// an app in trouble: its key may just have been put right. A call that is under way
// for an app that is gone ends as it would have; then the app waits for a worker
// that serves it, and what waits says so. All of that comes once Redis is back, where
// it is away.
//
// If cfg can't be served, the error says why, and all stays as it was.
func (w *Worker) Reload(ctx context.Context, cfg Config) error {
	before := w.roster.look()
	now, err := w.serving(cfg, before)
	if err != nil {
		return fmt.Errorf("serve the accounts that were read: %w", err)
	}
	w.roster.now.Store(now)
	w.announcer.changed()
	for _, a := range before.accounts {
		if !slices.Contains(slices.Collect(maps.Values(now.accounts)), a) {
			a.client.Close() // of connections that nobody uses; calls under way go on
		}
	}
	added, gone := missing(now.apps, before.apps), missing(before.apps, now.apps)
	w.log.WithField("apps", now.apps).Infof("configuration read again: %d apps served, new: [%s], no longer served: [%s]",
		len(now.apps), strings.Join(added, ", "), strings.Join(gone, ", "))
	if err := w.takeUp(ctx, append(gone, now.apps...)...); err != nil && ctx.Err() == nil {
		w.log.WithError(err).Warn("what waits for the configuration could not be started at once; the next sweep does it")
	}
	return nil
}

// takeUpAfter is how long a worker waits before it moves retries forward. Of several
// workers that start together, or see the same file change, the first does it for all.
const takeUpAfter = 2 * time.Second

// toTakeUp are the apps that nobody could start so far, since Redis was away.
type toTakeUp struct {
	mu   sync.Mutex
	apps map[string]time.Time // since when: the start or the reload
}

// takeUp starts what a person may just have put right, by a start of the worker or by
// a configuration: webhooks that were gone, and those of the apps that are in trouble.
// After an error a call without apps tries the same again; it does nothing otherwise.
func (w *Worker) takeUp(ctx context.Context, apps ...string) error {
	since := time.Now()
	if len(apps) > 0 && !sleep(ctx, takeUpAfter) {
		return ctx.Err()
	}
	w.toTakeUp.mu.Lock()
	defer w.toTakeUp.mu.Unlock()
	for _, app := range apps {
		w.toTakeUp.apps[app] = since
	}
	if len(w.toTakeUp.apps) == 0 {
		return nil
	}
	all := slices.Sorted(maps.Keys(w.toTakeUp.apps))
	if err := errors.Join(w.switchOn(ctx), w.sweeper.retryTroubled(ctx, w.toTakeUp.apps), w.sweeper.endOldDryRuns(ctx, all)); err != nil {
		return err
	}
	clear(w.toTakeUp.apps)
	return nil
}

// sleep waits, and reports whether ctx lasted that long.
func sleep(ctx context.Context, d time.Duration) bool {
	over := time.NewTimer(d)
	defer over.Stop()
	select {
	case <-over.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// missing returns what is in all and not in those, in its order.
func missing(all, those []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(one string) bool { return slices.Contains(those, one) })
}
