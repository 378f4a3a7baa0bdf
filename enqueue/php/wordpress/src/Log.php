<?php
/**
 * The log.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/** Writes to Ultimate Multisite's log, or to PHP's if there is none. */
final class Log {

	/**
	 * Writes a line to a domain's log, which Ultimate Multisite shows with the mapping.
	 *
	 * @param string $domain  The name.
	 * @param string $message What happened.
	 * @param string $level   A PSR-3 level.
	 */
	public static function domain( string $domain, string $message, string $level = 'info' ): void {
		// The name becomes a file name, and input must not choose the folder.
		self::write( 'domain-' . preg_replace( '/[^\p{L}\p{N}.*-]/u', '_', $domain ), $message, $level );
	}

	/**
	 * Writes a line about pilotsync as a whole.
	 *
	 * @param string $message What happened.
	 * @param string $level   A PSR-3 level.
	 */
	public static function general( string $message, string $level = 'info' ): void {
		self::write( 'pilotsync', $message, $level );
	}

	private static function write( string $handle, string $message, string $level ): void {
		$message = 'pilotsync: ' . preg_replace( '/[\r\n]+/', ' ', $message );
		if ( function_exists( 'wu_log_add' ) ) {
			wu_log_add( $handle, $message, $level );
		} elseif ( 'info' !== $level ) {
			error_log( "$handle: $message" ); // phpcs:ignore WordPress.PHP.DevelopmentFunctions
		}
	}
}
