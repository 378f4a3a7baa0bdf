// Package dashboard serves the operator's view over HTTP: pages about apps and domains,
// asynqmon, metrics, and health checks.
//
// Access is decided in one place. [Dashboard.Handler] passes every request through panic
// recovery, security headers, login and cross-origin protection before a page gets it.
// [userOf] returns the user of a request. Every handler that changes anything is wrapped in
// [requireAct].
package dashboard
