<?php
/**
 * Takes the plugin's tables and options away when it is deleted.
 *
 * @package Pilotsync
 */

defined( 'WP_UNINSTALL_PLUGIN' ) || exit;

// It goes on as a must-use plugin, and needs them.
if ( defined( 'PILOTSYNC_PLUGIN_FILE' ) ) {
	return;
}

require_once __DIR__ . '/src/Installation.php';
require_once __DIR__ . '/src/Schema.php';

// It is active on another network, which needs them.
if ( Pilotsync\WordPress\Installation::is_active( WP_UNINSTALL_PLUGIN ) ) {
	return;
}

Pilotsync\WordPress\Schema::drop();
