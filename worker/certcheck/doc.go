// Package certcheck verifies one domain. [Checker.Check] probes where DNS points and
// whether TLS works there. Where it doesn't, it reads the CAA records; behind a proxy it
// asks the site whose it is. [Evaluate] decides what follows.
//
// The two are separate on purpose: probing is all I/O and decides nothing; evaluating is
// a pure function, without a clock or a network. The TLS handshake decides whether a
// certificate works. What ServerPilot's API says about AutoSSL only explains why a
// handshake fails.
package certcheck
