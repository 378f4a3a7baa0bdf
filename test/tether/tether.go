// Package tether ends the processes that tests start together with what started them, also
// where that is killed. It works on Linux; elsewhere it does nothing.
package tether
