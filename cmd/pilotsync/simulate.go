package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"pilotsync/internal/config"
	"pilotsync/internal/embeddedredis"
	"pilotsync/internal/safefile"
	"pilotsync/internal/simulator"
	"pilotsync/internal/terminal"
	"pilotsync/tasks"
)

// simulateCmd runs the simulator as a process of its own, in place of ServerPilot.
type simulateCmd struct {
	Listen       string        `help:"Address of the API and of the control endpoints under /_simulator/." default:"127.0.0.1:0"`
	DNSListen    string        `name:"dns-listen" help:"Address of the DNS server, UDP and TCP." default:"127.0.0.1:0"`
	TLSListen    string        `name:"tls-listen" help:"Address of the web servers' TLS." default:"127.0.0.1:0"`
	Redis        bool          `help:"Also start a Redis in memory, for workers and producers. It keeps nothing."`
	RedisListen  string        `name:"redis-listen" help:"Address of this Redis. Default: a free port of 127.0.0.1." placeholder:"HOST:PORT"`
	App          []string      `help:"Id of an app; give it again for more." default:"app1"`
	ClientID     string        `name:"client-id" help:"The account's client id." default:"sim"`
	APIKey       string        `name:"api-key" help:"The account's API key." default:"sim-key"`
	Account      []string      `sep:"none" placeholder:"CLIENT_ID:KEY=APP,…" help:"One more account, with apps of its own; give it again for more."`
	Latency      time.Duration `help:"How long each API call takes." default:"200ms"`
	CAFile       string        `name:"ca-file" help:"File of the certificate authority, PEM, with its key in FILE.key. Made if it doesn't exist. Default: a temporary file, removed at the end." type:"path"`
	Disconnected time.Duration `name:"disconnected-for" placeholder:"DURATION" help:"How long the servers have not been connected to ServerPilot. Default: they are connected."`
	Secret       string        `name:"webhook-secret" placeholder:"SECRET" help:"Webhook secret of the network, whsec_…. Sites behind the proxy prove with it that they belong to the network. Default: none; a worker then judges them by the certificate alone."`
	Config       string        `name:"config-file" help:"File to write the accounts to, for PILOTSYNC_CONFIG. Default: a temporary file, removed at the end, if there are several accounts." type:"path"`

	Fault5xx        float64       `name:"fault-5xx" help:"Probability, 0 to 1, that a call is answered with 500." default:"0"`
	Fault429        float64       `name:"fault-429" help:"Probability that a call is answered with 429." default:"0"`
	RetryAfter      time.Duration `name:"retry-after" help:"Retry-After of a 429; 0s leaves it out." default:"0s"`
	FaultSlow       float64       `name:"fault-slow" help:"Probability that a call is slow." default:"0"`
	SlowFor         time.Duration `name:"slow-for" help:"How much longer a slow call takes." default:"5s"`
	FaultHTML       float64       `name:"fault-html" help:"Probability that a call takes effect but is answered with 502 and a page of HTML." default:"0"`
	FaultDropBefore float64       `name:"fault-drop-before" help:"Probability that the connection is dropped and the call has no effect." default:"0"`
	FaultDropAfter  float64       `name:"fault-drop-after" help:"Probability that the connection is dropped after the call took effect." default:"0"`
	Seed            uint64        `help:"Seed of the faults' randomness." default:"1"`

	certificateFlags  `embed:""`
	actionFlags       `embed:""`
	statusFlags       `embed:""`
	undocumentedFlags `embed:""`
}

// Help is shown under the command's own --help.
func (*simulateCmd) Help() string {
	return `Prints the settings with which a worker talks to the simulator, and runs until SIGTERM or SIGINT. With --redis they are all that workers, producers and the dashboard need. A word in a domain's name decides how the domain behaves; the output lists the words.

The simulator has every call of ServerPilot's API, as documented: servers, system users, databases, SSH keys, apps, SSL and actions. Options choose what the documentation leaves open. Other clients can use it, too.

While it runs, POST /_simulator/status takes {"app":"app1","status":403}, and has the API answer so for the app, or without "app" for the account. The status 0 ends it.

Examples:

    pilotsync simulate --redis > sim.env

    pilotsync simulate --app=app1 --cert-delay=10s > sim.env

    pilotsync simulate --app=app1 --account=two:key-two=app2,app3 > sim.env

    pilotsync simulate --fault-5xx=0.1 --fault-429=0.05 --retry-after=2s

    pilotsync simulate --app=app1,app2 --app-status=app2=403 --shuffled-lists`
}

// Validate is called by kong after parsing; its error is one of usage.
func (c *simulateCmd) Validate() error {
	for flag, probability := range map[string]float64{
		"fault-5xx": c.Fault5xx, "fault-429": c.Fault429, "fault-slow": c.FaultSlow, "fault-html": c.FaultHTML,
		"fault-drop-before": c.FaultDropBefore, "fault-drop-after": c.FaultDropAfter,
		"fault-action": c.FaultAction, "fault-ssl-action": c.FaultSSLAction,
	} {
		if !(probability >= 0 && probability <= 1) { // so written for NaN
			return fmt.Errorf("--%s is %v; it takes a probability from 0 to 1", flag, probability)
		}
	}
	for flag, duration := range map[string]time.Duration{
		"latency": c.Latency, "cert-delay": c.CertDelay, "retry-after": c.RetryAfter, "slow-for": c.SlowFor, "disconnected-for": c.Disconnected,
		"action-delay": c.ActionDelay, "stale-reads": c.StaleReads,
	} {
		if duration < 0 {
			return fmt.Errorf("--%s is %s; it takes 0s or more", flag, duration)
		}
	}
	if _, err := c.siteSecret(); err != nil {
		return err
	}
	if c.CertDays < 2 {
		return fmt.Errorf("--cert-days is %d; it takes 2 or more", c.CertDays)
	}
	if c.RedisListen != "" && !c.Redis {
		return errors.New("--redis-listen is the address of the Redis of --redis; it takes --redis with it")
	}
	if c.Config != "" && len(c.Account) == 0 {
		return errors.New("--config-file is for several accounts; it takes --account with it")
	}
	accounts, err := c.accounts()
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for i, a := range accounts {
		for _, id := range a.Apps {
			if err := tasks.CheckAppID(id); err != nil {
				return fmt.Errorf("%s: %w", []string{"--app", "--account"}[min(i, 1)], err)
			}
			if seen[id] {
				return fmt.Errorf("app %s is given twice; it takes each app once", id)
			}
			seen[id] = true
		}
	}
	_, err = c.statuses(slices.Collect(maps.Keys(seen)))
	return err
}

// siteSecret is the key of the webhook secret; its error doesn't show the secret.
func (c *simulateCmd) siteSecret() ([]byte, error) {
	if c.Secret == "" {
		return nil, nil
	}
	keys, err := config.WebhookKeys(c.Secret)
	if err != nil || len(keys) != 1 {
		return nil, errors.New("--webhook-secret is wrong; it takes whsec_ and the base64 of 24 bytes or more")
	}
	return keys[0], nil
}

// accounts are all accounts, each with its apps.
func (c *simulateCmd) accounts() ([]simulator.Account, error) {
	accounts := []simulator.Account{{ClientID: c.ClientID, APIKey: c.APIKey, Apps: c.App}}
	for _, given := range c.Account {
		user, apps, _ := strings.Cut(given, "=")
		id, key, _ := strings.Cut(user, ":")
		if id == "" || key == "" || apps == "" {
			return nil, fmt.Errorf("--account is %q; it takes CLIENT_ID:KEY=APP,…", given)
		}
		for _, other := range accounts {
			if other.ClientID == id {
				return nil, fmt.Errorf("--account %s is given twice, or is --client-id; it takes each account once", id)
			}
		}
		accounts = append(accounts, simulator.Account{ClientID: id, APIKey: key, Apps: strings.Split(apps, ",")})
	}
	return accounts, nil
}

// Run serves until ctx ends. What it prints can be pasted into a shell, or read
// with eval: all but the exports is comment. The last line is "# ready".
func (c *simulateCmd) Run(ctx context.Context, s *terminal.Streams) (err error) {
	accounts, err := c.accounts()
	if err != nil {
		return err
	}
	opt, err := c.options(accounts)
	if err != nil {
		return err
	}
	if opt.CACertificate, opt.CAKey, err = c.authority(); err != nil {
		return err
	}
	if opt.SiteSecret, err = c.siteSecret(); err != nil {
		return err
	}
	sim, err := simulator.Start(opt)
	if err != nil {
		return fmt.Errorf("start the simulator: %w", err)
	}
	defer sim.Close()
	caFile, remove, err := simulator.WriteFile(c.CAFile, "the certificate authority (--ca-file)", "pilotsync-simulator-ca-*.pem", sim.CAPEM(), 0o644) // not a secret
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	worker := [][2]string{
		{"WU_SERVER_PILOT_CLIENT_ID", c.ClientID}, {"WU_SERVER_PILOT_API_KEY", c.APIKey}, {"WU_SERVER_PILOT_APP_ID", strings.Join(c.App, ",")},
	}
	if len(accounts) > 1 || c.Config != "" {
		file, remove, writeErr := simulator.WriteFile(c.Config, "the accounts (--config-file)", "pilotsync-simulator-*.yml", accountsYAML(accounts), 0o600)
		if writeErr != nil {
			return writeErr
		}
		defer func() { err = errors.Join(err, remove()) }()
		worker = [][2]string{{"PILOTSYNC_CONFIG", file}}
	}
	if c.Redis {
		redis, startErr := embeddedredis.Start(cmp.Or(c.RedisListen, "127.0.0.1:0"))
		if startErr != nil {
			return startErr
		}
		defer redis.Close()
		worker = append(worker, [2]string{"REDIS_URL", redis.URL()})
	}
	if err := c.printSettings(s.Out, sim, worker, caFile); err != nil {
		return fmt.Errorf("print the simulator's addresses: %w", err)
	}
	<-ctx.Done()
	return nil
}

// authority is the one of an earlier run with the same --ca-file, which workers
// trust already, or a new one.
func (c *simulateCmd) authority() (certificate, key []byte, err error) {
	if c.CAFile == "" {
		return simulator.MakeCA()
	}
	certificate, err = safefile.Read(c.CAFile)
	if err == nil {
		key, err = safefile.Read(c.CAFile + ".key")
	}
	if !errors.Is(err, fs.ErrNotExist) {
		if err != nil {
			err = fmt.Errorf("read the certificate authority (--ca-file): %w", err)
		}
		return certificate, key, err
	}
	if certificate, key, err = simulator.MakeCA(); err != nil {
		return nil, nil, err
	}
	if err := safefile.Write(c.CAFile+".key", key, 0o600); err != nil {
		return nil, nil, fmt.Errorf("write the key of the certificate authority (--ca-file): %w", err)
	}
	return certificate, key, nil
}

func (c *simulateCmd) options(accounts []simulator.Account) (simulator.Options, error) {
	opt := simulator.Options{
		Accounts: accounts,
		Latency:  c.Latency, CertDelay: c.CertDelay,
		CertLifetime: time.Duration(c.CertDays) * 24 * time.Hour, RateLimits: c.RateLimits,
		ActionDelay: c.ActionDelay, AccountStatus: c.AccountStatus,
		Listen: c.Listen, DNSListen: c.DNSListen, TLSListen: c.TLSListen,
		Seed: c.Seed,
		Faults: simulator.Faults{
			Error5xx: c.Fault5xx, Error429: c.Fault429, RetryAfter: c.RetryAfter,
			Slow: c.FaultSlow, SlowFor: c.SlowFor, HTML: c.FaultHTML,
			DropBefore: c.FaultDropBefore, DropAfter: c.FaultDropAfter,
			ActionError: c.FaultAction, SSLActionError: c.FaultSSLAction,
		},
		Undocumented: c.choices(),
	}
	opt.Undocumented.OneCertificate = c.OneCertificate
	if c.Disconnected > 0 {
		opt.LastConn = time.Now().Add(-c.Disconnected)
	}
	var ids []string
	for _, a := range accounts {
		ids = append(ids, a.Apps...)
	}
	statuses, err := c.statuses(ids)
	for _, id := range ids {
		opt.Apps = append(opt.Apps, simulator.App{ID: id, Status: statuses[id]})
	}
	return opt, err
}

// accountsYAML is what PILOTSYNC_CONFIG takes.
func accountsYAML(accounts []simulator.Account) []byte {
	var b strings.Builder
	b.WriteString("accounts:\n")
	for _, a := range accounts {
		fmt.Fprintf(&b, "- {client_id: %q, api_key: %q, apps: [%s]}\n", a.ClientID, a.APIKey, strings.Join(a.Apps, ", "))
	}
	return []byte(b.String())
}

func (c *simulateCmd) printSettings(w io.Writer, sim *simulator.Simulator, worker [][2]string, caFile string) error {
	var b strings.Builder
	b.WriteString("# The simulator is up. A worker talks to it with these settings:\n")
	for _, setting := range sim.WorkerSettings(worker, caFile) {
		fmt.Fprintf(&b, "export %s=%s\n", setting[0], simulator.ShellQuote(setting[1]))
	}
	b.WriteString("# A domain behaves as a word in its first label says:\n")
	for _, line := range simulator.Conventions() {
		fmt.Fprintf(&b, "#   %s\n", line)
	}
	b.WriteString("# ready\n")
	_, err := io.WriteString(w, b.String())
	return err
}
