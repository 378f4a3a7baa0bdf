// Package wordpress tests the WordPress plugin with a real WordPress network, its database
// and web server, a real Redis, and a real worker. It has stand-ins for ServerPilot and for
// Ultimate Multisite (site/ultimate-multisite.php).
//
// It needs Debian's wordpress, mariadb-server, php-cli, php-mysql and php-redis, and runs
// with the build tag wordpress: make wordpress.
package wordpress
