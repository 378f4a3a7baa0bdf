// Package redisurl makes a Redis client from a URL: one server over TCP, TLS or
// a socket, Sentinel, or Cluster. The URL can hold a password, so whatever this
// package says about a URL has it left out.
package redisurl
