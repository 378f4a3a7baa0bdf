// Package realredis has tests only: the whole program as processes, on Redis as it
// is run for real. Here are a Cluster with every command, TLS with client
// certificates, users, and one slot for each script; failovers under load take
// longer, and are in faults.
package realredis
