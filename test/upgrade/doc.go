// Package upgrade has tests only. They run programs of different releases, as processes, side by
// side on one real Redis. The previous release is built from the repository's history. The next one
// is the present source with a later format of payloads and records. So the real programs prove
// what the documents say of upgrades and of the way back.
package upgrade
