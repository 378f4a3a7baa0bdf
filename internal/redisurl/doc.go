// Package redisurl makes a Redis client from a URL: one server over TCP, TLS or
// a socket, Sentinel, or Cluster. The URL can hold a password, so whatever this
// package says about a URL has it left out.
//
// With Sentinel, the URL's user and password are those of the servers. The Sentinels'
// own come as ?sentinel_user=…&sentinel_password=…, or the password alone where they
// have requirepass. Without, they are asked as nobody.
package redisurl
