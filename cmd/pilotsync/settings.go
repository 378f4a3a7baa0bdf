package main

import (
	"path/filepath"

	"github.com/alecthomas/kong"

	"pilotsync/tasks"
	"pilotsync/worker"
	"pilotsync/worker/certcheck"
	"pilotsync/worker/listsync"
)

// The settings are kept as they were given, as strings: config checks them all
// and reports all that is wrong at once. A variable's flag is its name without
// the prefix; a test holds them to that.

// accountSettings say for which apps the worker works, and with which keys.
type accountSettings struct {
	ClientID     string `name:"client-id" env:"WU_SERVER_PILOT_CLIENT_ID" group:"ServerPilot" placeholder:"ID" help:"Client id of the account. No default."`
	ClientIDFile string `name:"client-id-file" env:"WU_SERVER_PILOT_CLIENT_ID_FILE" group:"ServerPilot" placeholder:"FILE" help:"File to read it from."`
	APIKey       string `name:"api-key" env:"WU_SERVER_PILOT_API_KEY" group:"ServerPilot" placeholder:"KEY" help:"API key of the account. Other users of the machine can see a flag: better use the variable or the file. No default."`
	APIKeyFile   string `name:"api-key-file" env:"WU_SERVER_PILOT_API_KEY_FILE" group:"ServerPilot" placeholder:"FILE" help:"File to read it from."`
	AppID        string `name:"app-id" env:"WU_SERVER_PILOT_APP_ID" group:"ServerPilot" placeholder:"ID,…" help:"Ids of the apps that are served. No default."`
	AppIDFile    string `name:"app-id-file" env:"WU_SERVER_PILOT_APP_ID_FILE" group:"ServerPilot" placeholder:"FILE" help:"File to read them from."`
	Config       string `name:"config" env:"PILOTSYNC_CONFIG" group:"ServerPilot" placeholder:"FILE" help:"YAML file for several accounts, in place of the three above: 'accounts: [{client_id, api_key or api_key_file, apps: [id, …]}]', and 'webhooks: {APP: {url, secret or secret_file}}' for apps that have one of their own. Default: none."`
	Credentials  string `name:"credentials-directory" env:"CREDENTIALS_DIRECTORY" group:"ServerPilot" hidden:"" help:"Where systemd puts a unit's credentials, for paths in the YAML file."`
}

// keys are where keys' files are that the YAML file names.
func (s accountSettings) keys() keyFolders {
	return keyFolders{beside: filepath.Dir(s.Config), credentials: s.Credentials}
}

// set says whether there is an account: the folder for credentials alone, which
// every unit with credentials has, asks for none.
func (s accountSettings) set() bool {
	s.Credentials = ""
	return s != (accountSettings{})
}

// listSettings are the rules of the domain lists.
type listSettings struct {
	WWW       string `name:"www" env:"PILOTSYNC_WWW" group:"Domain lists" default:"always" help:"Which domains get a www form, unless the task says so: always, main_only or never."`
	Protected string `name:"protected" env:"PILOTSYNC_PROTECTED" group:"Domain lists" placeholder:"NAME,…" help:"Names that are never taken off a list. Default: none."`
}

// workerSettings are all settings of a worker.
type workerSettings struct {
	redisSettings
	accountSettings
	apiSettings
	pageSettings
	logSettings
	listSettings

	DryRun    toggle `name:"dry-run" env:"PILOTSYNC_DRY_RUN" group:"Domain lists" default:"off" help:"Write nothing to ServerPilot: changes stay pending, and say what would be done. Default: off."`
	Reconcile string `name:"reconcile" env:"PILOTSYNC_RECONCILE" group:"Domain lists" default:"repair" help:"What to do, each hour, about a list that isn't as it should be: repair, report or off."`

	SSLDelays             string `name:"ssl-delays" env:"PILOTSYNC_SSL_DELAYS" group:"Verification" default:"1m,2m,4m,8m,15m" help:"Pause before each verification; their number is the limit of attempts, unless a request sets its own. 1 to 20, each 1s or more, none shorter than the one before."`
	ExpectedAddresses     string `name:"expected-addresses" env:"PILOTSYNC_EXPECTED_ADDRESSES" group:"Verification" placeholder:"ADDRESS,…" help:"Addresses and networks where DNS should point, for load balancers and proxies. Default: the server's own address."`
	DNS                   string `name:"dns" env:"PILOTSYNC_DNS" group:"Verification" placeholder:"HOST[:PORT]" help:"Resolver to ask. Default: the system's."`
	TLSPort               string `name:"tls-port" env:"PILOTSYNC_TLS_PORT" group:"Verification" default:"443" help:"Port of the web servers' TLS."`
	TLSRoots              string `name:"tls-roots" env:"PILOTSYNC_TLS_ROOTS" group:"Verification" placeholder:"FILE" help:"PEM file of authorities to trust besides the system's. Default: none."`
	AllowPrivateAddresses toggle `name:"allow-private-addresses" env:"PILOTSYNC_ALLOW_PRIVATE_ADDRESSES" group:"Verification" default:"off" help:"Connect to private, loopback and link-local addresses, too. Default: off."`

	WebhookURL        string `name:"webhook-url" env:"PILOTSYNC_WEBHOOK_URL" group:"Webhook" placeholder:"URL" help:"Where changes of state are told; plain http only to loopback addresses. Default: nowhere."`
	WebhookSecret     string `name:"webhook-secret" env:"PILOTSYNC_WEBHOOK_SECRET" group:"Webhook" placeholder:"SECRET" help:"Signs them: whsec_ and base64 of 24 bytes or more; several, separated by spaces, while one is being replaced. No default."`
	WebhookSecretFile string `name:"webhook-secret-file" env:"PILOTSYNC_WEBHOOK_SECRET_FILE" group:"Webhook" placeholder:"FILE" help:"File to read it from."`

	Concurrency string `name:"concurrency" env:"PILOTSYNC_CONCURRENCY" group:"Worker" default:"64" help:"Apps that are synced at once, 1 to 1000."`
}

// setup is what the settings of a worker come to.
type setup struct {
	pageSetup
	logSetup
	Worker worker.Config // without Log
	Redis  string        // its URL, as it may be shown
	// KeyFiles are those that keys and passwords were read from.
	KeyFiles []string
}

// config checks every setting and returns what they come to, with a Redis
// client that hasn't connected and is the caller's to close. Files are read with
// readFile. Its error is a usageError with a line for each wrong setting.
func (s workerSettings) config(readFile readFile) (setup, error) {
	set, w := s.check(readFile)
	if err := w.err(); err != nil {
		if set.Worker.Redis != nil {
			_ = set.Worker.Redis.Close() // it never connected
		}
		return setup{}, err
	}
	return set, nil
}

// check is config for who can do something with those settings that are right:
// what is wrong is left out of the setup. Redis is nil then, or the caller's to close.
func (s workerSettings) check(readFile readFile) (setup, wrong) {
	w := wrong{}
	accounts, webhooks := s.accounts(&w, readFile)
	set := setup{
		Worker: worker.Config{
			Accounts:  accounts,
			APIURL:    take(&w, "SERVERPILOT_API_URL", s.APIURL, parseAPIURL),
			APIRate:   take(&w, "PILOTSYNC_API_RATE", s.APIRate, wholeNumber(0, 1000)),
			Rules:     s.rules(&w),
			SSLDelays: take(&w, "PILOTSYNC_SSL_DELAYS", s.SSLDelays, parseDelays),
			Expected:  take(&w, "PILOTSYNC_EXPECTED_ADDRESSES", s.ExpectedAddresses, parseNetworks),
			Check: certcheck.Config{
				DNS:          take(&w, "PILOTSYNC_DNS", s.DNS, parseResolver),
				Port:         take(&w, "PILOTSYNC_TLS_PORT", s.TLSPort, wholeNumber(1, 65535)),
				Roots:        take(&w, "PILOTSYNC_TLS_ROOTS", s.TLSRoots, readFile.roots),
				AllowPrivate: take(&w, "PILOTSYNC_ALLOW_PRIVATE_ADDRESSES", string(s.AllowPrivateAddresses), parseToggle),
			},
			Reconcile:   worker.Reconcile(take(&w, "PILOTSYNC_RECONCILE", s.Reconcile, oneOf("repair", "report", "off"))),
			DryRun:      take(&w, "PILOTSYNC_DRY_RUN", string(s.DryRun), parseToggle),
			Concurrency: take(&w, "PILOTSYNC_CONCURRENCY", s.Concurrency, wholeNumber(1, 1000)),
			Webhook:     s.webhook(&w, readFile),
			Webhooks:    webhooks,
		},
		pageSetup: s.page(&w, readFile),
		logSetup:  s.log(&w),
	}
	set.Worker.Redis, set.Redis = s.open(&w, readFile)
	set.KeyFiles = w.keyFiles
	return set, w
}

func (s listSettings) rules(w *wrong) listsync.Rules {
	return listsync.Rules{
		WWW:       tasks.WWW(take(w, "PILOTSYNC_WWW", s.WWW, oneOf("always", "main_only", "never"))),
		Protected: take(w, "PILOTSYNC_PROTECTED", s.Protected, parseDomains),
	}
}

func (s workerSettings) webhook(w *wrong, readFile readFile) worker.Webhook {
	hook := worker.Webhook{URL: take(w, "PILOTSYNC_WEBHOOK_URL", s.WebhookURL, parseWebhookURL)}
	secrets, ok := readFile.either(w, "PILOTSYNC_WEBHOOK_SECRET", s.WebhookSecret, s.WebhookSecretFile)
	switch {
	case !ok:
	case secrets == "" && s.WebhookURL != "":
		w.say("PILOTSYNC_WEBHOOK_SECRET", "is not set; PILOTSYNC_WEBHOOK_URL needs it to sign what it sends: "+secretForm)
	default:
		var err error
		if hook.Secrets, err = parseSecrets(secrets); err != nil {
			w.say("PILOTSYNC_WEBHOOK_SECRET", err.Error())
		}
	}
	return hook
}

// toggle is a boolean setting: --flag alone turns it on.
type toggle string

// Decode implements kong.MapperValue.
func (t *toggle) Decode(ctx *kong.DecodeContext) error {
	if ctx.Scan.Peek().Type != kong.FlagValueToken {
		*t = "on"
		return nil
	}
	value, err := ctx.Scan.PopValue("on or off")
	if err != nil {
		return err
	}
	*t = toggle(value.String())
	return nil
}

// IsBool implements kong.BoolMapperValue.
func (*toggle) IsBool() bool { return true }
