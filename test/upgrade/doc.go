// Package upgrade has tests only: programs of different releases, as processes, side
// by side on one real Redis. The release before is built from the repository's own
// history, the one to come from the present source with a later form of payloads and
// records. So what is said of upgrades and of the way back is tried with the programs
// themselves, not with what we remember of them.
package upgrade
