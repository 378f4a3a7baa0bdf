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

// domainPage is the body of a domain's page.
type domainPage struct {
	ledger.View
	App     ledger.App
	Reason  string
	Records dnsRecords
	Steps   []progressStep
	History []timelineEntry
	Tasks   []taskLink
	// TasksError is why the tasks couldn't be read.
	TasksError   string
	Confirmation string // of the operator's last action
	CanVerify    bool
	CanAdd       bool
	CanRemove    bool
	Leaving      []string       // the names that leave the list if it is removed
	Snooze       *ledger.Snooze // nil if none holds
	Now          time.Time
}

// timelineEntry is an entry of a domain's history, or what a user did without a worker.
type timelineEntry struct {
	listsync.HistoryEntry
	Snooze *ledger.AuditEntry // nil for an entry of the history
}

// timeline merges a domain's history with who snoozed it, the latest first.
func timeline(history []listsync.HistoryEntry, snoozes []ledger.AuditEntry) []timelineEntry {
	var all []timelineEntry
	for _, e := range history {
		all = append(all, timelineEntry{HistoryEntry: e})
	}
	for _, s := range snoozes {
		all = append(all, timelineEntry{listsync.HistoryEntry{At: s.At()}, &s})
	}
	slices.SortStableFunc(all, func(a, b timelineEntry) int { return b.At.Compare(a.At) })
	return all
}

// CertificateNote says what is wrong with the domain's last certificate; it is empty for nothing.
// Where DNS is wrong, what visitors see isn't this app's, and their browsers may well accept it.
func (d domainPage) CertificateNote() string {
	switch state := d.Record.State; {
	case d.Record.Certificate == nil, state == tasks.Done, !d.Record.IsProblem():
		return ""
	case state == tasks.CheckingDNS, state == tasks.Failed:
		return "visitors may see another site"
	}
	return "none that browsers accept"
}

// Seen is what the form to snooze says that its user has seen.
func (d domainPage) Seen() string { return seenTrouble(d.View) }

// Today, NextWeek and LastDay are the first day that the form takes, the one it suggests, and the last.
func (d domainPage) Today() string    { return d.Now.UTC().Format(time.DateOnly) }
func (d domainPage) NextWeek() string { return d.Now.UTC().AddDate(0, 0, 7).Format(time.DateOnly) }
func (d domainPage) LastDay() string {
	return d.Now.UTC().Add(maxSnooze).AddDate(0, 0, -1).Format(time.DateOnly)
}

// CertificateExpires reports whether the certificate should have been renewed by now.
func (d domainPage) CertificateExpires(now time.Time) bool {
	return d.Record.Certificate != nil && !now.Before(d.Record.Certificate.AlarmAt())
}

// Requested is when the last change was requested.
func (d domainPage) Requested() time.Time {
	if d.Pending != nil {
		return d.Pending.RequestedAt
	}
	return d.Record.RequestedAt
}

func (p *pageServer) domain(w http.ResponseWriter, r *http.Request) error {
	ctx, app, domain := r.Context(), r.PathValue("app"), r.PathValue("domain")
	view, err := p.findDomain(r)
	if err != nil {
		return err
	}
	if view.Domain != domain { // another spelling
		http.Redirect(w, r, domainPath(view), http.StatusSeeOther)
		return nil
	}
	body := domainPage{View: view, Steps: progressSteps(view), Confirmation: confirmation(r.URL.Query().Get("asked"))}
	apps, err := p.reader.AppStates(ctx, app)
	if err != nil {
		return err
	}
	if len(apps) > 0 {
		body.App = apps[0]
	}
	history, err := p.reader.History(ctx, app, domain)
	if err != nil {
		return err
	}
	snoozes, err := p.audits.Snoozes(ctx, app, domain)
	if err != nil {
		return err
	}
	body.History = timeline(history, snoozes)
	if body.Snooze, err = p.reader.SnoozeOf(ctx, view); err != nil {
		return err
	}
	body.Reason, body.Now = sentence(view.Reason), p.now()
	body.Records = recordsOf(view)
	body.CanVerify = canVerify(view)
	body.CanAdd, body.CanRemove = true, view.State != tasks.Removed
	leaving, err := p.withLeavingNames(ctx, []ledger.View{view})
	if err != nil {
		return err
	}
	body.Leaving = leaving[0].Names
	if body.Tasks, err = p.queues.Tasks(ctx, tasksOf(view)...); err != nil {
		body.TasksError = err.Error()
	}
	data := layoutData{Title: domain, Section: "/domains", Watch: app, Reload: 10, Body: body}
	data.Title = cmp.Or(tasks.UnicodeName(domain), domain)
	return p.render(w, r, http.StatusOK, "domain", data)
}

// findDomain returns the domain in a request's path, in any spelling. The error is a
// [*notFound] if the ledger doesn't have it.
func (p *pageServer) findDomain(r *http.Request) (ledger.View, error) {
	app, domain := r.PathValue("app"), r.PathValue("domain")
	if err := tasks.CheckAppID(app); err != nil {
		return ledger.View{}, &notFound{fmt.Sprintf("The app %q doesn't exist.", app)}
	}
	canonical, err := tasks.ParseDomain(domain)
	if err != nil {
		return ledger.View{}, &notFound{fmt.Sprintf("The domain doesn't exist: %v.", err)}
	}
	// A name that only the rules of an earlier release accept is found as given.
	for _, name := range slices.Compact([]string{domain, canonical}) {
		view, ok, err := p.reader.Domain(r.Context(), app, name)
		if err != nil {
			return ledger.View{}, err
		}
		if ok {
			return view, nil
		}
	}
	return ledger.View{}, &notFound{fmt.Sprintf("No worker knows %s on app %s yet.", domain, app)}
}

// canVerify reports whether a domain can be verified: it is listed and can have a
// certificate.
func canVerify(v ledger.View) bool { return v.State.Listed() && !tasks.IsWildcard(v.Domain) }

// sentence turns a clause into a sentence. A host name at its start stays unchanged.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	first, _, _ := strings.Cut(s, " ")
	if !strings.ContainsAny(strings.TrimSuffix(first, ":"), ".:/") {
		r := []rune(s)
		s = strings.ToUpper(string(r[0])) + string(r[1:])
	}
	if !strings.HasSuffix(s, ".") && !strings.HasSuffix(s, ".)") {
		s += "."
	}
	return s
}

// progressStep is a step of a domain towards its certificate.
type progressStep struct {
	Name string
	// Status is "done", "now", "bad", "warn" or "ahead".
	Status string
}

// Label is the status for readers who can't see its color.
func (s progressStep) Label() string {
	switch s.Status {
	case "done":
		return "done"
	case "now":
		return "in progress"
	case "bad":
		return "failed"
	case "warn":
		return "with a problem"
	}
	return "to come"
}

// progressSteps returns how far a domain is towards its certificate. It returns nil for a
// removed domain.
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
	steps := []string{"Requested", "Listed", "DNS points here", "Certificate"}
	switch {
	case v.State == tasks.Removed:
		return nil
	case v.Pending != nil && v.Pending.Remove:
		return at(1, "now", "Removal requested", "Removed from the list")
	case v.State == tasks.Pending:
		return at(1, "now", steps...)
	case v.State == tasks.Rejected:
		return at(1, "bad", steps...)
	case v.State == tasks.CheckingDNS:
		return at(2, "now", steps...)
	case v.State == tasks.Failed:
		return at(2, "bad", steps...)
	case v.State == tasks.CheckingSSL:
		return at(3, "now", steps...)
	case v.State == tasks.DoneWithoutSSL && tasks.IsWildcard(v.Domain):
		return at(2, "", "Requested", "Listed")
	case v.State == tasks.DoneWithoutSSL:
		return at(3, "bad", steps...)
	case len(v.Record.Problems()) > 0: // another name has no certificate, or this one ends soon
		return at(3, "warn", steps...)
	}
	return at(4, "", steps...)
}

// tasksOf returns the tasks that a domain may have on the queues, the latest first.
func tasksOf(v ledger.View) []taskRef {
	var refs []taskRef
	add := func(label, queue, id string) {
		refs = append(refs, taskRef{Queue: queue, ID: id, Label: label})
	}
	if r := v.Record; r.CheckSeq != 0 {
		for attempt := r.Attempt + 1; attempt >= max(1, r.Attempt-1); attempt-- {
			add(fmt.Sprintf("Attempt %d", attempt), tasks.QueueSSL,
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
