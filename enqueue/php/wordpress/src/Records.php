<?php
/**
 * DNS records to change.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

use Pilotsync\Cause;
use Pilotsync\DnsRecords;

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
		$records = self::all( $domain, $standing );
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
	 * The records to set, as `pilotsync status` has them, and those to delete.
	 *
	 * @param string   $domain   The mapped name.
	 * @param Standing $standing Its status.
	 * @return array<array{bool, string, string, string}>
	 */
	private static function all( string $domain, Standing $standing ): array {
		$problems = array();
		foreach ( $standing->problems as $cause ) {
			$name       = $cause->text( 'name' );
			$problems[] = array(
				'name'   => '' === $name ? $domain : $name,
				'cause'  => $cause->code,
				'params' => $cause->params,
			);
		}
		$names   = array_values( array_unique( array_merge( array( $domain ), array_column( $problems, 'name' ) ) ) );
		$records = array();
		foreach ( DnsRecords::toSet( $names, $problems ) as $record ) {
			$records[] = array( true, $record['type'], $record['name'], $record['value'] );
		}
		$set = array_column( $records, 2 );
		foreach ( $standing->problems as $i => $cause ) {
			$name = $problems[ $i ]['name'];
			// A record to delete is listed only if another one stays or is set, so that the name isn't left without a record.
			if ( 'IPv6Elsewhere' === $cause->code || in_array( $name, $set, true ) ) {
				$records = array_merge( $records, self::to_delete( $name, $cause ) );
			} elseif ( 'CAAForbids' === $cause->code ) {
				$records[] = array( true, 'CAA', $cause->text( 'record' ), self::CAA );
			}
		}
		return $records;
	}

	/**
	 * The records of a name to delete.
	 *
	 * @param string $name  The name.
	 * @param Cause  $cause Its cause.
	 * @return array<array{bool, string, string, string}>
	 */
	private static function to_delete( string $name, Cause $cause ): array {
		if ( 'DNSAliasDangling' === $cause->code ) {
			return array( array( false, 'CNAME', $name, $cause->text( 'target' ) ) );
		}
		$records = array();
		foreach ( $cause->texts( 'found' ) as $text ) {
			if ( false !== filter_var( $text, FILTER_VALIDATE_IP ) ) {
				$records[] = array( false, false === strpos( $text, ':' ) ? 'A' : 'AAAA', $name, $text );
			}
		}
		return $records;
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
}
