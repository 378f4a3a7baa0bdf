// Package adversary has tests only, under the build tag adversary. Each attacks a running pilotsync
// with the rights of a limited user: a user of Redis, of the dashboard, of the network or of the
// shell. Redis runs with the shipped files and users. Workers are processes under their shipped
// memory limit. `make adversary` runs the tests, in about two minutes; `make more` includes them.
//
// There is a file for each attacker, such as php_test.go. An attack is a row of one of its tables,
// or a test. It begins with [newFixture], does its harm with the attacker's own rights
// (fixture.as, or what the attacker reaches), and ends with fixture.requireService: then the
// workers that ran are alive, and still serve an honest customer. The name of a test says what
// must hold. Attacks on the plugin take a WordPress, so they are tests in
// enqueue/php/wordpress/tests. `make adversary` runs them, too.
package adversary
