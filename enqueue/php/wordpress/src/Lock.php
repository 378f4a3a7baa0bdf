<?php
/**
 * Locks across all PHP processes of the installation.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/** A named lock of the database. It ends with the connection, so a dead process can't keep it. */
final class Lock {

	/**
	 * Runs $work under the lock and returns its result; null if the lock isn't available within $seconds.
	 *
	 * @param string   $name    What the lock guards.
	 * @param int      $seconds How long to wait for it.
	 * @param callable $work    Returns something other than null.
	 * @return mixed
	 */
	public static function hold( string $name, int $seconds, callable $work ) {
		global $wpdb;
		// All databases of the server share its locks; a name has at most 64 characters.
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
