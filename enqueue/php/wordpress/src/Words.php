<?php
/**
 * Descriptions of a domain's problems for people.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/** Turns pilotsync's results into sentences and DNS records. It returns plain text, not escaped. */
final class Words {

	/**
	 * The sentences for a customer about a domain.
	 *
	 * @param Standing $standing Its status.
	 * @param bool     $served   Whether its site is served.
	 * @return string[] Sentences; none if the domain works.
	 */
	public static function for_customer( Standing $standing, bool $served ): array {
		switch ( $standing->state ) {
			case 'pending': // The reason is about the app and isn't for customers.
				return $served ? array() : array( __( 'This domain is being set up.', 'pilotsync' ) );
			case 'rejected':
				/* translators: %s: why, in English */
				return array( sprintf( __( 'This domain could not be set up: %s', 'pilotsync' ), $standing->reason ) );
			case 'removed':
				return array( __( 'This domain was removed from the server. Please contact the support of this network.', 'pilotsync' ) );
		}
		$sentences = array_values( array_unique( array_filter( array_map( array( self::class, 'problem' ), $standing->problems ) ) ) );
		if ( $sentences || 'done' === $standing->state ) {
			return $sentences;
		}
		if ( in_array( $standing->state, array( 'checking-dns', 'checking-ssl-cert' ), true ) ) {
			return array( __( 'The DNS records of this domain are being checked.', 'pilotsync' ) );
		}
		return array_filter( array( $standing->cause_and_remedy()[0] ) );
	}

	/**
	 * The DNS records that must change.
	 *
	 * @param Standing $standing The domain's status.
	 * @return array<array{bool, string, string, string}> True to set it, false to delete it; type; name; value.
	 */
	public static function records( Standing $standing ): array {
		$records = array();
		foreach ( $standing->problems as list( $name, $cause, $found, $expected ) ) {
			if ( 'dns-missing' !== $cause && 'dns-elsewhere' !== $cause ) {
				continue;
			}
			$set = array_filter( $expected, array( self::class, 'is_address' ) );
			foreach ( $set as $address ) {
				$records[] = array( true, self::type( $address ), $name, $address );
			}
			// A record to delete is listed only with one to set, so that the domain isn't left without a record.
			foreach ( $set ? array_filter( $found, array( self::class, 'is_address' ) ) : array() as $address ) {
				$records[] = array( false, self::type( $address ), $name, $address );
			}
		}
		return $records;
	}

	/** Whether the cause is in DNS. */
	public static function is_dns( Standing $standing ): bool {
		return $standing->has( 'dns-missing' ) || $standing->has( 'dns-elsewhere' );
	}

	/**
	 * The problem of one name; empty if the domain's owner need not know it.
	 *
	 * @param array $problem Of a Standing.
	 */
	public static function problem( array $problem ): string {
		list( $name, $cause, $found ) = $problem;
		switch ( $cause ) {
			case 'dns-missing':
				/* translators: %s: domain name */
				return sprintf( __( '%s has no DNS record with an address.', 'pilotsync' ), $name );
			case 'dns-elsewhere':
				/* translators: 1: domain name, 2: IP addresses */
				return $found ? sprintf( __( '%1$s points to %2$s, which is not the server of this site.', 'pilotsync' ), $name, implode( ', ', $found ) )
					/* translators: %s: domain name */
					: sprintf( __( '%s points to another server.', 'pilotsync' ), $name );
			case 'dns-unknown':
				/* translators: %s: domain name */
				return sprintf( __( 'The DNS servers of %s do not answer. The domain is checked again.', 'pilotsync' ), $name );
			case 'not-listed':
				return __( 'This domain is being set up.', 'pilotsync' );
			case 'certificate-pending':
				/* translators: %s: domain name */
				return sprintf( __( 'The DNS records of %s are right. Its certificate is being issued; that usually takes 5 to 15 minutes.', 'pilotsync' ), $name );
			case 'certificate':
				/* translators: %s: domain name */
				return sprintf( __( 'The DNS records of %s are right, but it has no working certificate yet. Please contact the support of this network.', 'pilotsync' ), $name );
		}
		return '';
	}

	private static function is_address( string $text ): bool {
		return false !== filter_var( $text, FILTER_VALIDATE_IP ); // A proxy's network isn't an address.
	}

	private static function type( string $address ): string {
		return false === strpos( $address, ':' ) ? 'A' : 'AAAA';
	}
}
