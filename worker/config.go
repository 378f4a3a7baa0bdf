package worker

import (
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"

	"pilotsync/internal/serverpilot"
	"pilotsync/worker/certcheck"
	"pilotsync/worker/listsync"
)

// Slots for each kind of work but app:sync, whose number is a setting. Changes
// are one Redis call each; verifications and events wait for other people's
// servers.
const (
	changeSlots = 32
	verifySlots = 32
	eventSlots  = 16
)

// Config is what a [Worker] is made from. It is taken as checked.
type Config struct {
	Redis    redis.UniversalClient // stays the caller's to close
	APIURL   string
	Accounts []Account
	// APIRate is the number of ServerPilot calls a second for each account, over
	// all workers; 0 for no limit.
	APIRate int
	Rules   listsync.Rules
	// SSLDelays are the pauses before each verification; their number is the limit
	// of attempts.
	SSLDelays []time.Duration
	// Expected is where DNS should point; empty means the server's own address.
	Expected []netip.Prefix
	Check    certcheck.Config
	// DryRun writes nothing to ServerPilot: changes stay pending, with what would be
	// done. Domains that are on the list are verified as ever.
	DryRun bool
	// Reconcile is what the hourly look does; empty means Repair.
	Reconcile Reconcile
	// Concurrency is the number of apps that are synced at once.
	Concurrency int
	// Webhook is told of all apps but those in Webhooks, which have one of their own.
	Webhook  Webhook
	Webhooks map[string]Webhook
	// Metrics are what the worker counts into; nil for ones that nobody sees.
	Metrics *Metrics
	// Ready is called once the worker takes tasks; nil for nobody who waits for it.
	Ready func()
	Log   *logrus.Logger
}

// Account is a ServerPilot account with the apps of it that are served.
type Account struct {
	ClientID, APIKey string
	Apps             []string
}

// account is an Account at work.
type account struct {
	clientID, apiKey string
	client           *serverpilot.Client
	limiter          *serverpilot.Limiter
}

// name is what this process calls itself in the ledger's history and in logs.
func name() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d", host, os.Getpid())
}
