// Package failover has tests only. They run the program as processes on Redis as in production:
// every command on a Cluster, each script within one slot, TLS with client certificates. Under
// load, Sentinel and Cluster fail over, slots move, and the number of workers changes. Users are
// tested beside their file, in deployments/redis.
package failover
