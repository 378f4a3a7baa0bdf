// Package registry has the apps that a worker serves, each with its ServerPilot account and
// its webhook. A reload replaces them while the worker runs.
package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/internal/serverpilot"
	"pilotsync/worker/certcheck"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
	"pilotsync/worker/taskerr"
	"pilotsync/worker/webhook"
)

// Account is a ServerPilot account with its served apps.
type Account struct {
	ClientID, APIKey string
	Apps             []string
}

// Config configures a [Registry].
type Config struct {
	APIURL   string
	Accounts []Account
	// APIRate is the number of ServerPilot calls a second for each account, over all
	// workers; 0 for no limit.
	APIRate int
	// Webhook receives the events of all apps but those in Webhooks, which have their own.
	Webhook  webhook.Target
	Webhooks map[string]webhook.Target
	Proxies  []certcheck.Proxy
	// AppDefaults are the settings of all apps but those in AppSettings.
	AppDefaults certcheck.AppSettings
	AppSettings map[string]certcheck.AppSettings
}

// Client is the client of an Account.
type Client struct {
	*serverpilot.Client
	Limiter *serverpilot.Limiter
	ID      string // the account's client id
}

// Served is what a worker serves. It is immutable; [Registry.Replace] replaces it. Load it
// once per decision.
type Served struct {
	Apps      []string // sorted
	Clients   map[string]*Client
	Endpoints map[string]*webhook.Endpoint // an app without a webhook has none
	// Keys are those of each app's webhook secrets, also if no event is sent anywhere.
	Keys        map[string][][]byte
	Proxies     []certcheck.Proxy
	AppSettings map[string]certcheck.AppSettings

	clients map[credentials]*Client
}

// Siblings returns the other apps of an app's account, sorted.
func (s *Served) Siblings(app string) []string {
	client := s.Clients[app]
	return slices.DeleteFunc(slices.Clone(s.Apps), func(other string) bool { return other == app || client == nil || s.Clients[other] != client })
}

// OneAccount reports whether all apps are of one account.
func (s *Served) OneAccount() bool { return len(s.clients) == 1 }

// credentials tell accounts apart: one with a new key gets a new client.
type credentials struct{ clientID, apiKey string }

// Registry has the current [Served].
type Registry struct {
	rdb     redis.UniversalClient
	ledger  *ledger.Ledger
	observe func(op string, status int, took time.Duration)
	current atomic.Pointer[Served]
}

// New returns a Registry for cfg. observe is called after each call to ServerPilot.
func New(rdb redis.UniversalClient, cfg Config, observe func(op string, status int, took time.Duration)) (*Registry, error) {
	r := &Registry{rdb: rdb, ledger: ledger.New(rdb), observe: observe}
	r.current.Store(&Served{})
	_, _, err := r.Replace(cfg)
	return r, err
}

// Load returns what is currently served.
func (r *Registry) Load() *Served { return r.current.Load() }

// Replace replaces the configuration by cfg, and returns what is served now and what was
// served before. It keeps the clients of accounts with the same key, and the webhooks'
// circuit breakers. It closes idle connections of accounts that are no longer served; current
// calls continue. After an error nothing has changed.
func (r *Registry) Replace(cfg Config) (now, before *Served, err error) {
	before = r.Load()
	if now, err = r.serve(cfg, before); err != nil {
		return before, before, err
	}
	r.current.Store(now)
	for account, c := range before.clients {
		if now.clients[account] != c {
			c.Close()
		}
	}
	return now, before, nil
}

func (r *Registry) serve(cfg Config, before *Served) (*Served, error) {
	s := &Served{Clients: map[string]*Client{}, Keys: map[string][][]byte{}, Proxies: cfg.Proxies, AppSettings: map[string]certcheck.AppSettings{},
		clients: map[credentials]*Client{}}
	for _, a := range cfg.Accounts {
		account := credentials{a.ClientID, a.APIKey}
		client := cmp.Or(s.clients[account], before.clients[account])
		if client == nil {
			var err error
			if client, err = r.client(cfg, a); err != nil {
				return nil, err
			}
		}
		s.clients[account] = client
		for _, app := range a.Apps {
			s.Clients[app] = client
			s.Keys[app] = cfg.Webhook.Keys
			if own, isOwn := cfg.Webhooks[app]; isOwn {
				s.Keys[app] = own.Keys
			}
			s.AppSettings[app] = cfg.AppDefaults
			if own, isOwn := cfg.AppSettings[app]; isOwn {
				s.AppSettings[app] = own
			}
			s.Apps = append(s.Apps, app)
		}
	}
	slices.Sort(s.Apps)
	var err error
	s.Endpoints, err = webhook.Endpoints(s.Apps, cfg.Webhook, cfg.Webhooks, before.Endpoints)
	return s, err
}

// client returns a new client of an account.
func (r *Registry) client(cfg Config, a Account) (*Client, error) {
	client, err := serverpilot.New(serverpilot.Config{BaseURL: cfg.APIURL, ClientID: a.ClientID, APIKey: a.APIKey, Observe: r.observe})
	if err != nil {
		return nil, err
	}
	return &Client{Client: client, Limiter: serverpilot.NewLimiter(r.rdb, a.ClientID, cfg.APIRate), ID: a.ClientID}, nil
}

// Close closes the connections of all accounts.
func (r *Registry) Close() {
	for _, c := range r.Load().clients {
		c.Close()
	}
}

// ErrUnserved: the app has no account on this worker.
var ErrUnserved = errors.New("no account is configured")

// appsNamed is how many served apps an [ErrUnserved] names.
const appsNamed = 5

// Client returns the client of an app's account, or an [ErrUnserved] that names some of the
// served apps.
func (r *Registry) Client(app string) (*Client, error) {
	s := r.Load()
	if c := s.Clients[app]; c != nil {
		return c, nil
	}
	served := cmp.Or(strings.Join(s.Apps[:min(len(s.Apps), appsNamed)], ", "), "none")
	if more := len(s.Apps) - appsNamed; more > 0 {
		served += fmt.Sprintf(" and %d more", more)
	}
	return nil, fmt.Errorf("%w for app %s; the apps served are %s", ErrUnserved, app, served)
}

// ErrElsewhere: another live worker serves the app and will process the task.
var ErrElsewhere = errors.New("left to another worker, which serves the app")

// LeaveToAnother returns the error after which asynq soon hands a task out again, until a
// worker that serves its app gets it. It returns nil if no live worker serves the app, and
// another error if that can't be read.
func (r *Registry) LeaveToAnother(ctx context.Context, app string) error {
	live, err := r.ledger.Workers(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("find a worker that serves app %s: %w", app, err)
	case len(ledger.ServedBy(live, app)) == 0:
		return nil
	}
	return taskerr.RetryAfter(taskerr.Soon, fmt.Errorf("app %s: %w", app, ErrElsewhere))
}

// SyncReady returns a [taskerr.NotReadyError] while the account's rate limit doesn't allow an
// app's sync, which reads and writes. What users wait for is urgent, and comes before the rest.
func (c *Client) SyncReady(ctx context.Context, app string, urgent bool) error {
	wait, err := c.Limiter.TrySync(ctx, app, urgent)
	return notReady(app, wait, err)
}

// SyncReadyAgain is [Client.SyncReady] for a further read and write of a sync that has begun.
func (c *Client) SyncReadyAgain(ctx context.Context, app string) error {
	wait, err := c.Limiter.TrySyncAgain(ctx, app)
	return notReady(app, wait, err)
}

// MayTrySync is [Client.SyncReady] without asking Redis: another app of the account may be first.
func (c *Client) MayTrySync(app string, urgent bool) error {
	return notReady(app, c.Limiter.SyncDelay(app, urgent), nil)
}

// MayVerify returns a [taskerr.NotReadyError] while other apps' verifications are first. It doesn't
// ask Redis.
func (c *Client) MayVerify(app string, urgent bool) error {
	return notReady(app, c.Limiter.VerifyDelay(app, urgent), nil)
}

// VerifyReady is [Client.SyncReady] for one call of an app's verification.
func (c *Client) VerifyReady(ctx context.Context, app string, urgent bool) error {
	wait, err := c.Limiter.TryVerify(ctx, app, urgent)
	return notReady(app, wait, err)
}

func notReady(app string, wait time.Duration, err error) error {
	if err != nil || wait <= 0 {
		return err
	}
	return taskerr.NotReady(wait, fmt.Errorf("app %s's account is at its rate limit (PILOTSYNC_API_RATE): %w", app, listsync.ErrYield))
}
