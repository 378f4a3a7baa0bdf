<?php
/**
 * Takes the plugin's tables and options away when it is deleted.
 *
 * @package Pilotsync
 */

defined( 'WP_UNINSTALL_PLUGIN' ) || exit;

require_once __DIR__ . '/src/Schema.php';

Pilotsync\WordPress\Schema::drop();
