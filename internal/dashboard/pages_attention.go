package dashboard

import (
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

// attention is what of all domains needs a person.
type attention struct {
	Groups    []attentionGroup // that of the most domains first
	Snoozed   int              // domains
	Uncounted int              // domains whose causes weren't counted
}

// attentionGroup is the domains that wait for a person because of one cause.
type attentionGroup struct {
	Code  tasks.Code
	Count int
	URL   string // of their list
}

// ByOwner reports whether the domain's owner acts, in DNS.
func (g attentionGroup) ByOwner() bool { return byOwner(g.Code) }

func byOwner(code tasks.Code) bool {
	entry, _ := tasks.Lookup(code)
	return entry.Actor == tasks.ActorOwner
}

// attentionOf groups the domains of apps. app is the only one, or empty for all.
func attentionOf(apps []ledger.App, app string) (a attention) {
	causes := ledger.CauseCounts{}
	for _, state := range apps {
		causes.Add(state.Causes)
		a.Snoozed += state.Snoozed()
		a.Uncounted += state.Uncounted
	}
	needing := causes.NeedingPerson()
	for _, code := range needing.Sorted() {
		list := search{Cause: causeOf(code)}
		if app != "" {
			list.Apps = []string{app}
		}
		if needing.Of(code) < causes.Of(code) { // the others are still checked
			for _, state := range tasks.StatesByUrgency() {
				if needing[code][state] > 0 {
					list.States = append(list.States, state)
				}
			}
		}
		a.Groups = append(a.Groups, attentionGroup{code, needing.Of(code), list.url(nil)})
	}
	return a
}
