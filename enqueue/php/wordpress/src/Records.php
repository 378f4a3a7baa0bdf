<?php
/**
 * DNS records to change.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

use Pilotsync\Cause;

/** Turns causes in DNS into the records to set and to delete. Each is: true to set it, false to delete it; type; name; value. */
final class Records {

	/** The record that lets Let's Encrypt issue certificates. */
	const CAA = '0 issue "letsencrypt.org"';

	/** Codes of names whose addresses are missing or wrong. */
	const ADDRESSES = array( 'DNSMissing', 'DNSAliasDangling', 'DNSElsewhere', 'IPv6Elsewhere' );

	/**
	 * The records of a domain, after the filter for networks that need other ones.
	 *
	 * @param string   $domain   The mapped name.
	 * @param Standing $standing Its status.
	 * @return array<array{bool, string, string, string}>
	 */
	public static function of( string $domain, Standing $standing ): array {
		$records = array();
		foreach ( $standing->problems as $cause ) {
			$records = array_merge( $records, self::of_cause( $cause ) );
		}
		/**
		 * The DNS records to set or delete, for networks that need other ones, such as a CNAME.
		 *
		 * @param array[]  $records  Each: true to set it, false to delete it; type; name; value.
		 * @param string   $domain   The mapped name.
		 * @param Standing $standing The domain's status.
		 */
		$records = apply_filters( 'pilotsync_dns_records', $records, $domain, $standing );
		return array_filter(
			is_array( $records ) ? $records : array(),
			static function ( $record ) {
				return is_array( $record ) && array( 0, 1, 2, 3 ) === array_keys( $record );
			}
		);
	}

	/** Whether a name's addresses are missing or wrong. */
	public static function are_wrong( Standing $standing ): bool {
		return array() !== array_intersect( self::ADDRESSES, array_column( $standing->problems, 'code' ) );
	}

	/**
	 * The records of one name.
	 *
	 * @param Cause $cause Its cause.
	 * @return array<array{bool, string, string, string}>
	 */
	public static function of_cause( Cause $cause ): array {
		$name = $cause->text( 'name' );
		if ( 'CAAForbids' === $cause->code ) {
			return array( array( true, 'CAA', $cause->text( 'record' ), self::CAA ) );
		}
		$set    = 'IPv6Elsewhere' === $cause->code ? array() : self::addresses( true, $name, $cause->texts( 'expected' ) );
		$delete = self::addresses( false, $name, $cause->texts( 'found' ) );
		if ( 'DNSAliasDangling' === $cause->code ) {
			$delete = array( array( false, 'CNAME', $name, $cause->text( 'target' ) ) );
		}
		if ( ! in_array( $cause->code, self::ADDRESSES, true ) ) {
			return array();
		}
		// A record to delete is listed only if another one stays or is set, so that the name isn't left without a record.
		return $set || 'IPv6Elsewhere' === $cause->code ? array_merge( $set, $delete ) : array();
	}

	/**
	 * What is shown of a record: what to do, then type, name and value.
	 *
	 * @param array $record The record.
	 * @return array{string, string} Plain text, not escaped.
	 */
	public static function shown( array $record ): array {
		list( $set, $type, $name, $value ) = $record;
		return array( $set ? __( 'Set:', 'pilotsync' ) : __( 'Delete:', 'pilotsync' ), "$type  $name  $value" );
	}

	/**
	 * The records as HTML, each on a line of its own.
	 *
	 * @param array[] $records The records.
	 */
	public static function html( array $records ): string {
		$html = '';
		foreach ( $records as $record ) {
			list( $what, $text ) = self::shown( $record );
			$html               .= '<br>' . esc_html( $what ) . ' <code>' . esc_html( $text ) . '</code>';
		}
		return $html;
	}

	/**
	 * Address records. A proxy's network isn't an address.
	 *
	 * @param bool     $set   Whether to set them.
	 * @param string   $name  The name.
	 * @param string[] $texts Addresses and networks.
	 */
	private static function addresses( bool $set, string $name, array $texts ): array {
		$records = array();
		foreach ( $texts as $text ) {
			if ( false !== filter_var( $text, FILTER_VALIDATE_IP ) ) {
				$records[] = array( $set, false === strpos( $text, ':' ) ? 'A' : 'AAAA', $name, $text );
			}
		}
		return $records;
	}
}
