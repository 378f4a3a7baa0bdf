// Package web is what a worker shows over HTTP: whether it is alive, whether it
// is ready, and where every domain stands. It only reads, and has no login, so
// it is for loopback addresses.
package web
