<?php
/**
 * The names of states and domains.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/**
 * States as people read them. pilotsync's commands and dashboard have the same names, in English.
 */
final class StateName {

	/**
	 * A state's name. A state of a later release is its own name.
	 *
	 * @param string $state The state.
	 */
	public static function of( string $state ): string {
		switch ( $state ) {
			case 'pending':
				return __( 'Pending', 'pilotsync' );
			case 'checking-dns':
				return __( 'Checking DNS', 'pilotsync' );
			case 'checking-ssl-cert':
				return __( 'Checking certificate', 'pilotsync' );
			case 'done':
				return __( 'Done', 'pilotsync' );
			case 'done-without-ssl':
				return __( 'No certificate', 'pilotsync' );
			case 'failed':
				return __( 'DNS failed', 'pilotsync' );
			case 'rejected':
				return __( 'Rejected', 'pilotsync' );
			case 'removed':
				return __( 'Removed', 'pilotsync' );
		}
		return $state;
	}

	/**
	 * A name in Unicode with its xn-- form beside it, if it is international.
	 *
	 * @param string $domain The name, in either form.
	 */
	public static function of_domain( string $domain ): string {
		if ( ! function_exists( 'idn_to_utf8' ) || ! function_exists( 'idn_to_ascii' ) ) {
			return $domain;
		}
		$unicode = idn_to_utf8( $domain, IDNA_DEFAULT, INTL_IDNA_VARIANT_UTS46 );
		$ascii   = idn_to_ascii( $domain, IDNA_NONTRANSITIONAL_TO_ASCII, INTL_IDNA_VARIANT_UTS46 );
		return $unicode && $ascii && $unicode !== $ascii ? "$unicode ($ascii)" : $domain;
	}
}
