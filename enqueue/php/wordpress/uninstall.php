<?php
/**
 * Deletes the plugin's tables and options when the plugin is deleted.
 *
 * @package Pilotsync
 */

defined( 'WP_UNINSTALL_PLUGIN' ) || exit;

// It still runs as a must-use plugin and needs them.
if ( defined( 'PILOTSYNC_PLUGIN_FILE' ) ) {
	return;
}

require_once __DIR__ . '/src/Installation.php';
require_once __DIR__ . '/src/Schema.php';

// Another network, where it is active, needs them.
if ( Pilotsync\WordPress\Installation::is_active( WP_UNINSTALL_PLUGIN ) ) {
	return;
}

Pilotsync\WordPress\Schema::drop();
