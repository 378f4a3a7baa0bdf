// Package certcheck verifies one domain: it looks where DNS points and whether
// TLS really works there ([Checker.Check]), and judges what follows from what
// was seen ([Judge]).
//
// The two are apart on purpose: looking is all I/O and decides nothing; judging
// is a pure function, without a clock or a network. The TLS handshake is the
// truth about a certificate; what ServerPilot's API says about AutoSSL only
// explains why a handshake fails.
package certcheck
