package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/internal/config"
	"pilotsync/internal/serverpilot"
)

// remoteLists reads lists from ServerPilot for the page, within the rate limit
// that all workers share, and behind what they need themselves.
type remoteLists struct {
	mu       sync.RWMutex
	accounts map[string]remoteAccount // by app
}

type remoteAccount struct {
	client  *serverpilot.Client
	limiter *serverpilot.Limiter
}

// remoteLimit is how long a page waits for a list: somebody waits for the page.
const remoteLimit = 8 * time.Second

// newRemoteLists returns nil for no accounts.
func newRemoteLists(rdb redis.UniversalClient, api config.API, accounts []config.Account) (*remoteLists, error) {
	if len(accounts) == 0 {
		return nil, nil
	}
	l := &remoteLists{accounts: map[string]remoteAccount{}}
	for _, a := range accounts {
		client, err := serverpilot.New(serverpilot.Config{BaseURL: api.APIURL, ClientID: a.ClientID, APIKey: a.APIKey})
		if err != nil {
			l.close()
			return nil, err
		}
		account := remoteAccount{client, serverpilot.NewLimiter(rdb, a.ClientID, api.APIRate)}
		for _, app := range a.Apps {
			l.accounts[app] = account
		}
	}
	return l, nil
}

// List implements [web.Lists].
func (l *remoteLists) List(ctx context.Context, app string) ([]string, error) {
	l.mu.RLock()
	account, ok := l.accounts[app]
	l.mu.RUnlock()
	if !ok {
		return nil, fmt.Errorf("this process has no key for app %s", app)
	}
	ctx, cancel := context.WithTimeout(ctx, remoteLimit)
	defer cancel()
	// A page is no more urgent than a verification.
	if err := account.limiter.WaitVerify(ctx, 1); err != nil {
		return nil, fmt.Errorf("wait for app %s's turn at ServerPilot: %w", app, err)
	}
	got, err := account.client.App(ctx, app)
	if err != nil {
		return nil, err
	}
	return got.Domains, nil
}

// replace gives l the accounts of others, and closes the clients of its own. Others
// must not be used any more; nil stands for no accounts.
func (l *remoteLists) replace(others *remoteLists) {
	if others == nil {
		others = &remoteLists{}
	}
	l.mu.Lock()
	l.accounts, others.accounts = others.accounts, l.accounts
	l.mu.Unlock()
	others.close()
}

func (l *remoteLists) close() {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, a := range l.accounts {
		a.client.Close()
	}
}
