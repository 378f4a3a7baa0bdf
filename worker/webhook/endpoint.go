// Package webhook delivers events to the webhooks of apps: it signs and sends them, stops
// sending to a failing endpoint, and lists and replays events.
package webhook

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"pilotsync/worker/share"
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
	*breaker        // of the URL, as the share
	share    *share.Share
}

const (
	// Parallel is how many events are sent to one URL at once.
	Parallel = 16
	// patience is short: a user waits for no event, but for those of other endpoints one might.
	patience = 100 * time.Millisecond
)

// Endpoints returns the endpoint of each app that has one: that in own, otherwise common.
// Endpoints with the same URL share its circuit breaker and its slots, also with those in before.
func Endpoints(apps []string, common Target, own map[string]Target, before map[string]*Endpoint) (map[string]*Endpoint, error) {
	byURL, byApp := map[string]*Endpoint{}, map[string]*Endpoint{}
	for _, e := range before {
		byURL[e.URL] = e
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
		same := byURL[target.URL]
		if same == nil {
			same = &Endpoint{breaker: &breaker{}, share: share.New("the webhook at "+u.Host, Parallel, patience)}
			byURL[target.URL] = same
		}
		sum := sha256.Sum256([]byte(target.URL))
		byApp[app] = &Endpoint{Target: target, host: u.Host, urlHash: hex.EncodeToString(sum[:]), breaker: same.breaker, share: same.share}
	}
	return byApp, nil
}
