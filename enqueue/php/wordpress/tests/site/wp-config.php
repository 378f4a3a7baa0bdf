<?php
/**
 * The test network's settings. Values that differ between runs are in the environment.
 */

define( 'DB_NAME', 'wordpress' );
define( 'DB_USER', 'root' );
define( 'DB_PASSWORD', '' );
define( 'DB_HOST', 'localhost:' . getenv( 'TEST_DB_SOCKET' ) );
define( 'DB_CHARSET', 'utf8mb4' );
define( 'DB_COLLATE', '' );
$table_prefix = 'net_';

define( 'WP_CONTENT_DIR', __DIR__ . '/wp-content' );
define( 'WP_HTTP_BLOCK_EXTERNAL', true );
define( 'AUTOMATIC_UPDATER_DISABLED', true );
define( 'DISABLE_WP_CRON', true ); // The test requests wp-cron.php itself.
define( 'WP_DEBUG', true );
define( 'WP_DEBUG_DISPLAY', false );
define( 'WP_DEBUG_LOG', __DIR__ . '/debug.log' );

if ( getenv( 'TEST_REDIS_URL' ) && ! is_file( __DIR__ . '/no-constants' ) ) {
	define( 'PILOTSYNC_REDIS_URL', getenv( 'TEST_REDIS_URL' ) );
	define( 'PILOTSYNC_WEBHOOK_SECRET', getenv( 'TEST_WEBHOOK_SECRET' ) );
}
if ( ! is_file( __DIR__ . '/no-app-id' ) ) {
	define( 'WU_SERVER_PILOT_APP_ID', 'app1' );
}
// Constants of one test, such as those of a cache plugin.
if ( is_file( __DIR__ . '/extra.php' ) ) {
	require __DIR__ . '/extra.php';
}

// The address of the test's web server is the network. Any other host is a visitor's.
$test_host = isset( $_SERVER['HTTP_HOST'] ) ? preg_replace( '/:\d+$/', '', $_SERVER['HTTP_HOST'] ) : '';
if ( '' === $test_host || '127.0.0.1' === $test_host ) {
	$test_host = 'network.example.net';
}
$_SERVER['HTTP_HOST']   = $test_host;
$_SERVER['SERVER_NAME'] = $test_host;
$_SERVER['SERVER_PORT'] = '80';
if ( isset( $_SERVER['HTTP_X_FORWARDED_PROTO'] ) ) {
	$_SERVER['HTTPS'] = 'https' === $_SERVER['HTTP_X_FORWARDED_PROTO'] ? 'on' : 'off';
}

if ( ! getenv( 'TEST_INSTALL' ) ) {
	define( 'WP_ALLOW_MULTISITE', true );
	define( 'MULTISITE', true );
	define( 'SUBDOMAIN_INSTALL', true );
	// The host decides between several networks. The file has the id of the other network's main site.
	$test_other = is_file( __DIR__ . '/other-network' ) && 'other.example.org' === $test_host;
	define( 'DOMAIN_CURRENT_SITE', $test_other ? $test_host : 'network.example.net' );
	define( 'PATH_CURRENT_SITE', '/' );
	define( 'SITE_ID_CURRENT_SITE', $test_other ? 2 : 1 );
	define( 'BLOG_ID_CURRENT_SITE', $test_other ? (int) file_get_contents( __DIR__ . '/other-network' ) : 1 );
	define( 'SUNRISE', true );
}

if ( is_file( __DIR__ . '/mail-to' ) ) {
	define( 'PILOTSYNC_MAIL_TO', file_get_contents( __DIR__ . '/mail-to' ) );
}

// Replaces WordPress's own function, so that no mail leaves the test.
function wp_mail( $to, $subject, $message, $headers = '' ) {
	if ( ! is_array( $to ) ) {
		return true; // WordPress's own, such as the one about a new site.
	}
	if ( is_file( __DIR__ . '/mail-server-down' ) ) {
		do_action( 'wp_mail_failed', new WP_Error( 'wp_mail_failed', 'no mail server' ) );
		return false;
	}
	file_put_contents( __DIR__ . '/mail.log', json_encode( compact( 'to', 'subject', 'message', 'headers' ) ) . "\n", FILE_APPEND );
	return true;
}

defined( 'ABSPATH' ) || define( 'ABSPATH', __DIR__ . '/' );
require_once ABSPATH . 'wp-settings.php';
