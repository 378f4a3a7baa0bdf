// Package serverpilot is the client of ServerPilot's API v1. Its one idea: every error says
// what its caller has to do ([Kind]). No write is sent after its deadline, even if the process
// was stopped meanwhile.
//
// The client doesn't retry, and it doesn't wait for the rate limit: its callers do both, the
// latter with a [Limiter]. Neither the API key nor the private key in an app's ssl object gets
// into a field, an error or a log.
package serverpilot
