package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"pilotsync/internal/simulator"
)

// certificateFlags say which certificates AutoSSL gets.
type certificateFlags struct {
	CertDelay      time.Duration `name:"cert-delay" help:"How long a name waits for its certificate, once it is listed and DNS points here." default:"10s"`
	CertDays       int           `name:"cert-days" help:"Lifetime of certificates, in days. Let's Encrypt's have 90 days, 64 from February 2027, 45 from February 2028." default:"90"`
	RateLimits     bool          `name:"rate-limits" help:"Keep to Let's Encrypt's rate limits."`
	OneCertificate bool          `name:"one-certificate" help:"An app has one certificate, for the first 100 names of its list. Otherwise each 100 names have one."`
}

// actionFlags say how actions end: what a server does after a write.
type actionFlags struct {
	ActionDelay    time.Duration `name:"action-delay" help:"How long an action is open. Default: twice the latency."`
	FaultAction    float64       `name:"fault-action" help:"Probability that an action ends in an error, though its write took effect." default:"0"`
	FaultSSLAction float64       `name:"fault-ssl-action" help:"The same for actions of certificates." default:"0"`
}

// statusFlags have calls answered with errors until the control endpoint ends it.
type statusFlags struct {
	AccountStatus int      `name:"account-status" placeholder:"STATUS" help:"Answer every call with this error, such as 402 for an account without a valid card."`
	AppStatus     []string `name:"app-status" sep:"none" placeholder:"APP=STATUS" help:"Answer every call for an app with this error: 403 for a protected one, 404 for a deleted one, 409. Give it again for more."`
}

// statuses are the statuses of apps, by app.
func (c statusFlags) statuses(known []string) (map[string]int, error) {
	statuses := map[string]int{}
	for _, given := range c.AppStatus {
		app, text, _ := strings.Cut(given, "=")
		status, err := strconv.Atoi(text)
		if err != nil || !isErrorStatus(status) {
			return nil, fmt.Errorf("--app-status is %q; it takes APP=STATUS, with a status from 400 to 599", given)
		}
		if !slices.Contains(known, app) {
			return nil, fmt.Errorf("--app-status is for app %q, which is neither in --app nor in --account", app)
		}
		statuses[app] = status
	}
	if c.AccountStatus != 0 && !isErrorStatus(c.AccountStatus) {
		return nil, fmt.Errorf("--account-status is %d; it takes 400 to 599", c.AccountStatus)
	}
	return statuses, nil
}

func isErrorStatus(status int) bool { return status >= 400 && status <= 599 }

// undocumentedFlags choose what ServerPilot's documentation leaves open.
type undocumentedFlags struct {
	Strict         bool          `help:"Refuse bodies that aren't sent as application/json, and arguments that the documentation doesn't have."`
	TerseErrors    bool          `name:"terse-errors" help:"Error messages name only the argument that is wrong, neither the domain nor the rule."`
	StaleReads     time.Duration `name:"stale-reads" help:"How long reads still show the list from before a write." default:"0s"`
	ShuffledLists  bool          `name:"shuffled-lists" help:"Each answer has a list's names in another order."`
	WithoutAutoSSL bool          `name:"without-autossl" help:"The answer about one app lacks autossl, which says whether a certificate is ready."`
	UpperCase      string        `name:"upper-case" enum:"keep,correct,refuse" help:"What becomes of capitals in a written list: keep, correct or refuse." default:"keep"`
	Duplicates     string        `enum:"keep,correct,refuse" help:"What becomes of names that a written list has twice: keep, correct or refuse." default:"keep"`
}

func (c undocumentedFlags) choices() simulator.Undocumented {
	oddity := func(chosen string) simulator.Oddity {
		if chosen == "keep" {
			return simulator.KeepOddity
		}
		return simulator.Oddity(chosen)
	}
	return simulator.Undocumented{
		Strict: c.Strict, TerseErrors: c.TerseErrors, StaleReads: c.StaleReads, ShuffledLists: c.ShuffledLists, WithoutAutoSSL: c.WithoutAutoSSL,
		UpperCase: oddity(c.UpperCase), Duplicates: oddity(c.Duplicates),
	}
}
