// Package certcheck verifies one domain. [Checker.Check] probes where DNS points and
// whether TLS works there. If TLS fails at the app's server, it reads the CAA records. If TLS
// works at a proxy, it asks the site to prove that it is this network's. [Evaluate] decides
// what follows.
//
// The two are separate on purpose: probing is all I/O and decides nothing; evaluating is
// a pure function, without a clock or a network. The TLS handshake decides whether a
// certificate works. What ServerPilot's API says about AutoSSL only explains why a
// handshake fails.
package certcheck
