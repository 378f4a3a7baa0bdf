<?php
/**
 * DNS records to change.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

use Pilotsync\DnsRecords;

/**
 * The DNS records to change, by the causes in DNS. Each is an array with the keys action (set,
 * change or delete), type, name and value; and networks if any address in them is right. found
 * is what DNS has in place of the value.
 */
final class Records {

	/** Codes of names whose addresses are missing or wrong. */
	const ADDRESSES = array( 'DNSMissing', 'DNSAliasDangling', 'DNSElsewhere', 'IPv6Elsewhere' );

	/**
	 * The records of a domain, after the filter for networks that need other ones.
	 *
	 * @param string   $domain   The mapped name.
	 * @param DomainStatus $status Its status.
	 * @return array[]
	 */
	public static function of( string $domain, DomainStatus $status ): array {
		$records = self::all( $domain, $status );
		/**
		 * The DNS records to change, for networks that need other ones, such as a CNAME.
		 *
		 * @param array[]  $records  Each with the keys action (set, change or delete), type, name and value.
		 * @param string   $domain   The mapped name.
		 * @param DomainStatus $status The domain's status.
		 */
		$records = apply_filters( 'pilotsync_dns_records', $records, $domain, $status );
		return array_filter(
			is_array( $records ) ? $records : array(),
			static function ( $record ) {
				return is_array( $record ) && isset( $record['action'], $record['type'], $record['name'], $record['value'] );
			}
		);
	}

	/** Whether a name's addresses are missing or wrong. */
	public static function are_wrong( DomainStatus $status ): bool {
		return array() !== array_intersect( self::ADDRESSES, array_column( $status->problems, 'code' ) );
	}

	/**
	 * The records as `pilotsync status` has them. The www form is known only if it has a problem of its own.
	 *
	 * @param string   $domain   The mapped name.
	 * @param DomainStatus $status Its status.
	 * @return array[]
	 */
	private static function all( string $domain, DomainStatus $status ): array {
		$problems = array();
		foreach ( $status->problems as $cause ) {
			$name       = $cause->text( 'name' );
			$problems[] = array(
				'name'   => '' === $name ? $domain : $name,
				'cause'  => $cause->code,
				'params' => $cause->params,
			);
		}
		return DnsRecords::toChange( array_values( array_unique( array_merge( array( $domain ), array_column( $problems, 'name' ) ) ) ), $problems );
	}

	/**
	 * What is shown of a record: what to do, then type, name and value.
	 *
	 * @param array $record The record.
	 * @return array{string, string} Plain text, not escaped.
	 */
	public static function shown( array $record ): array {
		$does     = array(
			'change' => __( 'Change:', 'pilotsync' ),
			'delete' => __( 'Delete:', 'pilotsync' ),
		);
		$networks = isset( $record['networks'] ) ? $record['networks'] : array();
		$value    = $networks ? strtr( Sentences::address_in(), array( '{items}' => implode( ', ', $networks ) ) ) : $record['value'];
		$found    = isset( $record['found'] ) ? implode( ', ', $record['found'] ) . ' → ' : '';
		return array(
			isset( $does[ $record['action'] ] ) ? $does[ $record['action'] ] : __( 'Set:', 'pilotsync' ),
			"{$record['type']}  {$record['name']}  $found$value",
		);
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
