// Package failover has tests only: the whole program as processes, on Redis as it
// is run for real. Here are a Cluster with every command, one slot for each script,
// TLS with client certificates; under load the failovers of Sentinel and Cluster, slots
// that move, and workers that come and go with the load. Users are tested beside
// their file, in deployments/redis.
package failover
