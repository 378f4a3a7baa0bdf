// Package wordpress holds the test of the WordPress plugin: a real WordPress
// network with its database and web server, a real Redis, a real worker, and
// stand-ins for ServerPilot and for Ultimate Multisite (site/ultimate-multisite.php).
//
// It needs Debian's wordpress, mariadb-server, php-cli, php-mysql and php-redis,
// and runs with the build tag wordpress: make wordpress.
package wordpress
