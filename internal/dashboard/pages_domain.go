package dashboard

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

// domainPage is the body of the page of one domain.
type domainPage struct {
	ledger.View
	App     ledger.App
	Reason  string // what is the matter
	Remedy  string // what to do about it
	Steps   []progressStep
	History []listsync.HistoryEntry
	Tasks   []taskLink
	// TasksTrouble says why the tasks can't be shown.
	TasksTrouble string
	Asked        string // what the operator just asked for, in words
	CanVerify    bool
	CanAdd       bool
	CanRemove    bool
}

// CertificateEnds reports whether the certificate is one to worry about: it ends
// within two weeks, while ServerPilot renews one a month before.
func (d domainPage) CertificateEnds(now time.Time) bool {
	return d.Record.Certificate != nil && d.Record.Certificate.NotAfter.Before(now.Add(14*24*time.Hour))
}

// Requested is when the last change was asked for.
func (d domainPage) Requested() time.Time {
	if d.Pending != nil {
		return d.Pending.RequestedAt
	}
	return d.Record.RequestedAt
}

func (p *server) domain(w http.ResponseWriter, r *http.Request) error {
	ctx, app, domain := r.Context(), r.PathValue("app"), r.PathValue("domain")
	view, err := p.known(r)
	if err != nil {
		return err
	}
	if view.Domain != domain { // as a person wrote it
		http.Redirect(w, r, domainPath(view), http.StatusSeeOther)
		return nil
	}
	body := domainPage{View: view, Steps: progressSteps(view), Asked: confirmation(r.URL.Query().Get("asked"))}
	apps, err := p.read.AppStates(ctx, app)
	if err != nil {
		return err
	}
	if len(apps) > 0 {
		body.App = apps[0]
	}
	if body.History, err = p.read.History(ctx, app, domain); err != nil {
		return err
	}
	body.Reason, body.Remedy = causeAndRemedy(view, body.App.Failure)
	if view.State == tasks.Pending && body.App.Paused != "" {
		body.Remedy = fmt.Sprintf("Nothing goes on until the app is resumed, on its page or with 'pilotsync resume --app=%s'; none of its changes is lost.", app)
	}
	body.CanVerify = canVerify(view)
	body.CanAdd, body.CanRemove = true, view.State != tasks.Removed
	if body.Tasks, err = p.queues.Tasks(ctx, tasksOf(view)...); err != nil {
		body.TasksTrouble = err.Error()
	}
	f := layoutData{Title: domain, Here: "/domains", Watch: app, Reload: 10, Body: body}
	if name := unicodeName(domain); name != "" {
		f.Title = name
	}
	return p.show(w, r, http.StatusOK, "domain", f)
}

// known returns the domain that a request's path names, in whatever spelling. The
// error is a [*notFound] where the ledger doesn't have it.
func (p *server) known(r *http.Request) (ledger.View, error) {
	app, domain := r.PathValue("app"), r.PathValue("domain")
	if err := tasks.CheckAppID(app); err != nil {
		return ledger.View{}, &notFound{fmt.Sprintf("There is no app %q.", app)}
	}
	canonical, err := tasks.ParseDomain(domain)
	if err != nil {
		return ledger.View{}, &notFound{fmt.Sprintf("There is no such domain: %v.", err)}
	}
	// A name that was taken by older rules is still found as it stands.
	for _, name := range slices.Compact([]string{domain, canonical}) {
		view, ok, err := p.read.Domain(r.Context(), app, name)
		if err != nil {
			return ledger.View{}, err
		}
		if ok {
			return view, nil
		}
	}
	return ledger.View{}, &notFound{fmt.Sprintf("No worker has heard of %s on app %s yet.", domain, app)}
}

// canVerify reports whether a verification makes sense: the domain is listed, and
// something can certify it.
func canVerify(v ledger.View) bool { return v.State.Listed() && !tasks.IsWildcard(v.Domain) }

// causeAndRemedy splits a domain's reason into what is the matter and what to do about
// it, and has a word of its own where the reason names no remedy.
func causeAndRemedy(v ledger.View, trouble *listsync.Failure) (reason, remedy string) {
	reason, next, found := strings.Cut(v.Reason, ". Next: ")
	if found {
		// The page is where the reader is already.
		for _, name := range []string{v.Domain, "DOMAIN"} { // reasons of release 0.2 have no name
			next = strings.Replace(next, "(on its page, or: pilotsync verify "+name+")", "with the button below", 1)
		}
		return sentence(reason), sentence(next)
	}
	switch {
	case v.State == tasks.Pending && trouble != nil && trouble.Blocked:
		remedy = "the app is blocked until somebody acts on this; then its changes go on by themselves, and none is lost"
	case v.State == tasks.Pending && trouble != nil:
		remedy = "nothing is to be done yet: the app is tried again by itself, and its changes wait meanwhile"
	case v.State == tasks.Pending && v.Pending != nil && v.Pending.Preview != "":
		remedy = "nothing is written in a dry run; a worker without PILOTSYNC_DRY_RUN does it at once"
	case v.State == tasks.Pending:
		remedy = "nothing is to be done: the app's next sync deals with it"
	case v.State == tasks.CheckingDNS && v.Record.Attempt == 0, v.State == tasks.CheckingSSL && v.Record.Attempt == 0:
		remedy = "nothing is to be done: the first check comes by itself"
	case v.State == tasks.CheckingDNS:
		remedy = "if DNS was changed just now, wait for the next check; else make each name point to this app's server"
	case v.State == tasks.CheckingSSL:
		remedy = "nothing is to be done yet: a certificate usually takes 5–15 minutes from when DNS points here"
	case v.State == tasks.Rejected:
		remedy = "put right what the reason names, then add the domain again"
	}
	return sentence(reason), sentence(remedy)
}

// sentence makes a clause a sentence. Host names at its beginning stay as they are.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	first, _, _ := strings.Cut(s, " ")
	if !strings.ContainsAny(first, ".:/") {
		r := []rune(s)
		s = strings.ToUpper(string(r[0])) + string(r[1:])
	}
	if !strings.HasSuffix(s, ".") && !strings.HasSuffix(s, ".)") {
		s += "."
	}
	return s
}

// progressStep is a station of a domain's way.
type progressStep struct {
	Name string
	// Status is "done", "now", "bad" or "ahead".
	Status string
}

// Word is the status for those who don't see its colour.
func (s progressStep) Word() string {
	switch s.Status {
	case "done":
		return "done"
	case "now":
		return "under way"
	case "bad":
		return "failed"
	}
	return "to come"
}

// progressSteps is how far a domain is on its way to a certificate; nil for one that is
// or goes off the list.
func progressSteps(v ledger.View) []progressStep {
	at := func(done int, status string, names ...string) []progressStep {
		all := make([]progressStep, len(names))
		for i, name := range names {
			all[i] = progressStep{name, "ahead"}
			switch {
			case i < done:
				all[i].Status = "done"
			case i == done:
				all[i].Status = status
			}
		}
		return all
	}
	way := []string{"Requested", "Listed", "DNS points here", "Certificate"}
	switch {
	case v.State == tasks.Removed:
		return nil
	case v.Pending != nil && v.Pending.Remove:
		return at(1, "now", "Removal requested", "Taken off the list")
	case v.State == tasks.Pending:
		return at(1, "now", way...)
	case v.State == tasks.Rejected:
		return at(1, "bad", way...)
	case v.State == tasks.CheckingDNS:
		return at(2, "now", way...)
	case v.State == tasks.Failed:
		return at(2, "bad", way...)
	case v.State == tasks.CheckingSSL:
		return at(3, "now", way...)
	case v.State == tasks.DoneWithoutSSL && tasks.IsWildcard(v.Domain):
		return at(2, "", "Requested", "Listed")
	case v.State == tasks.DoneWithoutSSL:
		return at(3, "bad", way...)
	}
	return at(4, "", way...)
}

// tasksOf are the tasks that a domain may have on the queues, the latest first.
func tasksOf(v ledger.View) []taskRef {
	var refs []taskRef
	add := func(what, queue, id string) {
		refs = append(refs, taskRef{Queue: queue, ID: id, What: what})
	}
	if r := v.Record; r.CheckSeq != 0 {
		for attempt := r.Attempt + 1; attempt >= max(1, r.Attempt-1); attempt-- {
			add(fmt.Sprintf("Check %d", attempt), tasks.QueueSSL,
				tasks.Verify{AppID: v.AppID, Domain: v.Domain, Seq: r.CheckSeq, Attempt: attempt}.ID())
		}
	}
	seqs := []int64{v.Seq, v.Record.Seq, v.Record.CheckSeq, v.Record.Since}
	slices.SortFunc(seqs, func(a, b int64) int { return cmp.Compare(b, a) })
	for _, seq := range slices.Compact(seqs) {
		if seq != 0 {
			add("Request "+time.UnixMicro(seq).UTC().Format("2006-01-02 15:04:05"), tasks.QueueDomains,
				tasks.Change{AppID: v.AppID, Domain: v.Domain, Seq: seq}.ID())
		}
	}
	return refs
}
