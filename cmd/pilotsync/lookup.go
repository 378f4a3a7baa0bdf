package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"pilotsync/internal/config"
	"pilotsync/internal/safefile"
	"pilotsync/internal/serverpilot"
	"pilotsync/internal/terminal"
	"pilotsync/internal/text"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/precheck"
)

// What the commands dns and check share: they look names up themselves, without a worker.

// lookupFlags are their flags: those of a worker, an app and domains.
type lookupFlags struct {
	config.WorkerSettings `embed:""`

	App     string   `name:"app" predictor:"app" placeholder:"ID" help:"The app's id. Default: the configured app, if it is the only one, or else the one that has the domain by the ledger."`
	JSON    bool     `name:"json" help:"Print one JSON array."`
	Domains []string `arg:"" name:"domain" help:"Domains."`

	notes canonicalNotes
}

// Validate is called by kong after parsing; it puts the domains into their canonical form.
func (f *lookupFlags) Validate() error {
	var errs []error
	if f.App != "" {
		errs = append(errs, checkApps("--app: ", []string{f.App}))
	}
	var domains []string
	for _, raw := range f.Domains {
		domain, err := tasks.ParseDomain(raw)
		errs = append(errs, err)
		f.notes.add(raw, domain)
		if !slices.Contains(domains, domain) {
			domains = append(domains, domain)
		}
	}
	f.Domains = domains
	return errors.Join(errs...)
}

// lookupTargets are what the commands know before they probe: each domain's app as ServerPilot has
// it, and the domain's rule for a www form.
type lookupTargets struct {
	config.Worker
	appOf   map[string]string           // by domain; empty for no app
	targets map[string]*precheck.Target // by app
	www     map[string]tasks.WWW        // of the domains that the ledger has
}

// target is what a domain is checked against.
func (l lookupTargets) target(domain string) precheck.Target {
	target := *l.targets[l.appOf[domain]]
	target.WWW = cmp.Or(l.www[domain], target.WWW)
	return target
}

// reserve takes the places that a domain's names would need on the list of its app.
func (l lookupTargets) reserve(domain string, names []string) {
	l.targets[l.appOf[domain]].Reserve(names)
}

// lookup calls do with what the settings say, and with the domains' apps as ServerPilot has them.
// Without an account only the settings' addresses are known, which a notice says.
func (f *lookupFlags) lookup(ctx context.Context, s *terminal.Streams, readOthers bool, do func(lookupTargets) error) error {
	f.notes.print(s.Err)
	if f.App != "" && f.AppID == "" && f.AppIDFile == "" && f.Config == "" && f.APIKey+f.APIKeyFile != "" {
		f.AppID = f.App
	}
	set, err := f.ParseOptional(safefile.Read)
	if err != nil {
		return err
	}
	defer set.Redis.Close()
	l := lookupTargets{Worker: set, appOf: map[string]string{}, targets: map[string]*precheck.Target{}, www: map[string]tasks.WWW{}}
	limited, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	reachable := set.Redis.Client.Ping(limited).Err() == nil
	known := map[string][]ledger.View{}
	if reachable {
		known = knownDomains(limited, ledger.New(set.Redis.Client), f.Domains)
	}
	for _, domain := range f.Domains {
		account, app, err := f.account(set.Accounts, known[domain])
		if err != nil {
			return err
		}
		l.appOf[domain] = app
		for _, v := range known[domain] {
			if v.AppID == app {
				l.www[domain] = wantedWWW(v)
			}
		}
		if l.targets[app] != nil {
			continue
		}
		if l.targets[app], err = readTarget(ctx, s, set, account, app, readOthers, reachable); err != nil {
			return err
		}
	}
	return do(l)
}

// knownDomains returns the domains that the ledger wants on lists, by name. It knows none if the
// ledger can't be read: the commands work without.
func knownDomains(ctx context.Context, l *ledger.Ledger, domains []string) map[string][]ledger.View {
	known := map[string][]ledger.View{}
	views, _, err := l.Lookup(ctx, nil, domains)
	if err != nil {
		return known
	}
	for _, v := range views {
		if v.Pending != nil && !v.Pending.Remove || v.Pending == nil && v.Record.Wanted {
			known[v.Domain] = append(known[v.Domain], v)
		}
	}
	return known
}

// wantedWWW is a domain's own rule; empty for that of the settings.
func wantedWWW(v ledger.View) tasks.WWW {
	if v.Pending != nil {
		return v.Pending.WWW
	}
	return v.Record.WWW
}

// readTarget reads what the domains of an app are checked against. For an empty app it returns what
// the settings alone say.
func readTarget(ctx context.Context, s *terminal.Streams, set config.Worker, account config.Account, app string, readOthers, limit bool) (*precheck.Target, error) {
	var target precheck.Target
	var err error
	if app == "" {
		target, err = targetWithoutApp(s, set)
	} else {
		target, err = readApp(ctx, s, set, account, app, readOthers, limit)
	}
	if err != nil {
		return nil, err
	}
	if len(target.Expected) == 0 {
		s.Noticef("Where DNS should point isn't known: set PILOTSYNC_EXPECTED_ADDRESSES to the address of the app's server.")
	}
	target.AutoSSL.KeepOff = set.SettingsOf(app).AutoSSLOff
	target.WWW, target.Keys = set.Rules.WWW, set.Webhook.Keys
	if own, isOwn := set.Webhooks[app]; isOwn {
		target.Keys = own.Keys
	}
	return &target, nil
}

// targetWithoutApp returns what the settings alone say.
func targetWithoutApp(s *terminal.Streams, set config.Worker) (precheck.Target, error) {
	target := precheck.Target{Expected: expectedAt(set, "", netip.Addr{})}
	reason := "No account is set"
	if len(set.Accounts) > 0 {
		if len(target.Expected) == 0 {
			return target, usageError{fmt.Errorf("--app is missing; it takes one of the apps that the settings name: several are configured, the ledger doesn't say which is meant, and PILOTSYNC_EXPECTED_ADDRESSES is empty")}
		}
		reason = "Several apps are configured, and --app names none"
	}
	s.Noticef("%s: no list is read, and DNS is compared with PILOTSYNC_EXPECTED_ADDRESSES only.", reason)
	return target, nil
}

// readApp reads an app, and the other apps of its account if readOthers is true. A notice says
// which of these can't be read.
func readApp(ctx context.Context, s *terminal.Streams, set config.Worker, account config.Account, app string, readOthers, limit bool) (precheck.Target, error) {
	var others []string
	if readOthers {
		others = slices.DeleteFunc(slices.Clone(account.Apps), func(id string) bool { return id == app })
	}
	target, err := loadTarget(ctx, set, account, app, others, limit)
	if errors.Is(err, precheck.ErrOtherApp) {
		s.Noticef("%s", text.Printable(err.Error()))
		return target, nil
	}
	return target, err
}

// account is the account and the app that are meant: that of --app, the only configured one, or the
// only configured one that has the domain by the ledger. The app is empty if there is none.
func (f *lookupFlags) account(accounts []config.Account, known []ledger.View) (config.Account, string, error) {
	if len(accounts) == 1 && len(accounts[0].Apps) == 1 && f.App == "" {
		return accounts[0], accounts[0].Apps[0], nil
	}
	var found config.Account
	app := ""
	for _, a := range accounts {
		for _, id := range a.Apps {
			has := slices.ContainsFunc(known, func(v ledger.View) bool { return v.AppID == id })
			switch {
			case f.App == id:
				return a, id, nil
			case f.App != "" || !has:
			case app != "":
				return config.Account{}, "", nil
			default:
				found, app = a, id
			}
		}
	}
	if f.App != "" && len(accounts) > 0 {
		return config.Account{}, "", usageError{fmt.Errorf("--app is %q; it takes one of the apps that the settings name", f.App)}
	}
	return found, app, nil
}

// loadTarget reads an app. If limit is true, it keeps to the account's rate limit, for which Redis
// counts the calls.
func loadTarget(ctx context.Context, set config.Worker, account config.Account, app string, others []string, limit bool) (precheck.Target, error) {
	api, err := serverpilot.New(serverpilot.Config{BaseURL: set.APIURL, ClientID: account.ClientID, APIKey: account.APIKey, UserAgent: "pilotsync check"})
	if err != nil {
		return precheck.Target{}, err
	}
	defer api.Close()
	rate := set.APIRate
	if !limit {
		rate = 0
	}
	source := limitedSource{api, serverpilot.NewLimiter(set.Redis.Client, account.ClientID, rate)}
	target, address, err := precheck.Load(ctx, source, app, others)
	target.Expected = expectedAt(set, app, address)
	return target, err
}

// expectedAt is where the DNS of an app's domains should point.
func expectedAt(set config.Worker, app string, server netip.Addr) []netip.Prefix {
	return set.SettingsOf(app).Expected.With(server)
}

// limitedSource waits for the account's rate limit before each call.
type limitedSource struct {
	api     *serverpilot.Client
	limiter *serverpilot.Limiter
}

func (l limitedSource) App(ctx context.Context, id string) (app serverpilot.App, err error) {
	if err := l.limiter.WaitVerify(ctx, 1); err != nil {
		return app, err
	}
	return l.api.App(ctx, id)
}

func (l limitedSource) Server(ctx context.Context, id string) (server serverpilot.Server, err error) {
	if err := l.limiter.WaitVerify(ctx, 1); err != nil {
		return server, err
	}
	return l.api.Server(ctx, id)
}
