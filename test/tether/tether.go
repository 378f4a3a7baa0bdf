// Package tether ends the processes that tests start when their parent ends, even if it is killed.
// It works on Linux; elsewhere it does nothing.
package tether
