// Package redisurl makes a Redis client from a URL: one server over TCP, TLS or a socket,
// Sentinel, or Cluster. No message of this package shows a password of the URL.
//
// With Sentinel, the URL's user and password are those of the servers. Those of the Sentinels
// are ?sentinel_user=…&sentinel_password=…, or only the password if they have requirepass.
// Without them the client doesn't log in to the Sentinels.
package redisurl
