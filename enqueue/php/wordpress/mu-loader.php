<?php
/**
 * Plugin Name: pilotsync (loader)
 * Description: WordPress loads no folders from mu-plugins: copy this file to wp-content/mu-plugins/pilotsync.php.
 * Network:     true
 *
 * @package Pilotsync
 */

defined( 'ABSPATH' ) || exit;

require __DIR__ . '/pilotsync/pilotsync.php';
