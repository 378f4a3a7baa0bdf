// Package dashboard is what an operator sees over HTTP: the pages about every domain,
// asynqmon, metrics, and whether the process is alive and ready.
//
// Who may see it, and who may act, is decided here, once, around all of it:
// [Site.Handler] puts every request through recovery, security headers, login
// and the protection from other origins before a page gets it. A page asks
// [userOf] who is there, and wraps what changes anything in [Site.mayAct].
package dashboard
