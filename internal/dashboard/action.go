package dashboard

import (
	"cmp"
	"fmt"
	"net/http"

	"pilotsync/enqueue"
	"pilotsync/worker/ledger"
)

// anonymousOperator is the operator's name where the page has no login.
const anonymousOperator = "operator"

// notEnqueued is an action that failed.
type notEnqueued struct {
	change, back string
	err          error
}

func (e *notEnqueued) Error() string { return e.change + ": " + e.err.Error() }
func (e *notEnqueued) Unwrap() error { return e.err }

// act asks for what an operator wants done with one domain, and goes back to its
// page. Each action is an ordinary task; what comes of it is the worker's matter.
func (p *server) act(w http.ResponseWriter, r *http.Request) error {
	view, err := p.known(r)
	if err != nil {
		return err
	}
	by := operatorName(r)
	what := ""
	switch action := r.PathValue("action"); action {
	case "verify":
		what = fmt.Sprintf("To have %s verified", view.Domain)
		if !canVerify(view) {
			return &notEnqueued{what, domainPath(view), fmt.Errorf("%w: it is %s; only a domain that is on the list can be verified, and no wildcard", enqueue.ErrInvalid, view.State)}
		}
		_, err = p.enqueuer.Verify(r.Context(), by, enqueue.Target{AppID: view.AppID, Domain: view.Domain})
	case "add", "remove":
		what = fmt.Sprintf("To %s %s", action, view.Domain)
		_, err = p.enqueuer.Enqueue(r.Context(), request(view, action == "remove", by))
	default:
		return &notFound{fmt.Sprintf("There is no action %q.", action)}
	}
	if err != nil {
		return &notEnqueued{what, domainPath(view), err}
	}
	http.Redirect(w, r, domainPath(view)+"?asked="+r.PathValue("action"), http.StatusSeeOther)
	return nil
}

// operatorName is who acts.
func operatorName(r *http.Request) string {
	return cmp.Or(userOf(r.Context()).Name, anonymousOperator)
}

// actOnApp does what an operator wants done with a whole app, and goes back to its page.
func (p *server) actOnApp(w http.ResponseWriter, r *http.Request) error {
	id, action := r.PathValue("app"), r.PathValue("action")
	if err := p.knownApp(r.Context(), id); err != nil {
		return err
	}
	var err error
	switch action {
	case "pause":
		err = p.operate.Pause(r.Context(), id, operatorName(r))
	case "resume":
		_, err = p.operate.Resume(r.Context(), id)
	default:
		return &notFound{fmt.Sprintf("There is no action %q.", action)}
	}
	if err != nil {
		return &notEnqueued{fmt.Sprintf("To %s app %s", action, id), appPath(id), err}
	}
	http.Redirect(w, r, appPath(id)+"?asked="+action, http.StatusSeeOther)
	return nil
}

// request asks for a domain as it was asked for before: its rule for www, its site and
// its limit of attempts stay what they are.
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

// confirmation tells the operator what was just asked for; nothing of the address
// itself gets onto the page.
func confirmation(action string) string {
	switch action {
	case "verify":
		return "A verification was asked for. It starts at once; what it sees appears below by itself."
	case "add":
		return "The domain was asked to be put on the list. A worker takes it from here; this page follows by itself."
	case "remove":
		return "The domain was asked to be taken off the list. A worker takes it from here; this page follows by itself."
	case "pause":
		return "The app was asked to be paused. Its changes wait until it is resumed; a sync that is under way ends before its next step."
	case "resume":
		return "The app was asked to go on. What waited is dealt with now; this page follows by itself."
	}
	return ""
}
