package doctor

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"pilotsync/internal/config"
	"pilotsync/internal/serverpilot"
	"pilotsync/worker/certcheck"
	"pilotsync/worker/listsync"
)

// roomWarning is the number of names from which a list counts as nearly full.
const roomWarning = listsync.Limit - 20

// readSingly is the number of apps of an account up to which each is read by itself, which says
// more of it. The apps of a larger account are read by one call, whatever their number.
const readSingly = 4

// accountLimit is how long the apps of an account are read.
const accountLimit = 30 * time.Second

// checkAccounts reads the apps of every account. answers says once whether Redis answers,
// which the rate limit needs.
func checkAccounts(ctx context.Context, cfg config.Worker, answers <-chan bool) []Result {
	if cfg.APIURL == "" {
		return nil
	}
	rate := 0
	select {
	case works := <-answers:
		if works {
			rate = cfg.APIRate
		}
	case <-ctx.Done():
	}
	type outcome struct {
		results   []Result
		addresses []netip.Addr
	}
	outcomes := each(cfg.Accounts, 4, func(a config.Account) (o outcome) {
		if a.ClientID == "" || a.APIKey == "" || len(a.Apps) == 0 {
			return o // the check of the settings reports that
		}
		api, err := serverpilot.New(serverpilot.Config{BaseURL: cfg.APIURL, ClientID: a.ClientID, APIKey: a.APIKey, UserAgent: "pilotsync doctor"})
		if err != nil {
			o.results = []Result{failure(CheckCredentials, err.Error(), "Correct the client id, the API key or SERVERPILOT_API_URL.")}
			return o
		}
		defer api.Close()
		r := reader{api: api, limiter: serverpilot.NewLimiter(cfg.Redis.Client, a.ClientID, rate)}
		limited, cancel := context.WithTimeout(ctx, accountLimit)
		defer cancel()
		o.results, o.addresses = r.account(limited, a, cfg)
		return o
	})
	var results []Result
	var addresses []netip.Addr
	for _, o := range outcomes {
		results, addresses = append(results, o.results...), append(addresses, o.addresses...)
	}
	return append(results, checkOutbound(ctx, cfg, addresses)...)
}

// reader reads apps of one account, at its rate.
type reader struct {
	api     *serverpilot.Client
	limiter *serverpilot.Limiter
}

// readResult is the value of one read, or its error.
type readResult[T any] struct {
	value T
	err   error
}

func readByID[T any](ctx context.Context, r reader, id string, get func(context.Context, string) (T, error)) readResult[T] {
	if err := r.limiter.WaitVerify(ctx, 1); err != nil {
		return readResult[T]{err: err}
	}
	value, err := get(ctx, id)
	return readResult[T]{value, err}
}

// apps reads the apps of one account. err is that of the first call, see [evaluateAccount].
func (r reader) apps(ctx context.Context, ids []string) (apps []readResult[serverpilot.App], err error) {
	if len(ids) <= readSingly {
		apps = each(ids, readSingly, func(id string) readResult[serverpilot.App] { return readByID(ctx, r, id, r.api.App) })
		return apps, apps[0].err
	}
	all := readByID(ctx, r, "", func(ctx context.Context, _ string) ([]serverpilot.App, error) { return r.api.Apps(ctx) })
	if all.err != nil {
		return nil, all.err
	}
	found := map[string]serverpilot.App{}
	for _, app := range all.value {
		found[app.ID] = app
	}
	apps = make([]readResult[serverpilot.App], len(ids))
	for i, id := range ids {
		apps[i].value = found[id]
		if found[id].ID == "" {
			apps[i].err = &serverpilot.Error{Kind: serverpilot.Blocked, Op: serverpilot.OpApp, App: id, Status: http.StatusNotFound}
		}
	}
	return apps, nil
}

// account checks one account, and returns the addresses where its sites are, too.
func (r reader) account(ctx context.Context, a config.Account, cfg config.Worker) ([]Result, []netip.Addr) {
	apps, err := r.apps(ctx, a.Apps)
	results, usable := evaluateAccount(a.ClientID, err)
	if !usable {
		return results, nil
	}
	var ids []string
	for _, app := range apps {
		if app.err == nil && !slices.Contains(ids, app.value.ServerID) {
			ids = append(ids, app.value.ServerID)
		}
	}
	servers := map[string]readResult[serverpilot.Server]{}
	for i, server := range each(ids, 4, func(id string) readResult[serverpilot.Server] { return readByID(ctx, r, id, r.api.Server) }) {
		servers[ids[i]] = server
	}
	var known []serverpilot.App
	for _, app := range apps {
		if app.err == nil {
			known = append(known, app.value)
		}
	}
	shared := serverpilot.SharedNames(known)
	var addresses []netip.Addr
	for i, id := range a.Apps {
		app := apps[i]
		if app.err != nil {
			results = append(results, about(id, evaluateUnread(app.err))...)
			continue
		}
		server := servers[app.value.ServerID]
		expected := cfg.SettingsOf(id).Expected
		for _, p := range expected.With(server.value.LastAddress) {
			if p.IsSingleIP() {
				addresses = append(addresses, p.Addr())
			}
		}
		results = append(results, about(id, evaluateConnection(server.value)...)...)
		results = append(results, about(id, evaluateApp(app.value), evaluateRoom(len(app.value.Domains)),
			evaluateCertificate(app.value, cfg.SettingsOf(id).AutoSSLOff), evaluateAddress(server.value, server.err, expected))...)
		results = append(results, about(id, evaluateCoverage(app.value)...)...)
		results = append(results, about(id, evaluateShared(shared[id])...)...)
	}
	return results, addresses
}

// evaluateAccount evaluates the error of an account's first call.
func evaluateAccount(clientID string, err error) (results []Result, usable bool) {
	e := serverpilot.AsError(err)
	switch {
	case err == nil, e != nil && e.Op != serverpilot.OpApps && (e.Status == http.StatusNotFound || e.Status == http.StatusForbidden):
	case e != nil && e.Status == http.StatusUnauthorized:
		return []Result{failure(CheckCredentials, fmt.Sprintf("ServerPilot doesn't accept the credentials of %s (401)", clientID),
			"Check the client id and the API key (an account has one active key; see Account → API in ServerPilot), then restart the worker.")}, false
	case e != nil && e.Status == http.StatusPaymentRequired:
		return []Result{
			ok(CheckCredentials, "ServerPilot accepts the credentials of "+clientID),
			failure(CheckCard, fmt.Sprintf("ServerPilot asks for payment by %s (402): the account has no valid card, or its plan is too small; nothing can be read or changed", clientID), "Check the card and the plan of the account, in ServerPilot under Account → Billing."),
		}, false
	default:
		return []Result{warning(CheckCredentials, fmt.Sprintf("the credentials of %s could not be checked: %v", clientID, err), "Try again later; workers do so by themselves.")}, false
	}
	return []Result{
		ok(CheckCredentials, "ServerPilot accepts the credentials of "+clientID),
		ok(CheckCard, "ServerPilot asks for no payment by "+clientID),
	}, true
}

func evaluateUnread(err error) Result {
	e := serverpilot.AsError(err)
	switch {
	case e != nil && e.Status == http.StatusNotFound:
		return failure(CheckApp, "ServerPilot knows no such app on this account (404)", "Check the app id (it is in the address of the app's page in ServerPilot's dashboard), and that the client id is of the account that has it.")
	case e != nil && e.Status == http.StatusForbidden:
		return failure(CheckApp, "ServerPilot doesn't allow reading or changing this app over the API (403)", "Turn the app's protection off in ServerPilot's dashboard.")
	}
	return warning(CheckApp, fmt.Sprintf("it could not be read: %v", err), "Try again later; workers do so by themselves.")
}

func evaluateApp(app serverpilot.App) Result {
	if app.Name == "" {
		return ok(CheckApp, "ServerPilot knows it")
	}
	return ok(CheckApp, fmt.Sprintf("ServerPilot knows it as %q", app.Name))
}

func evaluateRoom(names int) Result {
	detail := fmt.Sprintf("%d of %d names are on its list", names, listsync.Limit)
	const remedy = "Take names off that aren't needed, set PILOTSYNC_WWW=main_only or never, or move sites to another app."
	switch {
	case names >= listsync.Limit:
		return failure(CheckRoom, detail+": no domain can be added", remedy)
	case names >= roomWarning:
		return warning(CheckRoom, detail, remedy)
	}
	return ok(CheckRoom, detail)
}

func evaluateCertificate(app serverpilot.App, keepOff bool) Result {
	switch {
	case app.SSL.Custom:
		return warning(CheckCertificate, "a custom certificate is installed: AutoSSL covers none of the app's domains, and a new domain works only if the custom certificate covers it",
			"See to it that the certificate covers each domain. Or remove it in ServerPilot's dashboard: then no domain of the app has a certificate until a verification has turned AutoSSL on.")
	case app.SSL.Auto:
		return ok(CheckCertificate, "AutoSSL is on")
	case keepOff:
		return ok(CheckCertificate, "AutoSSL is off, and stays off (PILOTSYNC_AUTOSSL)")
	}
	return ok(CheckCertificate, "AutoSSL is off; a verification of a name without a certificate turns it on, once ServerPilot has a certificate")
}

func evaluateAddress(server serverpilot.Server, err error, expected certcheck.Expected) Result {
	var named []string
	for _, p := range expected.Networks {
		if p.IsSingleIP() {
			named = append(named, p.Addr().String())
		} else {
			named = append(named, p.String())
		}
	}
	setting := strings.Join(named, ", ") + " (PILOTSYNC_EXPECTED_ADDRESSES)"
	if expected.Only {
		return ok(CheckAddress, "DNS is to point to "+setting)
	}
	const remedy = "Look at the server in ServerPilot's dashboard, or set PILOTSYNC_EXPECTED_ADDRESSES=only:ADDRESS; where DNS should point isn't known otherwise."
	switch e := serverpilot.AsError(err); {
	case e != nil && e.Kind == serverpilot.Blocked:
		return failure(CheckAddress, fmt.Sprintf("its server can't be read: %v", err), remedy)
	case err != nil:
		return warning(CheckAddress, fmt.Sprintf("its server could not be read: %v", err), "Try again later; workers do so by themselves.")
	case server.LastAddress.IsValid() && len(named) > 0:
		return ok(CheckAddress, fmt.Sprintf("its server is %s; DNS may also point to %s", server.LastAddress, setting))
	case server.LastAddress.IsValid():
		return ok(CheckAddress, "its server is "+server.LastAddress.String())
	case len(named) > 0:
		return ok(CheckAddress, "ServerPilot knows no address of its server; DNS is to point to "+setting)
	}
	return failure(CheckAddress, "ServerPilot knows no address of its server", remedy)
}
