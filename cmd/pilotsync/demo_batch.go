package main

import (
	"slices"
	"strings"

	"pilotsync/enqueue"
	"pilotsync/tasks"
)

// demoApp is an app of the demo: how its list stands at the start, what its
// customers ask for, and what must come of it. All of it is written down by
// hand and worked out by none of the code that the demo shows.
type demoApp struct {
	id string
	// byHand is the list at the start, as somebody set it in the dashboard.
	byHand []string
	// stays are those names set by hand that nobody asks to be removed. The list
	// must begin with them in the end, in this order and spelling.
	stays []string
	// trouble: the first write of the list fails with 500, the second with 429.
	trouble bool
	domains []demoDomain
}

// demoDomain is what is asked for one domain, and how that must end.
type demoDomain struct {
	name string // as the ledger must know it
	as   string // as the customer writes it, if that is different
	asks string // "add" and "remove", in order
	www  tasks.WWW
	ends tasks.State
	puts demoNames
}

// demoNames says which names a domain must have brought onto its app's list,
// besides those set by hand.
type demoNames int

const (
	nothing demoNames = iota
	itself
	bothForms // itself and its www form
)

// demoBatch is the demo's batch. All names are below example.com, .net and
// .org, which belong to nobody (RFC 2606); a word in some tells the simulator
// how they behave.
func demoBatch() []demoApp {
	return []demoApp{{
		id: "agency-berlin",
		byHand: []string{"zentrale.example.org", "www.zentrale.example.org", "altes-cafe.example.org",
			"Archiv.example.org", "www.altes-cafe.example.org", "atelier.example.org", "www.atelier.example.org"},
		stays: []string{"zentrale.example.org", "www.zentrale.example.org",
			"Archiv.example.org", "www.altes-cafe.example.org", "atelier.example.org", "www.atelier.example.org"},
		domains: []demoDomain{
			{name: "xn--bckerei-mnchen-5hb60b.example.com", as: "bäckerei-münchen.example.com", asks: "add", ends: tasks.Done, puts: bothForms},
			{name: "brauhaus.example.com", asks: "add", ends: tasks.Done, puts: bothForms},
			{name: "altes-cafe.example.org", asks: "remove", ends: tasks.Removed}, // set by hand; its www form stays, since nobody asks for it to leave
			{name: "elsewhere-hotel.example.com", asks: "add", ends: tasks.Failed, puts: bothForms},
			{name: "zahnarzt.example.com", as: "Zahnarzt.EXAMPLE.com.", asks: "add", ends: tasks.Done, puts: bothForms},
			{name: "messe-2025.example.com", asks: "add remove", ends: tasks.Removed},
			{name: "tischlerei.example.net", asks: "add", ends: tasks.Done, puts: itself}, // loses its www form by the next one
			{name: "www.tischlerei.example.net", asks: "remove", ends: tasks.Removed},
			{name: "xn--strae-42-tya.example.com", as: "straße-42.example.com", asks: "add", ends: tasks.Done, puts: bothForms},
			{name: "atelier.example.org", asks: "add", ends: tasks.Done}, // was set by hand, and stays where it is
			{name: "latecert-galerie.example.com", asks: "add", ends: tasks.Done, puts: bothForms},
			{name: "garten.example.org", asks: "add add", ends: tasks.Done, puts: bothForms},
			{name: "blog.zentrale.example.org", asks: "add", ends: tasks.Done, puts: bothForms},
			{name: "nie-da.example.net", asks: "remove", ends: tasks.Removed}, // was never there
			{name: "www.kiosk.example.net", asks: "add", ends: tasks.Done, puts: itself},
		},
	}, {
		id: "agency-lisbon",
		domains: []demoDomain{
			{name: "refused-casino.example.net", asks: "add", ends: tasks.Rejected},
			{name: "padaria.example.com", asks: "add", ends: tasks.Done, puts: bothForms},
			{name: "xn--corao-dra1a.example.com", as: "coração.example.com", asks: "add", ends: tasks.Done, puts: bothForms},
			{name: "nodns-surf.example.com", asks: "add", ends: tasks.Failed, puts: bothForms},
			{name: "nocert-fado.example.com", asks: "add", ends: tasks.DoneWithoutSSL, puts: bothForms},
			{name: "*.eventos.example.net", asks: "add", ends: tasks.DoneWithoutSSL, puts: itself},
			{name: "eventos.example.net", asks: "add", ends: tasks.Done, puts: bothForms},
			{name: "loja.example.net", asks: "add remove add", ends: tasks.Done, puts: bothForms},
			{name: "praia.example.org", asks: "add", ends: tasks.Done, puts: bothForms},
			{name: "azulejo.example.org", asks: "add", ends: tasks.Done, puts: bothForms},
			{name: "xn--eltrico-28-c7a.example.com", as: "elétrico-28.example.com", asks: "add", ends: tasks.Done, puts: bothForms},
			{name: "hostel.example.net", asks: "add", ends: tasks.Done, puts: bothForms},
			{name: "vinho.example.com", asks: "add", www: tasks.WWWNever, ends: tasks.Done, puts: itself},
			{name: "pastel.example.net", asks: "add", ends: tasks.Done, puts: bothForms},
		},
	}, {
		id:      "agency-tokyo",
		byHand:  []string{"tokyo.example.org"},
		stays:   []string{"tokyo.example.org"},
		trouble: true,
		domains: []demoDomain{
			{name: "xn----87tuw5a3cwcw367a.example.net", as: "例え-ラーメン.example.net", asks: "add", ends: tasks.Done, puts: bothForms},
			{name: "xn--sprr0q.example.com", as: "寿司.example.com", asks: "add", ends: tasks.Done, puts: bothForms},
			{name: "xn----ux6an75iubenq1b.example.org", as: "着物-京都.example.org", asks: "add", ends: tasks.Done, puts: bothForms},
			{name: "sakura.example.com", asks: "add", ends: tasks.Done, puts: bothForms},
			{name: "onsen.example.net", asks: "add", ends: tasks.Done, puts: bothForms},
			{name: "hanami-2024.example.net", asks: "add remove", ends: tasks.Removed},
			{name: "matcha.example.com", asks: "add", ends: tasks.Done, puts: bothForms},
			{name: "shinkansen.example.org", asks: "add", ends: tasks.Done, puts: bothForms},
			{name: "ryokan.example.com", asks: "add", ends: tasks.Done, puts: bothForms},
			{name: "bento.example.net", asks: "add", ends: tasks.Done, puts: bothForms},
			{name: "karaoke.example.org", asks: "add", ends: tasks.Done, puts: bothForms},
			{name: "kombini.example.com", asks: "add", ends: tasks.Done, puts: bothForms},
		},
	}}
}

// appends returns the names that the domain must have brought onto the list.
func (d demoDomain) appends() []string {
	return []string{d.name, "www." + d.name}[:d.puts]
}

// requests are the domain's, in order.
func (d demoDomain) requests(app string) []enqueue.Request {
	name := d.name
	if d.as != "" {
		name = d.as
	}
	var reqs []enqueue.Request
	for _, ask := range strings.Fields(d.asks) {
		reqs = append(reqs, enqueue.Request{AppID: app, Domain: name, Remove: ask == "remove", WWW: d.www})
	}
	return reqs
}

// demoMoments lays the requests out in time as if every app had customers of
// its own: those of one moment come together, the apps' mixed. Each app starts
// a domain a moment; a second request for it comes two moments after the first.
func demoMoments(apps []demoApp) [][]enqueue.Request {
	var moments [][]enqueue.Request
	for _, app := range apps {
		for i, d := range app.domains {
			for j, req := range d.requests(app.id) {
				at := i + 2*j
				for len(moments) <= at {
					moments = append(moments, nil)
				}
				moments[at] = append(moments[at], req)
			}
		}
	}
	// An app's requests for one domain never share a moment, so their order holds.
	return slices.DeleteFunc(moments, func(m []enqueue.Request) bool { return len(m) == 0 })
}

// demoDomains counts the domains of all apps.
func demoDomains(apps []demoApp) int {
	n := 0
	for _, app := range apps {
		n += len(app.domains)
	}
	return n
}
