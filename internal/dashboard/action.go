package dashboard

import (
	"cmp"
	"fmt"
	"net/http"

	"pilotsync/enqueue"
	"pilotsync/worker/ledger"
)

// anonymousOperator is the operator's name without a login.
const anonymousOperator = "operator"

// actionError is the error of a failed action.
type actionError struct {
	action, back string
	err          error
}

func (e *actionError) Error() string { return e.action + ": " + e.err.Error() }
func (e *actionError) Unwrap() error { return e.err }

// actOnDomain enqueues an operator's action on one domain and redirects to its page. Each
// action is an ordinary task, which a worker processes.
func (p *pageServer) actOnDomain(w http.ResponseWriter, r *http.Request) error {
	view, err := p.findDomain(r)
	if err != nil {
		return err
	}
	by := operatorName(r)
	label := ""
	switch action := r.PathValue("action"); action {
	case "verify":
		label = "Verify " + view.Domain
		if !canVerify(view) {
			return &actionError{label, domainPath(view), fmt.Errorf("%w: it is %s; only a domain that is on the list can be verified, and no wildcard", enqueue.ErrInvalid, view.State)}
		}
		_, err = p.enqueuer.Verify(r.Context(), by, enqueue.Target{AppID: view.AppID, Domain: view.Domain})
	case "add":
		label = "Add " + view.Domain
		_, err = p.enqueuer.Enqueue(r.Context(), request(view, false, by))
	case "remove":
		label = "Remove " + view.Domain
		_, err = p.enqueuer.Enqueue(r.Context(), request(view, true, by))
	default:
		return &notFound{fmt.Sprintf("The action %q doesn't exist.", action)}
	}
	if err != nil {
		return &actionError{label, domainPath(view), err}
	}
	http.Redirect(w, r, domainPath(view)+"?asked="+r.PathValue("action"), http.StatusSeeOther)
	return nil
}

// operatorName returns the name of the user of a request.
func operatorName(r *http.Request) string {
	return cmp.Or(userOf(r.Context()).Name, anonymousOperator)
}

// actOnApp does an operator's action on a whole app and redirects to its page.
func (p *pageServer) actOnApp(w http.ResponseWriter, r *http.Request) error {
	id, action := r.PathValue("app"), r.PathValue("action")
	if err := p.checkApp(r.Context(), id); err != nil {
		return err
	}
	var err error
	label := ""
	switch action {
	case "pause":
		label = "Pause app " + id
		err = p.operator.Pause(r.Context(), id, operatorName(r))
	case "resume":
		label = "Resume app " + id
		_, err = p.operator.Resume(r.Context(), id, operatorName(r))
	default:
		return &notFound{fmt.Sprintf("The action %q doesn't exist.", action)}
	}
	if err != nil {
		return &actionError{label, appPath(id), err}
	}
	http.Redirect(w, r, appPath(id)+"?asked="+action, http.StatusSeeOther)
	return nil
}

// request returns a request that keeps the domain's www rule, site and limit of attempts.
func request(v ledger.View, remove bool, by string) enqueue.Request {
	req := enqueue.Request{AppID: v.AppID, Domain: v.Domain, Remove: remove, By: by, WWW: v.Record.WWW, SiteID: v.Record.SiteID}
	if v.Pending != nil {
		req.WWW, req.SiteID = v.Pending.WWW, v.Pending.SiteID
	}
	if !remove {
		req.Attempts = v.Record.Attempts
		if v.Pending != nil && !v.Pending.Remove {
			req.Attempts = v.Pending.Attempts
		}
	}
	return req
}

// confirmation is the notice after an action. The page never shows the parameter itself.
func confirmation(action string) string {
	switch action {
	case "verify":
		return "Verification requested. It starts immediately, and its result appears below."
	case "add":
		return "Addition requested. A worker adds the domain to the list, and this page updates itself."
	case "remove":
		return "Removal requested. A worker removes the domain from the list, and this page updates itself."
	case "snooze":
		return "Snoozed. The domain no longer needs attention, and is checked as before."
	case "wake":
		return "The snooze has ended. The domain needs attention again."
	case "additions":
		return "Additions requested. A worker adds the domains to the list, and this page updates itself."
	case "pause":
		return "App paused. Its changes wait until it is resumed. A running sync stops before its next step."
	case "resume":
		return "App resumed. A worker now syncs the waiting changes, and this page updates itself."
	}
	return ""
}
