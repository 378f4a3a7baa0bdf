// Package redisurl makes a Redis client from a URL: one server over TCP, TLS or
// a socket, Sentinel, or Cluster. The URL can have a password, which no
// message of this package shows.
//
// With Sentinel, the URL's user and password are those of the servers. The Sentinels'
// own are ?sentinel_user=…&sentinel_password=…, or the password alone if they have
// requirepass. Without them the client doesn't log in to the Sentinels.
package redisurl
