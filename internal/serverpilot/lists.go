package serverpilot

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Account is a ServerPilot account with the ids of its served apps.
type Account struct {
	ClientID, APIKey string
	Apps             []string
}

// Lists reads apps' domain lists for users, with several accounts. It shares the rate limit of
// verifications with the workers. It is safe for concurrent use.
type Lists struct {
	mu       sync.RWMutex
	accounts map[string]listAccount // by app
}

type listAccount struct {
	client  *Client
	limiter *Limiter
}

// listTimeout is how long a user waits for a list.
const listTimeout = 8 * time.Second

// NewLists returns nil for no accounts. url is [Config.BaseURL], and rate the calls a second of
// [NewLimiter]. Its errors are those of [New].
func NewLists(rdb redis.UniversalClient, url string, rate int, accounts []Account) (*Lists, error) {
	if len(accounts) == 0 {
		return nil, nil
	}
	l := &Lists{accounts: map[string]listAccount{}}
	for _, a := range accounts {
		client, err := New(Config{BaseURL: url, ClientID: a.ClientID, APIKey: a.APIKey})
		if err != nil {
			l.Close()
			return nil, err
		}
		account := listAccount{client, NewLimiter(rdb, a.ClientID, rate)}
		for _, app := range a.Apps {
			l.accounts[app] = account
		}
	}
	return l, nil
}

// List returns the names on an app's list, in ServerPilot's order. It takes at most 8 s. An error
// of the call is an [*Error]; others are that no account has the app, or that the rate limit
// took too long.
func (l *Lists) List(ctx context.Context, app string) ([]string, error) {
	l.mu.RLock()
	account, ok := l.accounts[app]
	l.mu.RUnlock()
	if !ok {
		return nil, fmt.Errorf("this process has no key for app %s", app)
	}
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	// A list for a user is no more urgent than a verification.
	if err := account.limiter.WaitVerify(ctx, 1); err != nil {
		return nil, fmt.Errorf("wait for the rate limit of app %s's account: %w", app, err)
	}
	got, err := account.client.App(ctx, app)
	if err != nil {
		return nil, err
	}
	return got.Domains, nil
}

// Replace moves the accounts of others to l, and closes the clients that l had. others must
// not be used any more; nil stands for no accounts.
func (l *Lists) Replace(others *Lists) {
	if others == nil {
		others = &Lists{}
	}
	l.mu.Lock()
	l.accounts, others.accounts = others.accounts, l.accounts
	l.mu.Unlock()
	others.Close()
}

// Close closes the clients.
func (l *Lists) Close() {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, a := range l.accounts {
		a.client.Close()
	}
}
