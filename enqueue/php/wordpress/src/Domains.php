<?php
/**
 * What the plugin remembers of each domain.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/** For each domain the time of the last event that was applied, and when its mapping got another name. */
final class Domains {

	/**
	 * Whether an event is newer than the last one applied. No two events of an app have the same time, so one that comes
	 * again isn't.
	 *
	 * @param string $domain The name.
	 * @param string $at     The event's time, in UTC with microseconds, so that text compares as time does.
	 */
	public function is_news( string $domain, string $at ): bool {
		$last = $this->row( $domain );
		return null === $last || strcmp( $at, $last->at ) > 0;
	}

	/** Notes an event as applied. */
	public function note_event( string $domain, string $at ): void {
		$this->write( $domain, array( 'at' => $at ) );
	}

	/** Notes that a mapping no longer has this name. */
	public function note_renamed( string $domain ): void {
		$this->write( $domain, array( 'renamed_at' => time() ) );
	}

	/** Whether a mapping lost this name within the last $seconds. */
	public function renamed_within( string $domain, int $seconds ): bool {
		$row = $this->row( $domain );
		return null !== $row && (int) $row->renamed_at > time() - $seconds;
	}

	private function row( string $domain ) {
		global $wpdb;
		return $wpdb->get_row( $wpdb->prepare( 'SELECT * FROM ' . Schema::domains() . ' WHERE hash = %s', md5( $domain ) ) ); // phpcs:ignore WordPress.DB.PreparedSQL
	}

	private function write( string $domain, array $values ): void {
		global $wpdb;
		if ( $this->row( $domain ) ) {
			$done = $wpdb->update( Schema::domains(), $values, array( 'hash' => md5( $domain ) ) );
		} else {
			$done = $wpdb->insert( Schema::domains(), $values + array( 'hash' => md5( $domain ), 'domain' => $domain ) );
		}
		if ( false === $done ) {
			throw new \RuntimeException( 'The database did not take a note about ' . $domain . ': ' . $wpdb->last_error );
		}
	}
}
