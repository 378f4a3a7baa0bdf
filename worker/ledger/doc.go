// Package ledger keeps the record of every domain in Redis: its request, state, order numbers
// and history. For each app it also keeps the lease, the write in flight and the wake. An app
// is woken when it needs a sync, and awake until a sync has left nothing to do.
//
// Each change of the ledger is one Lua script in a file of this directory, preceded by
// prelude.lua. The scripts compare, count and move; Go decides the content of a record. Two scripts
// search its text, for readers: app.lua for causes, work.lua for the site. All times that they compare come from Redis's clock, never from a
// worker's.
//
// An app's keys share its hash tag, so they are in one slot of a Redis Cluster, and one
// script can use all of them:
//
//	pilotsync:{APP}:seq      string  the last order number handed out (by producers); a limited user
//	                                 of Redis may set it to anything
//	pilotsync:{APP}:newest   string  the greatest order number that was recorded
//	pilotsync:{APP}:seqs     hash    domain → order number of its last recorded change; a domain
//	                                 without one has the floor of sync
//	pilotsync:{APP}:pending  hash    domain → that change, until a sync has processed it; a
//	                                 dry run puts its preview there
//	pilotsync:{APP}:since    hash    domain → order number of its first addition after its
//	                                 last removal
//	pilotsync:{APP}:superseded
//	                         hash    domain → its last change without effect, since a later one had
//	                                 been recorded; until another is recorded
//	pilotsync:{APP}:domains  hash    domain → its record
//	pilotsync:{APP}:ours     set     names on the list that are owned
//	pilotsync:{APP}:gone     zset    tombstones: names that were removed lately, by when (ms)
//	pilotsync:{APP}:due      zset    domain, by the time of its next verification (ms)
//	pilotsync:{APP}:watch    zset    domains whose verification ended, by the time of the next
//	                                 recheck (ms)
//	pilotsync:{APP}:autossl  string  when a verification last tried to turn AutoSSL on (ms)
//	pilotsync:{APP}:autossl_answer
//	                         string  JSON: refused or failed, ServerPilot's answer to that; {}
//	                                 for success; expires
//	pilotsync:{APP}:retried  string  when a start or a reload of a worker last retried the sync (ms)
//	pilotsync:{APP}:log:NAME list    the history of domain NAME, newest first; line.go has the
//	                                 format (`pilotsync logs` shows it)
//	pilotsync:{APP}:sync     hash    wake, awake; token, until, taken (the lease, and the
//	                                 wake at its begin); landing, claim (write in
//	                                 flight); look_at (when the recoverer wakes the app); fails, trouble,
//	                                 blocked, trouble_since; alarm (the failure has an event);
//	                                 paused (by whom);
//	                                 dry_run ("ms ADDED REMOVED", until a commit); lost_told
//	                                 (identity of the ledger that has an event of its predecessor's loss);
//	                                 floor (the greatest order number of a pruned domain); prune_at
//	                                 (when the next domains are pruned, ms), prune_from (the entry of
//	                                 the index after which the next page begins)
//	pilotsync:{APP}:outbox   list    events to be enqueued, oldest first: "µs EVENT"
//	pilotsync:{APP}:events   zset    the same lines, by µs, until they are delivered, or for three
//	                                 days; what is sent comes from here
//	pilotsync:{APP}:told     string  time of the last event (µs)
//	pilotsync:{APP}:writes   list    the last writes, newest first: "NUMBER µs OUTCOME CHANGES"
//	pilotsync:{APP}:shown    hash    for readers only: listed, listed_at, compared_at (names on
//	                                 the list, when a sync last read it, and when a
//	                                 reconciliation did); write (what the write in flight
//	                                 changes), writes (how many there were); revision (grows
//	                                 with every change that readers see); server, server_asked,
//	                                 disconnected (id of the app's server, when a worker last
//	                                 asked for it (ms), of one app for all of the server, and
//	                                 since when it is disconnected (s));
//	                                 coverage (JSON: which names of a long list have a certificate);
//	                                 action ("ms JSON", ServerPilot's last action that was read,
//	                                 by when its write was committed)
//	pilotsync:{APP}:index    zset    "STATE DOMAIN" and " DOMAIN" of each domain, all of score 0
//	pilotsync:{APP}:latest   zset    the last changed domains, by when (ms)
//	pilotsync:{APP}:waiting  zset    domains with a pending change, by since when (ms)
//	pilotsync:{APP}:expiry   zset    domains that are done, by the end of their certificate (s)
//	pilotsync:{APP}:renew_by zset    the same, by when the certificate should have been renewed (s)
//	pilotsync:{APP}:snoozed  hash    domain → who has snoozed it, until when and why (JSON)
//	pilotsync:{APP}:handover string  identity of the ledger to which a producer handed over
//	                                 all domains of the app
//	pilotsync:ledger         hash    id, created (ms): this ledger's identity; before, lost: the
//	                                 identities that it replaced, and when (ms); seen:
//	                                 when a worker last identified it (ms)
//	pilotsync:apps           set     every app that has a ledger
//	pilotsync:{agenda}:visits
//	                         zset    app, by the time of the recoverer's next visit (ms)
//	pilotsync:{agenda}:marks hash    app → when it was last marked, before work of it was
//	                                 recorded (ms)
//	pilotsync:{agenda}:changed
//	                         zset    app, by when it was last marked, before a change that readers
//	                                 see (ms); until a reader has kept its summary
//	pilotsync:{agenda}:summaries
//	                         hash    app → its summary for readers of all apps (JSON)
//	pilotsync:{agenda}:domains
//	                         zset    "DOMAIN APP" of each domain, all of score 0: a hint where it is
//	pilotsync:{agenda}:named hash    app → how many members the former has of it
//	pilotsync:{agenda}:domains_complete
//	                         string  when the former had all domains (ms); workers that don't know
//	                                 the agenda may have added others since
//	pilotsync:{agenda}:audit zset    the last requests for domains and apps (JSON), by order number
//	pilotsync:{agenda}:snoozes zset  those of them that snooze a domain, or end that
//	pilotsync:{agenda}:bulk:ID
//	                         string  which domains a user's action on many is about (JSON)
//	pilotsync:{agenda}:check:ID
//	                         hash    domains that are checked before they are added: the list and
//	                                 each result (JSON), the text as typed, the last progress (ms),
//	                                 the end
//	pilotsync:{agenda}:sites zset    "DOMAIN APP" of each domain with a WordPress site, by the site's id: a hint, too;
//	                                 an empty member of score -1 says that it wasn't lost since it was complete
//	pilotsync:{agenda}:sites_complete
//	                         string  when both had all domains (ms)
//	pilotsync:{agenda}:actions
//	                         zset    ServerPilot's actions that a worker is to read (JSON), by when (ms)
//	pilotsync:recoverer      string  when the recoverer last began (ms)
//	pilotsync:sweep          string  the same of workers that don't know the agenda
//	pilotsync:unserved       string  when a worker last looked for unserved apps to forget (ms)
//	pilotsync:workers        hash    id of a worker → "ms {name, apps, dry_run}": when it last
//	                                 announced itself, and what it serves
package ledger
