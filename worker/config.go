package worker

import (
	"fmt"
	"os"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"

	"pilotsync/worker/certcheck"
	"pilotsync/worker/listsync"
	"pilotsync/worker/metrics"
	"pilotsync/worker/registry"
	"pilotsync/worker/webhook"
)

// Config configures a [Worker]. New doesn't check it.
type Config struct {
	Redis    redis.UniversalClient // the caller must close it
	APIURL   string
	Accounts []registry.Account
	// APIRate is the number of ServerPilot calls a second for each account, over all
	// workers; 0 for no limit.
	APIRate int
	Rules   listsync.Rules
	// SSLDelays are the delays before each verification attempt, at least one; their number
	// is the limit of attempts.
	SSLDelays []time.Duration
	Check     certcheck.Config
	// AppDefaults are the settings of all apps but those in AppSettings, which has them by
	// the app's id.
	AppDefaults certcheck.AppSettings
	AppSettings map[string]certcheck.AppSettings
	// DryRun writes nothing to ServerPilot: changes stay pending, with a preview. Domains
	// on the list are verified as usual.
	DryRun bool
	// Reconcile is what the hourly reconciliation does; empty means Repair.
	Reconcile Reconcile
	// Concurrency is the number of apps of an account that are synced in parallel; all accounts
	// together have twice as many.
	Concurrency int
	// KeepFinished is how long asynqmon shows a finished change; 0 leaves it to the producer.
	KeepFinished time.Duration
	// KeepRemoved is how long the ledger has domains that were removed or rejected; 0 for ever.
	KeepRemoved time.Duration
	// Webhook receives the events of all apps but those in Webhooks, which have their own.
	Webhook  webhook.Target
	Webhooks map[string]webhook.Target
	// Metrics count what the worker does; nil for a registry that is never scraped.
	Metrics *metrics.Worker
	// Ready is called once the worker takes tasks; it may be nil.
	Ready func()
	Log   *logrus.Logger
}

// served is the part of a Config that a reload replaces.
func (c Config) served() registry.Config {
	return registry.Config{APIURL: c.APIURL, Accounts: c.Accounts, APIRate: c.APIRate, Webhook: c.Webhook, Webhooks: c.Webhooks,
		Proxies: c.Check.Proxies, AppDefaults: c.AppDefaults, AppSettings: c.AppSettings}
}

// workerID returns the name of this process in histories and logs.
func workerID() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d", host, os.Getpid())
}
