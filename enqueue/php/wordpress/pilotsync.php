<?php
/**
 * Plugin Name:       pilotsync
 * Description:       Sends this network's domain changes to pilotsync, and shows their results in Ultimate Multisite.
 * Version:           0.1.0
 * Requires at least: 5.6
 * Requires PHP:      7.4
 * Network:           true
 * License:           MIT
 * Text Domain:       pilotsync
 * Domain Path:       /languages
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

defined( 'ABSPATH' ) || exit;

// The plugin may be in mu-plugins and in plugins; it is loaded once.
if ( defined( 'PILOTSYNC_PLUGIN_FILE' ) ) {
	return;
}
define( 'PILOTSYNC_PLUGIN_FILE', __FILE__ );

// Before other loaders, because the library's own also handles Pilotsync\.
spl_autoload_register(
	static function ( $class ) {
		if ( 0 === strpos( $class, __NAMESPACE__ . '\\' ) ) {
			$file = __DIR__ . '/src/' . str_replace( '\\', '/', substr( $class, strlen( __NAMESPACE__ ) + 1 ) ) . '.php';
			if ( is_file( $file ) ) {
				require $file;
			}
		}
	},
	true,
	true
);

Plugin::start( __FILE__ );
