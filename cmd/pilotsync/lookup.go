package main

import (
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
	"pilotsync/worker/precheck"
)

// What the commands dns and check share: they look names up themselves, without a worker.

// lookupFlags are their flags: those of a worker, an app and domains.
type lookupFlags struct {
	config.WorkerSettings `embed:""`

	App     string   `name:"app" predictor:"app" placeholder:"ID" help:"The app's id. Default: the configured app, if it is the only one."`
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

// lookup calls do with what the settings say, and with the app of the flags as ServerPilot
// has it. Without an account only the settings' addresses are known, which a notice says.
func (f *lookupFlags) lookup(ctx context.Context, s *terminal.Streams, readOthers bool, do func(config.Worker, precheck.Target) error) error {
	f.notes.print(s.Err)
	if f.App != "" && f.AppID == "" && f.AppIDFile == "" && f.Config == "" && f.APIKey+f.APIKeyFile != "" {
		f.AppID = f.App
	}
	set, err := f.ParseOptional(safefile.Read)
	if err != nil {
		return err
	}
	defer set.Redis.Close()
	account, app, err := f.account(set.Accounts)
	if err != nil {
		return err
	}
	var target precheck.Target
	if app == "" {
		target, err = targetWithoutApp(s, set)
	} else {
		target, err = readTarget(ctx, s, set, account, app, readOthers)
	}
	if err != nil {
		return err
	}
	if len(target.Expected) == 0 {
		s.Noticef("Where DNS should point isn't known: set PILOTSYNC_EXPECTED_ADDRESSES to the address of the app's server.")
	}
	target.AutoSSL.KeepOff = set.SettingsOf(app).AutoSSLOff
	target.WWW, target.Keys = set.Rules.WWW, set.Webhook.Keys
	if own, isOwn := set.Webhooks[app]; isOwn {
		target.Keys = own.Keys
	}
	return do(set, target)
}

// targetWithoutApp returns what the settings alone say.
func targetWithoutApp(s *terminal.Streams, set config.Worker) (precheck.Target, error) {
	target := precheck.Target{Expected: expectedAt(set, "", netip.Addr{})}
	reason := "No account is set"
	if len(set.Accounts) > 0 {
		if len(target.Expected) == 0 {
			return target, usageError{fmt.Errorf("--app is missing; it takes one of the apps that the settings name: several are configured, and PILOTSYNC_EXPECTED_ADDRESSES is empty")}
		}
		reason = "Several apps are configured, and --app names none"
	}
	s.Noticef("%s: no list is read, and DNS is compared with PILOTSYNC_EXPECTED_ADDRESSES only.", reason)
	return target, nil
}

// readTarget reads an app, and the other apps of its account if readOthers is true. A notice says
// which of these can't be read.
func readTarget(ctx context.Context, s *terminal.Streams, set config.Worker, account config.Account, app string, readOthers bool) (precheck.Target, error) {
	var others []string
	if readOthers {
		others = slices.DeleteFunc(slices.Clone(account.Apps), func(id string) bool { return id == app })
	}
	target, err := loadTarget(ctx, set, account, app, others)
	if errors.Is(err, precheck.ErrOtherApp) {
		s.Noticef("%s", text.Printable(err.Error()))
		return target, nil
	}
	return target, err
}

// account is the account and the app that are meant; the app is empty if there is none.
func (f *lookupFlags) account(accounts []config.Account) (config.Account, string, error) {
	if len(accounts) == 1 && len(accounts[0].Apps) == 1 && f.App == "" {
		return accounts[0], accounts[0].Apps[0], nil
	}
	if f.App == "" || len(accounts) == 0 {
		return config.Account{}, "", nil
	}
	for _, a := range accounts {
		if slices.Contains(a.Apps, f.App) {
			return a, f.App, nil
		}
	}
	return config.Account{}, "", usageError{fmt.Errorf("--app is %q; it takes one of the apps that the settings name", f.App)}
}

// loadTarget reads an app, within the account's rate limit if Redis answers.
func loadTarget(ctx context.Context, set config.Worker, account config.Account, app string, others []string) (precheck.Target, error) {
	api, err := serverpilot.New(serverpilot.Config{BaseURL: set.APIURL, ClientID: account.ClientID, APIKey: account.APIKey, UserAgent: "pilotsync check"})
	if err != nil {
		return precheck.Target{}, err
	}
	defer api.Close()
	limited, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	rate := set.APIRate
	if set.Redis.Client.Ping(limited).Err() != nil {
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
