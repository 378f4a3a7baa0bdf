<?php
/**
 * The log.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/** Writes to Ultimate Multisite's log, or to PHP's if there is none. */
final class Log {

	/** The longest line, in characters. */
	const LINE = 4000;

	/** How much of a domain's name is in the name of its file, in characters: file systems allow 255 bytes. */
	const NAME = 200;

	/**
	 * Makes a text fit to log and to show: on one line, without control and other invisible characters, not too long.
	 * Workers do the same.
	 *
	 * @param string $text The text.
	 * @param int    $most How many characters at most.
	 */
	public static function printable( string $text, int $most ): string {
		if ( ! preg_match( '//u', $text ) ) {
			$text = (string) preg_replace( '/[^\x20-\x7e]/', '?', $text ); // It isn't UTF-8.
		}
		$text = (string) preg_replace( '/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u', ' ', $text );
		return mb_strlen( $text ) > $most ? mb_substr( $text, 0, $most - 1 ) . '…' : $text;
	}

	/**
	 * Writes a line to a domain's log, which Ultimate Multisite shows with the mapping.
	 *
	 * @param string $domain  The name.
	 * @param string $message What happened.
	 * @param string $level   A PSR-3 level.
	 */
	public static function domain( string $domain, string $message, string $level = 'info' ): void {
		// The name becomes a file name, and input must not choose the folder.
		self::write( 'domain-' . mb_substr( (string) preg_replace( '/[^\p{L}\p{N}.*-]/u', '_', $domain ), 0, self::NAME ), $message, $level );
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
		$message = 'pilotsync: ' . self::printable( $message, self::LINE );
		if ( function_exists( 'wu_log_add' ) ) {
			wu_log_add( $handle, $message, $level );
		} elseif ( 'info' !== $level ) {
			error_log( "$handle: $message" ); // phpcs:ignore WordPress.PHP.DevelopmentFunctions
		}
	}
}
