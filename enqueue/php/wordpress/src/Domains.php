<?php
/**
 * The plugin's record of each domain.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

use Pilotsync\Cause;

/**
 * Stores for each domain the last applied event, whether that is a problem of a site that is still served, and when its
 * mapping was renamed.
 */
final class Domains {

	/**
	 * The status that the last event of a domain gave.
	 *
	 * @param object $row The domain's record.
	 */
	public static function status( $row ): DomainStatus {
		$causes = json_decode( (string) ( $row->causes ?? '' ), true );
		$causes = array_map( array( Cause::class, 'read' ), is_array( $causes ) ? $causes : array() );
		return DomainStatus::of_event( $row->state, (string) $row->reason, $causes ? array_shift( $causes ) : new Cause( '' ), $causes );
	}

	/**
	 * Causes as JSON; empty if they don't fit the column. Then only the reason is shown.
	 *
	 * @param Cause[] $causes The causes.
	 */
	private static function json( array $causes ): string {
		$json = (string) wp_json_encode(
			array_map(
				static function ( Cause $cause ) {
					return (object) $cause->members();
				},
				$causes
			)
		);
		return strlen( $json ) <= Schema::TEXT ? $json : '';
	}

	/**
	 * The record of a domain: at, renamed_at, removed_at, asked_at, state, reason, causes, problem.
	 *
	 * @param string $domain The name.
	 * @return object|null
	 */
	public function find( string $domain ) {
		global $wpdb;
		return $wpdb->get_row( $wpdb->prepare( 'SELECT * FROM ' . Schema::domains() . ' WHERE hash = %s', md5( $domain ) ) ); // phpcs:ignore WordPress.DB.PreparedSQL
	}

	/**
	 * Records an applied event.
	 *
	 * @param Event $event   The event.
	 * @param bool  $problem Whether it is a problem of a site that is still served.
	 */
	public function note_event( Event $event, bool $problem ): void {
		$values = array(
			'at'      => $event->at,
			'state'   => $event->state,
			'reason'  => $event->reason,
			'causes'  => self::json( array_merge( array( $event->cause ), $event->warnings ) ),
			'problem' => (int) $problem,
		);
		if ( ! in_array( $event->state, Stage::CHECKING, true ) ) {
			$values['asked_at'] = 0; // The verification has ended.
		}
		$this->write( $event->domain, $values );
	}

	/**
	 * Records that a name is not a valid host name.
	 *
	 * @param string $domain  The name.
	 * @param string $reason  Why.
	 * @param bool   $problem Whether its site is still served.
	 */
	public function note_refused( string $domain, string $reason, bool $problem ): void {
		$this->write(
			$domain,
			array(
				'state'   => 'rejected',
				'reason'  => $reason,
				'causes'  => '',
				'problem' => (int) $problem,
			)
		);
	}

	/**
	 * Domains with a problem whose sites were still served at the time of the event, the latest first.
	 *
	 * @param int $limit How many at most.
	 * @return object[] domain, state, reason, causes, at.
	 */
	public function problems( int $limit ): array {
		global $wpdb;
		return (array) $wpdb->get_results( $wpdb->prepare( 'SELECT domain, state, reason, causes, at FROM ' . Schema::domains() . ' WHERE problem = 1 ORDER BY at DESC, hash LIMIT %d', $limit ) ); // phpcs:ignore WordPress.DB.PreparedSQL
	}

	/** Records that a verification was requested, or an addition, which leads to one. */
	public function note_asked( string $domain ): void {
		$this->write(
			$domain,
			array(
				'asked_at'   => time(),
				'removed_at' => 0,
			)
		);
	}

	/** Records that a removal was requested. */
	public function note_removed( string $domain ): void {
		$this->write( $domain, array( 'removed_at' => time() ) );
	}

	/**
	 * Names that were removed within the last 30 days and not added since.
	 *
	 * @return string[]
	 * @throws DatabaseError If the database fails.
	 */
	public function removed(): array {
		global $wpdb;
		$since = time() - 30 * DAY_IN_SECONDS; // For a day after a removal, a worker removes a name again.
		$names = $wpdb->get_col( $wpdb->prepare( 'SELECT domain FROM ' . Schema::domains() . ' WHERE removed_at > %d', $since ) ); // phpcs:ignore WordPress.DB.PreparedSQL
		if ( '' !== (string) $wpdb->last_error ) {
			throw new DatabaseError( $wpdb->last_error );
		}
		return $names;
	}

	/** Whether a verification was requested within the last $seconds and hasn't ended. */
	public function asked_within( string $domain, int $seconds ): bool {
		$row = $this->find( $domain );
		return null !== $row && (int) $row->asked_at > time() - $seconds;
	}

	/** Makes the next event of each domain count as new, regardless of its time. */
	public static function forget_times(): void {
		global $wpdb;
		$wpdb->query( 'UPDATE ' . Schema::domains() . " SET at = ''" ); // phpcs:ignore WordPress.DB.PreparedSQL
	}

	/** Records that a mapping no longer has this name. */
	public function note_renamed( string $domain ): void {
		$this->write( $domain, array( 'renamed_at' => time() ) );
	}

	/** Whether a mapping lost this name within the last $seconds. */
	public function renamed_within( string $domain, int $seconds ): bool {
		$row = $this->find( $domain );
		return null !== $row && (int) $row->renamed_at > time() - $seconds;
	}

	private function write( string $domain, array $values ): void {
		global $wpdb;
		// One statement, because two processes may both find no row.
		$table = Schema::domains();
		$wpdb->query( $wpdb->prepare( "INSERT IGNORE INTO $table (hash, domain) VALUES (%s, %s)", md5( $domain ), $domain ) ); // phpcs:ignore WordPress.DB.PreparedSQL
		if ( false === $wpdb->update( $table, $values, array( 'hash' => md5( $domain ) ) ) ) {
			/* translators: 1: domain name, 2: the database's message */
			throw new \RuntimeException( sprintf( __( 'The record of %1$s could not be saved: %2$s', 'pilotsync' ), $domain, $wpdb->last_error ) );
		}
	}
}
