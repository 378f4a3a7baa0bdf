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

require_once __DIR__ . '/src/Schema.php';

Pilotsync\WordPress\Schema::drop();
