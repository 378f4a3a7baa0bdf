// Package tether makes processes end with the one that started them, however that
// one ends. Tests start many: one that is killed would leave them all behind. It
// works on Linux; elsewhere it does nothing.
package tether
