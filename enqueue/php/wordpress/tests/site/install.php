<?php
/**
 * Installs a WordPress network in an empty database. The test runs it on the command line.
 */

mysqli_report( MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT );
$db = new mysqli( 'localhost', 'root', '', '', 0, getenv( 'TEST_DB_SOCKET' ) );
$db->query( 'CREATE DATABASE wordpress CHARACTER SET utf8mb4' );

define( 'WP_INSTALLING', true );
require __DIR__ . '/wp-load.php';
require ABSPATH . 'wp-admin/includes/upgrade.php';

wp_install( 'Network', 'admin', 'admin@example.net', true, '', 'password' );
foreach ( $wpdb->tables( 'ms_global' ) as $table => $name ) {
	$wpdb->$table = $name;
}
require ABSPATH . 'wp-admin/includes/network.php';
install_network();
$result = populate_network( 1, 'network.example.net', 'admin@example.net', 'Tom\'s &amp; Jo\'s', '/', true );
// The missing wildcard DNS is only a warning.
if ( is_wp_error( $result ) && 'no_wildcard_dns' !== $result->get_error_code() ) {
	fwrite( STDERR, $result->get_error_message() . "\n" );
	exit( 1 );
}
update_option( 'permalink_structure', '/%postname%/' );
update_option( 'siteurl', 'http://network.example.net' );
update_option( 'home', 'http://network.example.net' );
