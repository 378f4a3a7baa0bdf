package doctor

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"pilotsync/worker"
)

// checkWebhooks asks each webhook for its options: an event it didn't get before
// would have to be a false one.
func checkWebhooks(ctx context.Context, cfg worker.Config) []Result {
	of := map[string][]string{} // apps by URL
	for _, a := range cfg.Accounts {
		for _, app := range a.Apps {
			hook, own := cfg.Webhooks[app]
			if !own {
				hook = cfg.Webhook
			}
			of[hook.URL] = append(of[hook.URL], app)
		}
	}
	if len(of) == 0 && cfg.Webhook.URL != "" { // no app is known, but a webhook is
		of[cfg.Webhook.URL] = nil
	}
	delete(of, "")
	if len(of) == 0 {
		return []Result{ok(CheckWebhook, "none is set (PILOTSYNC_WEBHOOK_URL): nobody is told of changes, WordPress asks by itself")}
	}
	return each(slices.Sorted(maps.Keys(of)), 8, func(address string) Result {
		name := host(address)
		if len(of) > 1 {
			name += " (apps " + strings.Join(of[address], ", ") + ")"
		}
		return judgeWebhook(name, call(ctx, http.MethodOptions, address))
	})
}

func judgeWebhook(name string, a answer) Result {
	detail := fmt.Sprintf("the webhook at %s answers %d", name, a.status)
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
	}
	return ok(CheckWebhook, detail+", so it is there (no event was sent)")
}
