package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"pilotsync/internal/config"
)

// signatureAge is how old a signature may be for a receiver, and how far its clock may be ahead
// or behind. It is the tolerance of Standard Webhooks, and of the WordPress plugin.
const signatureAge = 5 * time.Minute

// clockWarning is the difference of clocks that leaves little of signatureAge.
const clockWarning = time.Minute

// checkWebhooks sends an OPTIONS request to each webhook, since every test event would be
// false.
func checkWebhooks(ctx context.Context, cfg config.Worker) []Result {
	apps := map[string][]string{} // by URL
	for _, a := range cfg.Accounts {
		for _, app := range a.Apps {
			hook, own := cfg.Webhooks[app]
			if !own {
				hook = cfg.Webhook
			}
			apps[hook.URL] = append(apps[hook.URL], app)
		}
	}
	if len(apps) == 0 && cfg.Webhook.URL != "" { // no app is known, but a webhook is
		apps[cfg.Webhook.URL] = nil
	}
	delete(apps, "")
	if len(apps) == 0 {
		return []Result{ok(CheckWebhook, "none is set (PILOTSYNC_WEBHOOK_URL): no events are sent, and WordPress polls by itself")}
	}
	return each(slices.Sorted(maps.Keys(apps)), 8, func(address string) Result {
		name := host(address)
		if len(apps) > 1 {
			name += " (apps " + strings.Join(apps[address], ", ") + ")"
		}
		return evaluateWebhook(name, isWordPress(address), call(ctx, http.MethodOptions, address))
	})
}

// isWordPress reports whether a URL is one of WordPress's REST API, in either form.
func isWordPress(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (strings.Contains(u.Path, "/wp-json/") || u.Query().Has("rest_route"))
}

// evaluateWebhook evaluates the answer to the OPTIONS request. WordPress's REST API
// answers 200 to it, without a login. Other receivers needn't know the method.
func evaluateWebhook(name string, wordpress bool, a answer) Result {
	detail := fmt.Sprintf("the webhook at %s answers %d", name, a.status)
	const inFront = "Something in front of WordPress blocks the request, such as a password for the site, a firewall or a security plugin: let POST and OPTIONS of this address through."
	switch {
	case a.err != nil:
		return failure(CheckWebhook, fmt.Sprintf("the webhook at %s can't be reached: %v", name, a.err),
			"Check PILOTSYNC_WEBHOOK_URL and that this machine can reach it; its events wait for two days.")
	case a.status == http.StatusNotFound:
		return failure(CheckWebhook, detail, "Check the path in PILOTSYNC_WEBHOOK_URL, and that the plugin is active for the network: https://NETWORK/wp-json/pilotsync/v1/webhook.")
	case a.status >= 500:
		return failure(CheckWebhook, detail, "Look into the error log of that web server; its events wait for two days.")
	case a.status == http.StatusGone:
		return warning(CheckWebhook, detail, "If an event is answered so, too, no more are sent there until a worker is started; check PILOTSYNC_WEBHOOK_URL.")
	case a.status >= 300 && a.status <= 399:
		return warning(CheckWebhook, fmt.Sprintf("%s, a redirect to %s, which isn't followed", detail, a.location), "Set PILOTSYNC_WEBHOOK_URL to the final address.")
	case a.status == http.StatusTooManyRequests:
		return warning(CheckWebhook, detail, "Events are sent again later. If it lasts, exempt this address from the limit of requests in front of it.")
	case wordpress && a.status >= 400:
		return failure(CheckWebhook, detail+"; WordPress answers 200", inFront)
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden:
		return failure(CheckWebhook, detail, inFront+" A receiver of your own must answer OPTIONS without a signature.")
	case a.status >= 400 && a.status != http.StatusMethodNotAllowed:
		return warning(CheckWebhook, detail+" to OPTIONS", "Whether it takes events is not known; 'pilotsync events' shows it.")
	case wordpress:
		if problem := a.routeProblem(); problem != "" {
			return failure(CheckWebhook, detail+", but "+problem, "Check that PILOTSYNC_WEBHOOK_URL names the network's main site, that the plugin is active for the network, and that its notices in the network admin name no problem.")
		}
	}
	return evaluateReceiversClock(name, detail+", so it is there (no event was sent)", a)
}

// routeProblem says what is wrong with WordPress's answer about the plugin's route. WordPress
// says nothing about a route that isn't in its index, such as the plugin's. It answers with an
// empty array for one that it doesn't know. The status is 200 for both.
func (a answer) routeProblem() string {
	const other = "not as WordPress's REST API does; something else is in its place"
	var data any
	switch err := json.Unmarshal(a.body, &data); {
	case len(a.body) == 0 && a.restAPI:
		return ""
	case err != nil:
		return other
	}
	if routes, isArray := data.([]any); isArray && len(routes) == 0 {
		return "WordPress doesn't know the plugin's address"
	}
	return ""
}

// evaluateReceiversClock compares the header Date of an answer with the age that a
// signature may have. Without that header there is no result.
func evaluateReceiversClock(name, fine string, a answer) Result {
	ahead, uncertainty, err := a.skew()
	if err != nil {
		return ok(CheckWebhook, fine)
	}
	apart, which := ahead, "ahead of"
	if apart < 0 {
		apart, which = -apart, "behind"
	}
	detail := fmt.Sprintf("the clock of the webhook at %s is %s %s this machine's", name, rounded(apart), which)
	const remedy = "Let NTP set the clocks of both machines (timedatectl set-ntp true)."
	switch sure := apart - uncertainty; {
	case sure >= signatureAge:
		return failure(CheckWebhook, detail+": it refuses all events, since a signature may be five minutes old", remedy)
	case sure >= clockWarning:
		return warning(CheckWebhook, detail+"; from five minutes on it refuses all events", remedy)
	}
	return ok(CheckWebhook, fine)
}
