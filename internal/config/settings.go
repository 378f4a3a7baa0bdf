// Package config has pilotsync's settings: their definitions, their text from flags, the
// environment and files, and their values.
//
// A struct of settings has the given text, and the definition of each setting in its tags. Its
// Parse method returns the values. A [Parser] records every wrong setting, so a person can
// correct all of them together.
package config

import (
	"reflect"

	"github.com/alecthomas/kong"
)

// RedisSettings say where Redis is. The default isn't in a tag: it would hide whether both the
// variable and its …_FILE form were set.
type RedisSettings struct {
	RedisURL     string `name:"redis-url" env:"REDIS_URL" group:"Redis" placeholder:"URL" help:"Where Redis is; also rediss://, redis-socket:///path, redis-sentinel://h1,h2/0?master=NAME and redis-cluster://h1,h2. Default: redis://127.0.0.1:6379/0."`
	RedisURLFile string `name:"redis-url-file" env:"REDIS_URL_FILE" group:"Redis" placeholder:"FILE" help:"File to read the URL from. Default: none."`
}

// AccountSettings say which apps are served, and with which keys.
type AccountSettings struct {
	ClientID     string `name:"client-id" env:"WU_SERVER_PILOT_CLIENT_ID" group:"ServerPilot" placeholder:"ID" help:"Client id of the account. Default: none; needed unless PILOTSYNC_CONFIG is set."`
	ClientIDFile string `name:"client-id-file" env:"WU_SERVER_PILOT_CLIENT_ID_FILE" group:"ServerPilot" placeholder:"FILE" help:"File to read the client id from. Default: none."`
	APIKey       string `name:"api-key" env:"WU_SERVER_PILOT_API_KEY" group:"ServerPilot" placeholder:"KEY" help:"API key of the account. Other users of the machine can see a flag: prefer the variable or the file. Default: none; needed unless PILOTSYNC_CONFIG is set."`
	APIKeyFile   string `name:"api-key-file" env:"WU_SERVER_PILOT_API_KEY_FILE" group:"ServerPilot" placeholder:"FILE" help:"File to read the API key from. Default: none."`
	AppID        string `name:"app-id" env:"WU_SERVER_PILOT_APP_ID" group:"ServerPilot" placeholder:"ID,…" help:"Ids of the apps to serve, separated by commas. Default: none; needed unless PILOTSYNC_CONFIG is set."`
	AppIDFile    string `name:"app-id-file" env:"WU_SERVER_PILOT_APP_ID_FILE" group:"ServerPilot" placeholder:"FILE" help:"File to read the ids from. Default: none."`
	Config       string `name:"config" env:"PILOTSYNC_CONFIG" group:"ServerPilot" placeholder:"FILE" help:"YAML file for several accounts, in place of client id, API key and app ids: 'accounts: [{client_id, api_key or api_key_file, apps: [id, …]}]'. An app with a webhook of its own has it under 'webhooks: {APP: {url, secret or secret_file}}'. Default: none."`
	Credentials  string `name:"credentials-directory" env:"CREDENTIALS_DIRECTORY" group:"ServerPilot" hidden:"" help:"Where systemd puts a unit's credentials, for paths in the YAML file."`
}

// APISettings say where ServerPilot's API is, and how often it may be called.
type APISettings struct {
	APIURL  string `name:"api-url" env:"SERVERPILOT_API_URL" group:"ServerPilot" default:"https://api.serverpilot.io/v1" help:"Where ServerPilot's API is; plain http only to loopback addresses."`
	APIRate string `name:"api-rate" env:"PILOTSYNC_API_RATE" group:"ServerPilot" default:"5" help:"Calls per second for an account, over all workers, 0 to 1000; 0 for no limit."`
}

// DashboardSettings say where the dashboard is, and who may use it. The default
// of the address isn't in a tag: it would hide whether the address was set.
type DashboardSettings struct {
	Listen       string `name:"listen" env:"PILOTSYNC_LISTEN" group:"Dashboard" placeholder:"ADDRESS" help:"Address of the dashboard, a loopback one unless there is a login; off for none. Default: 127.0.0.1:8080; a worker starts without a dashboard if another pilotsync has that address."`
	Auth         string `name:"auth" env:"PILOTSYNC_AUTH" group:"Dashboard" placeholder:"FILE" help:"Password file of the dashboard's users, as htpasswd -B writes it; a user whose line ends in :act may also act. Default: no login, and the dashboard is read-only."`
	HealthListen string `name:"health-listen" env:"PILOTSYNC_HEALTH_LISTEN" group:"Dashboard" placeholder:"ADDRESS" help:"Another address for /healthz, /readyz and /metrics, where they need no login. Default: the dashboard's."`

	BasePath       string `name:"base-path" env:"PILOTSYNC_BASE_PATH" group:"Dashboard" placeholder:"PATH" help:"Path of the dashboard behind a proxy, such as /pilotsync. The proxy passes it on. /healthz, /readyz and /metrics stay at the root, too. Default: /."`
	TrustedProxies string `name:"trusted-proxies" env:"PILOTSYNC_TRUSTED_PROXIES" group:"Dashboard" placeholder:"NETWORK,…" help:"Addresses or networks of the proxies before the dashboard, separated by commas. The limit of wrong passwords takes the sender from their X-Forwarded-For. Default: none."`
}

// LogSettings say what is logged, and in which format.
type LogSettings struct {
	LogLevel  string `name:"log-level" env:"PILOTSYNC_LOG_LEVEL" group:"Log" default:"info" help:"panic, fatal, error, warning, info, debug or trace."`
	LogFormat string `name:"log-format" env:"PILOTSYNC_LOG_FORMAT" group:"Log" placeholder:"FORMAT" help:"text or json. Default: text on a terminal, else json."`
}

// ListSettings are the rules of the domain lists.
type ListSettings struct {
	WWW       string `name:"www" env:"PILOTSYNC_WWW" group:"Domain lists" default:"always" help:"Which domains get a www form, unless the request says so: always, main_only or never."`
	Protected string `name:"protected" env:"PILOTSYNC_PROTECTED" group:"Domain lists" placeholder:"NAME,…" help:"Names that are never taken off a list, separated by commas. Default: none."`
}

// WorkerSettings are all settings of a worker.
type WorkerSettings struct {
	RedisSettings
	AccountSettings
	APISettings
	DashboardSettings
	LogSettings
	ListSettings

	DryRun    Toggle `name:"dry-run" env:"PILOTSYNC_DRY_RUN" group:"Domain lists" default:"off" help:"Write nothing to ServerPilot: changes stay pending, with what would be written. Default: off."`
	Reconcile string `name:"reconcile" env:"PILOTSYNC_RECONCILE" group:"Domain lists" default:"repair" help:"What to do about drift, which each list is checked for every hour: repair, report or off."`

	SSLDelays             string `name:"ssl-delays" env:"PILOTSYNC_SSL_DELAYS" group:"Verification" default:"1m,2m,4m,8m,15m" help:"Delay before each attempt of a verification. Their number is the limit of attempts, unless a request sets its own. 1 to 20, each 1s or more, none shorter than the one before."`
	ExpectedAddresses     string `name:"expected-addresses" env:"PILOTSYNC_EXPECTED_ADDRESSES" group:"Verification" placeholder:"[only:]ADDRESS,…" help:"Addresses and networks where DNS may point besides the app's server, such as a load balancer's, separated by commas. After 'only:' they replace the server's address. Default: none."`
	Proxies               string `name:"proxies" env:"PILOTSYNC_PROXIES" group:"Verification" placeholder:"NAME=NETWORK,…" help:"Providers of proxies besides Cloudflare, each with its networks: 'Fastly=151.101.0.0/16,2a04:4e40::/32;Other=…'. A domain behind one is judged by the certificate that visitors see. Default: none."`
	AutoSSL               Toggle `name:"autossl" env:"PILOTSYNC_AUTOSSL" group:"Verification" default:"on" help:"Turn AutoSSL on in ServerPilot as soon as a domain needs its certificate. Off is for networks with certificates of their own. Default: on."`
	DNS                   string `name:"dns" env:"PILOTSYNC_DNS" group:"Verification" placeholder:"HOST[:PORT]" help:"DNS resolver to ask: a host, with or without a port. Default: the system's."`
	TLSPort               string `name:"tls-port" env:"PILOTSYNC_TLS_PORT" group:"Verification" default:"443" help:"Port of the web servers' TLS."`
	TLSRoots              string `name:"tls-roots" env:"PILOTSYNC_TLS_ROOTS" group:"Verification" placeholder:"FILE" help:"PEM file of authorities to trust besides the system's. Default: none."`
	AllowPrivateAddresses Toggle `name:"allow-private-addresses" env:"PILOTSYNC_ALLOW_PRIVATE_ADDRESSES" group:"Verification" default:"off" help:"Also connect to private, loopback and link-local addresses. Default: off."`

	WebhookURL        string `name:"webhook-url" env:"PILOTSYNC_WEBHOOK_URL" group:"Webhook" placeholder:"URL" help:"Where events are sent when states change; plain http only to loopback addresses. Default: nowhere."`
	WebhookSecret     string `name:"webhook-secret" env:"PILOTSYNC_WEBHOOK_SECRET" group:"Webhook" placeholder:"SECRET" help:"Signs the events: whsec_ and base64 of 24 bytes or more; several, separated by spaces, while one is being replaced. Default: none; needed for a webhook."`
	WebhookSecretFile string `name:"webhook-secret-file" env:"PILOTSYNC_WEBHOOK_SECRET_FILE" group:"Webhook" placeholder:"FILE" help:"File to read the secret from. Default: none."`

	KeepFinished string `name:"keep-finished" env:"PILOTSYNC_KEEP_FINISHED" group:"Worker" default:"1h" help:"How long asynqmon shows a finished change, which takes 1.5 KiB of Redis. 1m to 720h. A domain's history stays."`
	KeepRemoved  string `name:"keep-removed" env:"PILOTSYNC_KEEP_REMOVED" group:"Worker" default:"720h" help:"How long a domain that was removed or rejected is kept, with its history. 24h to 87600h; 0 for ever."`
	Concurrency  string `name:"concurrency" env:"PILOTSYNC_CONCURRENCY" group:"Worker" default:"64" help:"Apps of an account that are synced at once, 1 to 1000."`
}

// WebSettings are all settings of a dashboard without a worker.
type WebSettings struct {
	RedisSettings
	AccountSettings
	APISettings
	DashboardSettings
	LogSettings
}

// Setting is the definition of one setting.
type Setting struct {
	Group       string // heading under which the help lists it
	Variable    string // of the environment
	Flag        string // without the dashes
	Placeholder string // for the value in the help; may be empty
	Default     string // empty if there is none, or if Help describes it
	Help        string
}

// Settings returns the definitions of all settings of a worker, which include
// those of every other command, in the order of the help. Hidden ones are left out.
func Settings() []Setting { return definitions(reflect.TypeFor[WorkerSettings]()) }

func definitions(settings reflect.Type) []Setting {
	var all []Setting
	for i := range settings.NumField() {
		field := settings.Field(i)
		if field.Anonymous {
			all = append(all, definitions(field.Type)...)
			continue
		}
		tag := field.Tag
		if _, hidden := tag.Lookup("hidden"); hidden {
			continue
		}
		all = append(all, Setting{Group: tag.Get("group"), Variable: tag.Get("env"), Flag: tag.Get("name"),
			Placeholder: tag.Get("placeholder"), Default: tag.Get("default"), Help: tag.Get("help")})
	}
	return all
}

// Toggle is a boolean setting: --flag alone turns it on.
type Toggle string

// Decode implements kong.MapperValue.
func (t *Toggle) Decode(ctx *kong.DecodeContext) error {
	if ctx.Scan.Peek().Type != kong.FlagValueToken {
		*t = "on"
		return nil
	}
	value, err := ctx.Scan.PopValue("on or off")
	if err != nil {
		return err
	}
	*t = Toggle(value.String())
	return nil
}

// IsBool implements kong.BoolMapperValue.
func (*Toggle) IsBool() bool { return true }
