package config

import (
	"time"

	"github.com/redis/go-redis/v9"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"pilotsync/internal/redisurl"
	"pilotsync/tasks"
	"pilotsync/worker/certcheck"
	"pilotsync/worker/listsync"
)

// Worker has the values of a worker's settings.
type Worker struct {
	Redis    Redis
	Accounts []Account
	API
	Rules       listsync.Rules
	SSLDelays   []time.Duration
	AppDefaults certcheck.AppSettings            // of all apps but those in AppSettings
	AppSettings map[string]certcheck.AppSettings // by app
	Check       certcheck.Config
	DryRun      bool
	Reconcile   string // repair, report or off
	Concurrency int
	// KeepFinished is how long asynqmon shows a finished change.
	KeepFinished time.Duration
	// KeepRemoved is how long the ledger has domains that were removed or rejected; 0 for ever.
	KeepRemoved time.Duration
	Webhook     Webhook            // of all apps but those in Webhooks
	Webhooks    map[string]Webhook // by app
	Dashboard   Dashboard
	Log         Log
	KeyFiles    []string // that keys, passwords and secrets were read from
}

// Webhook is an endpoint for events; none if its URL is empty.
type Webhook struct {
	URL     string
	Secrets []*standardwebhooks.Webhook
	Keys    [][]byte // of the secrets
}

// Parse returns the values, with a Redis client that isn't connected yet; the caller must close
// it. Its error is an [Error].
func (s WorkerSettings) Parse(read ReadFile) (Worker, error) {
	set, p := s.ParseAll(read)
	if err := p.Err(); err != nil {
		set.Redis.Close()
		return Worker{}, err
	}
	return set, nil
}

// ParseAll is Parse for a caller that can use incomplete settings: wrong ones are left out, and
// the parser has the problems. The caller must close Redis.
func (s WorkerSettings) ParseAll(read ReadFile) (Worker, *Parser) {
	p := NewParser(read)
	file := s.AccountSettings.parse(p)
	set := Worker{
		Accounts:  file.accounts,
		API:       s.APISettings.Parse(p),
		Rules:     s.ListSettings.Parse(p),
		SSLDelays: parseSetting(p, "PILOTSYNC_SSL_DELAYS", s.SSLDelays, parseDelays),
		AppDefaults: certcheck.AppSettings{
			Expected:   parseSetting(p, "PILOTSYNC_EXPECTED_ADDRESSES", s.ExpectedAddresses, parseExpected),
			AutoSSLOff: !parseSetting(p, "PILOTSYNC_AUTOSSL", string(s.AutoSSL), parseToggle),
		},
		Check: certcheck.Config{
			DNS:          parseSetting(p, "PILOTSYNC_DNS", s.DNS, parseResolver),
			Port:         parseSetting(p, "PILOTSYNC_TLS_PORT", s.TLSPort, wholeNumber(1, 65535)),
			Roots:        parseSetting(p, "PILOTSYNC_TLS_ROOTS", s.TLSRoots, read.roots),
			AllowPrivate: parseSetting(p, "PILOTSYNC_ALLOW_PRIVATE_ADDRESSES", string(s.AllowPrivateAddresses), parseToggle),
			Proxies:      append(parseSetting(p, "PILOTSYNC_PROXIES", s.Proxies, parseProxies), file.proxies...),
		},
		Reconcile:    parseSetting(p, "PILOTSYNC_RECONCILE", s.Reconcile, oneOf("repair", "report", "off")),
		DryRun:       parseSetting(p, "PILOTSYNC_DRY_RUN", string(s.DryRun), parseToggle),
		Concurrency:  parseSetting(p, "PILOTSYNC_CONCURRENCY", s.Concurrency, wholeNumber(1, 1000)),
		KeepFinished: parseSetting(p, "PILOTSYNC_KEEP_FINISHED", s.KeepFinished, parseKeep),
		KeepRemoved:  parseSetting(p, "PILOTSYNC_KEEP_REMOVED", s.KeepRemoved, parseKeepRemoved),
		Webhook:      s.webhook(p),
		Webhooks:     file.webhooks,
		Dashboard:    s.DashboardSettings.Parse(p),
		Log:          s.LogSettings.Parse(p),
		Redis:        s.RedisSettings.Parse(p),
	}
	set.AppSettings = file.settings(set.AppDefaults)
	set.KeyFiles = p.keyFiles
	return set, p
}

// SettingsOf returns the settings by which an app's domains are verified.
func (w Worker) SettingsOf(app string) certcheck.AppSettings {
	if own, isOwn := w.AppSettings[app]; isOwn {
		return own
	}
	return w.AppDefaults
}

func (s WorkerSettings) webhook(p *Parser) Webhook {
	hook := Webhook{URL: parseSetting(p, "PILOTSYNC_WEBHOOK_URL", s.WebhookURL, parseWebhookURL)}
	secrets, ok := p.Text("PILOTSYNC_WEBHOOK_SECRET", s.WebhookSecret, s.WebhookSecretFile)
	switch {
	case !ok:
	case secrets == "" && s.WebhookURL != "":
		p.rejectSecret("PILOTSYNC_WEBHOOK_SECRET", "is not set; PILOTSYNC_WEBHOOK_URL needs it to sign what it sends: "+secretForm)
	default:
		var err error
		if hook.Secrets, hook.Keys, err = parseSecrets(secrets); err != nil {
			p.rejectSecret("PILOTSYNC_WEBHOOK_SECRET", err.Error())
		}
	}
	return hook
}

// Parse returns the rules of the domain lists.
func (s ListSettings) Parse(p *Parser) listsync.Rules {
	return listsync.Rules{
		WWW:       tasks.WWW(parseSetting(p, "PILOTSYNC_WWW", s.WWW, oneOf("always", "main_only", "never"))),
		Protected: parseSetting(p, "PILOTSYNC_PROTECTED", s.Protected, parseDomains),
	}
}

// API has the URL of ServerPilot's API and the rate of calls.
type API struct {
	APIURL  string
	APIRate int // calls per second, over all workers; 0 for no limit
}

// Parse returns the API's settings.
func (s APISettings) Parse(p *Parser) API {
	return API{
		APIURL:  parseSetting(p, "SERVERPILOT_API_URL", s.APIURL, parseAPIURL),
		APIRate: parseSetting(p, "PILOTSYNC_API_RATE", s.APIRate, wholeNumber(0, 1000)),
	}
}

// DefaultRedisURL leads to a Redis on this machine.
const DefaultRedisURL = "redis://127.0.0.1:6379/0"

// Redis has a client that isn't connected yet, nil if a setting is wrong.
type Redis struct {
	Client redis.UniversalClient
	Shown  string // its URL without secrets
}

// Close closes the client if there is one.
func (r Redis) Close() {
	if r.Client != nil {
		_ = r.Client.Close() // nothing is left to send
	}
}

// Parse returns the client, which the caller must close.
func (s RedisSettings) Parse(p *Parser) Redis {
	url, ok := p.Text("REDIS_URL", s.RedisURL, s.RedisURLFile)
	if !ok {
		return Redis{}
	}
	if url == "" {
		url = DefaultRedisURL
	}
	client, err := redisurl.Open(url)
	if err != nil {
		p.rejectSecret("REDIS_URL", "is wrong: "+err.Error())
		return Redis{}
	}
	return Redis{client, redisurl.Redacted(url)}
}
