package demo

import (
	"slices"
	"strings"

	"pilotsync/enqueue"
	"pilotsync/tasks"
)

// appCase is an app of the demo: its list at the start, the requests of its
// customers, and the expected end. The end is written by hand: no code that the demo
// shows computes it.
type appCase struct {
	id string
	// byHand is the list at the start, as set by hand at ServerPilot.
	byHand []string
	// stays are those names set by hand that no request removes. At the end the list
	// must begin with them, in this order and spelling.
	stays []string
	// trouble: the first write of the list fails with 500, the second with 429.
	trouble bool
	domains []domainCase
}

// domainCase is what is requested for one domain, and the expected end.
type domainCase struct {
	name       string // in the ledger
	typed      string // as the customer writes it, if different
	operations string // "add" and "remove", in order
	www        tasks.WWW
	ends       tasks.State
	adds       forms
	cause      tasks.Code // of the end; not checked if empty
}

// forms says which names of a domain must be on its app's list at the end, besides
// those set by hand.
type forms int

const (
	nothing forms = iota
	itself
	bothForms // itself and its www form
)

// appCases are the demo's cases. All names are below example.com, .net and .org, which are
// reserved (RFC 2606); a word in some names decides how the simulator makes them behave.
func appCases() []appCase {
	return []appCase{{
		id: "agency-berlin",
		byHand: []string{"zentrale.example.org", "www.zentrale.example.org", "altes-cafe.example.org",
			"Archiv.example.org", "www.altes-cafe.example.org", "atelier.example.org", "www.atelier.example.org"},
		stays: []string{"zentrale.example.org", "www.zentrale.example.org",
			"Archiv.example.org", "www.altes-cafe.example.org", "atelier.example.org", "www.atelier.example.org"},
		domains: []domainCase{
			{name: "xn--bckerei-mnchen-5hb60b.example.com", typed: "bäckerei-münchen.example.com", operations: "add", ends: tasks.Done, adds: bothForms},
			{name: "brauhaus.example.com", operations: "add", ends: tasks.Done, adds: bothForms},
			{name: "altes-cafe.example.org", operations: "remove", ends: tasks.Removed}, // set by hand; its www form stays, since no request removes it
			{name: "elsewhere-hotel.example.com", operations: "add", ends: tasks.Failed, adds: bothForms, cause: tasks.CauseDNSElsewhere},
			{name: "ipv6-kino.example.net", operations: "add", ends: tasks.Failed, adds: bothForms, cause: tasks.CauseIPv6Elsewhere},
			{name: "zahnarzt.example.com", typed: "Zahnarzt.EXAMPLE.com.", operations: "add", ends: tasks.Done, adds: bothForms},
			{name: "messe-2025.example.com", operations: "add remove", ends: tasks.Removed},
			{name: "tischlerei.example.net", operations: "add", ends: tasks.Done, adds: itself}, // the next one removes its www form
			{name: "www.tischlerei.example.net", operations: "remove", ends: tasks.Removed},
			{name: "xn--strae-42-tya.example.com", typed: "straße-42.example.com", operations: "add", ends: tasks.Done, adds: bothForms},
			{name: "atelier.example.org", operations: "add", ends: tasks.Done}, // set by hand, and stays in its place
			{name: "latecert-galerie.example.com", operations: "add", ends: tasks.Done, adds: bothForms},
			{name: "garten.example.org", operations: "add add", ends: tasks.Done, adds: bothForms},
			{name: "blog.zentrale.example.org", operations: "add", ends: tasks.Done, adds: bothForms},
			{name: "nie-da.example.net", operations: "remove", ends: tasks.Removed}, // was never there
			{name: "www.kiosk.example.net", operations: "add", ends: tasks.Done, adds: itself},
		},
	}, {
		id: "agency-lisbon",
		domains: []domainCase{
			{name: "refused-casino.example.net", operations: "add", ends: tasks.Rejected},
			{name: "padaria.example.com", operations: "add", ends: tasks.Done, adds: bothForms},
			{name: "xn--corao-dra1a.example.com", typed: "coração.example.com", operations: "add", ends: tasks.Done, adds: bothForms},
			{name: "nodns-surf.example.com", operations: "add", ends: tasks.Failed, adds: bothForms, cause: tasks.CauseDNSMissing},
			{name: "nocert-fado.example.com", operations: "add", ends: tasks.DoneWithoutSSL, adds: bothForms},
			{name: "caa-banco.example.com", operations: "add", ends: tasks.DoneWithoutSSL, adds: bothForms, cause: tasks.CauseCAAForbids},
			{name: "bogus-farol.example.org", operations: "add", ends: tasks.Failed, adds: bothForms, cause: tasks.CauseDNSSECBogus},
			{name: "proxied-livraria.example.com", operations: "add", ends: tasks.Done, adds: bothForms, cause: tasks.CauseWorks},
			{name: "*.eventos.example.net", operations: "add", ends: tasks.DoneWithoutSSL, adds: itself, cause: tasks.CauseNameNotCertifiable},
			{name: "eventos.example.net", operations: "add", ends: tasks.Done, adds: bothForms},
			{name: "loja.example.net", operations: "add remove add", ends: tasks.Done, adds: bothForms},
			{name: "praia.example.org", operations: "add", ends: tasks.Done, adds: bothForms},
			{name: "azulejo.example.org", operations: "add", ends: tasks.Done, adds: bothForms},
			{name: "xn--eltrico-28-c7a.example.com", typed: "elétrico-28.example.com", operations: "add", ends: tasks.Done, adds: bothForms},
			{name: "hostel.example.net", operations: "add", ends: tasks.Done, adds: bothForms},
			{name: "vinho.example.com", operations: "add", www: tasks.WWWNever, ends: tasks.Done, adds: itself},
			{name: "pastel.example.net", operations: "add", ends: tasks.Done, adds: bothForms},
		},
	}, {
		id:      "agency-tokyo",
		byHand:  []string{"tokyo.example.org"},
		stays:   []string{"tokyo.example.org"},
		trouble: true,
		domains: []domainCase{
			{name: "xn----87tuw5a3cwcw367a.example.net", typed: "例え-ラーメン.example.net", operations: "add", ends: tasks.Done, adds: bothForms},
			{name: "xn--sprr0q.example.com", typed: "寿司.example.com", operations: "add", ends: tasks.Done, adds: bothForms},
			{name: "xn----ux6an75iubenq1b.example.org", typed: "着物-京都.example.org", operations: "add", ends: tasks.Done, adds: bothForms},
			{name: "sakura.example.com", operations: "add", ends: tasks.Done, adds: bothForms},
			{name: "onsen.example.net", operations: "add", ends: tasks.Done, adds: bothForms},
			{name: "hanami-2024.example.net", operations: "add remove", ends: tasks.Removed},
			{name: "matcha.example.com", operations: "add", ends: tasks.Done, adds: bothForms},
			{name: "shinkansen.example.org", operations: "add", ends: tasks.Done, adds: bothForms},
			{name: "ryokan.example.com", operations: "add", ends: tasks.Done, adds: bothForms},
			{name: "bento.example.net", operations: "add", ends: tasks.Done, adds: bothForms},
			{name: "karaoke.example.org", operations: "add", ends: tasks.Done, adds: bothForms},
			{name: "kombini.example.com", operations: "add", ends: tasks.Done, adds: bothForms},
			{name: "othersite-sento.example.org", operations: "add", ends: tasks.Failed, adds: bothForms, cause: tasks.CauseOtherSite},
			{name: "my--nocert-shop.example.net", operations: "add", ends: tasks.DoneWithoutSSL, adds: bothForms, cause: tasks.CauseNameNotCertifiable},
		},
	}}
}

// names are those that the domain must have added to the list.
func (d domainCase) names() []string {
	return []string{d.name, "www." + d.name}[:d.adds]
}

// requests are the domain's, in order.
func (d domainCase) requests(app string) []enqueue.Request {
	name := d.name
	if d.typed != "" {
		name = d.typed
	}
	var reqs []enqueue.Request
	for _, operation := range strings.Fields(d.operations) {
		reqs = append(reqs, enqueue.Request{AppID: app, Domain: name, Remove: operation == "remove", WWW: d.www})
	}
	return reqs
}

// rounds spreads the requests over time, as if every app had customers of its own. The
// requests of one round are enqueued together, those of all apps mixed. Each app starts a
// domain in each round; a second request for it follows two rounds later.
func rounds(apps []appCase) [][]enqueue.Request {
	var rounds [][]enqueue.Request
	for _, app := range apps {
		for i, d := range app.domains {
			for j, req := range d.requests(app.id) {
				at := i + 2*j
				for len(rounds) <= at {
					rounds = append(rounds, nil)
				}
				rounds[at] = append(rounds[at], req)
			}
		}
	}
	// An app's requests for one domain never share a round, so their order holds.
	return slices.DeleteFunc(rounds, func(m []enqueue.Request) bool { return len(m) == 0 })
}

// countDomains counts the domains of all apps.
func countDomains(apps []appCase) int {
	n := 0
	for _, app := range apps {
		n += len(app.domains)
	}
	return n
}
