// Package webhook delivers events to the webhooks of apps: it signs and sends them, stops
// sending to a failing endpoint, and lists and replays events.
package webhook

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// Target is where an app's events are sent; the zero value sends none.
type Target struct {
	URL string
	// Secrets sign each event, by Standard Webhooks 1.0; several while one replaces
	// another.
	Secrets []*standardwebhooks.Webhook
	// Keys are the same secrets as bytes. By them the sites of the network prove that they
	// are of it (certcheck.SignChallenge).
	Keys [][]byte
}

// Endpoint is a Target in use.
type Endpoint struct {
	Target
	host     string // for errors and logs: the rest of a URL may hold a key
	urlHash  string // the URL's field in switchedOffKey
	*breaker        // of the URL
}

// Endpoints returns the endpoint of each app that has one: that in own, otherwise common.
// Endpoints with the same URL share its circuit breaker, also with those in before.
func Endpoints(apps []string, common Target, own map[string]Target, before map[string]*Endpoint) (map[string]*Endpoint, error) {
	breakers, byApp := map[string]*breaker{}, map[string]*Endpoint{}
	for _, e := range before {
		breakers[e.URL] = e.breaker
	}
	for _, app := range apps {
		target, isOwn := own[app]
		if !isOwn {
			target = common
		}
		if target.URL == "" {
			continue
		}
		u, err := url.Parse(target.URL)
		if err != nil {
			return nil, fmt.Errorf("the webhook's URL of app %s can't be read", app) // not err, which quotes it
		}
		if breakers[target.URL] == nil {
			breakers[target.URL] = &breaker{}
		}
		sum := sha256.Sum256([]byte(target.URL))
		byApp[app] = &Endpoint{Target: target, host: u.Host, urlHash: hex.EncodeToString(sum[:]), breaker: breakers[target.URL]}
	}
	return byApp, nil
}
