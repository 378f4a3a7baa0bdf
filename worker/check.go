package worker

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/hibiken/asynq"
	"github.com/sirupsen/logrus"

	"pilotsync/internal/serverpilot"
	"pilotsync/internal/text"
	"pilotsync/tasks"
	"pilotsync/worker/appcache"
	"pilotsync/worker/certcheck"
	"pilotsync/worker/ledger"
	"pilotsync/worker/precheck"
	"pilotsync/worker/registry"
	"pilotsync/worker/taskerr"
)

// checkHandler handles domain:check: it finds out whether a domain would work on an app, and
// writes that as the task's result. It changes nothing.
type checkHandler struct {
	apps     *appcache.Cache
	registry *registry.Registry
	ledger   *ledger.Ledger
	checker  *certcheck.Checker
	www      tasks.WWW
	log      *logrus.Entry
}

func (h *checkHandler) handle(ctx context.Context, t *asynq.Task) error {
	c, err := tasks.Decode[tasks.Check](t.Payload())
	if err != nil {
		return taskerr.Undecodable(err)
	}
	now, err := h.ledger.Now(ctx)
	if err != nil {
		return err
	}
	left := min(tasks.CheckTimeout-now.Sub(c.AskedAt), tasks.CheckTimeout)
	if left <= 0 { // it waited for a worker for longer than the client waits
		return nil
	}
	if _, err := h.registry.Client(c.AppID); err != nil {
		if err := h.registry.LeaveToAnother(ctx, c.AppID); err != nil {
			return taskerr.RetryAfter(0, err) // a user waits, so another worker should take it at once
		}
	}
	limited, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	result, err := h.check(limited, c)
	switch {
	case ctx.Err() != nil: // the worker stops; another one may still be in time
		return ctx.Err()
	case err != nil:
		result = failedCheck(c.Domain, err)
	}
	encoded, err := json.Marshal(result)
	if err != nil {
		return fmt.Errorf("encode the result for %s: %w", c.Domain, err)
	}
	if _, err := t.ResultWriter().Write(encoded); err != nil {
		return fmt.Errorf("write the result for %s: %w", c.Domain, err)
	}
	taskLog(ctx, h.log, c.AppID).WithFields(logrus.Fields{"domain": c.Domain, "cause": result.Code, "by": c.By}).
		Info("checked on request: " + result.Sentence())
	return nil
}

// check returns an error if the app, its server or the ledger can't be read.
func (h *checkHandler) check(ctx context.Context, c tasks.Check) (tasks.CheckResult, error) {
	target, err := h.target(ctx, c)
	if err != nil {
		return tasks.CheckResult{}, err
	}
	return precheck.Check(ctx, h.checker.WithProxies(h.registry.Load().Proxies), target, c.Domain)
}

// target reads an app as verifications do. Which names are on other apps' lists comes from the
// ledger, since reading all lists for one name would delay verifications.
func (h *checkHandler) target(ctx context.Context, c tasks.Check) (t precheck.Target, err error) {
	served := h.registry.Load()
	if served.Clients[c.AppID] == nil {
		return t, fmt.Errorf("%w for app %s", registry.ErrUnserved, c.AppID) // the registry's own error lists the ids of other apps
	}
	settings := served.AppSettings[c.AppID]
	app, err := taskerr.Await(ctx, func() (serverpilot.App, error) { return h.apps.App(ctx, c.AppID, true) })
	if err != nil {
		return t, err
	}
	t = precheck.Target{App: c.AppID, Listed: map[string]bool{}, AutoSSL: statusOfAutoSSL(app, settings), Expected: settings.Expected.Networks,
		Keys: served.Keys[c.AppID], WWW: h.www}
	for _, name := range app.Domains {
		t.Listed[tasks.Canonical(name)] = true
	}
	if c.WWW != "" {
		t.WWW = c.WWW
	}
	server, err := h.apps.Server(ctx, c.AppID, app.ServerID)
	if err != nil {
		return t, err
	}
	t.Expected, t.DisconnectedSince = settings.Expected.With(server.LastAddress), server.DisconnectedSince()
	t.OtherApps, err = h.ledger.OwnedByOtherApps(ctx, c.AppID, tasks.Names(c.Domain, t.WWW))
	return t, err
}

// failedCheck is the result of a check that could not be made.
func failedCheck(domain string, err error) tasks.CheckResult {
	cause := tasks.Cause{Code: tasks.CauseCheckFailed, Params: tasks.Params{Name: domain, Message: text.Limit(err.Error(), tasks.MaxParamText)}}
	return tasks.CheckResult{Domain: domain, Names: []string{domain}, Cause: cause, Problems: []tasks.Cause{cause}, Records: []tasks.DNSRecord{}}
}
