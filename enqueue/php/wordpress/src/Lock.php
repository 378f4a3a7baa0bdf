<?php
/**
 * Locks over all PHP processes of the installation.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/** A named lock of the database. It ends with the connection, so a process that dies leaves none behind. */
final class Lock {

	/**
	 * Runs $work under the lock and returns what it returns; null if the lock isn't to be had within $seconds.
	 *
	 * @param string   $name    What it guards.
	 * @param int      $seconds How long to wait for it.
	 * @param callable $work    Returns something other than null.
	 * @return mixed
	 */
	public static function hold( string $name, int $seconds, callable $work ) {
		global $wpdb;
		// The server's locks are shared by all its databases; a name takes 64 characters.
		$key = 'pilotsync_' . md5( DB_NAME . '|' . $wpdb->base_prefix . '|' . $name );
		if ( '1' !== (string) $wpdb->get_var( $wpdb->prepare( 'SELECT GET_LOCK(%s, %d)', $key, $seconds ) ) ) {
			return null;
		}
		try {
			return $work();
		} finally {
			$wpdb->query( $wpdb->prepare( 'SELECT RELEASE_LOCK(%s)', $key ) );
		}
	}
}
