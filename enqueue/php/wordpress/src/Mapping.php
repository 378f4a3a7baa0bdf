<?php
/**
 * Ultimate Multisite's record of a mapped domain.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/** Finds mappings. */
final class Mapping {

	/** How many are read at once. */
	const PAGE = 100;

	/**
	 * The mapping of a name, or null. pilotsync speaks of xn--mnchen-3ya.example where the network may have the name as
	 * it was typed.
	 *
	 * @param string $domain The name.
	 * @return object|null
	 */
	public static function find( string $domain ) {
		if ( ! function_exists( 'wu_get_domain_by_domain' ) || '' === $domain ) {
			return null;
		}
		$mapping = wu_get_domain_by_domain( $domain );
		if ( ! $mapping && false !== strpos( $domain, 'xn--' ) && function_exists( 'idn_to_utf8' ) ) {
			$unicode = idn_to_utf8( $domain, IDNA_DEFAULT, INTL_IDNA_VARIANT_UTS46 );
			$mapping = $unicode ? wu_get_domain_by_domain( $unicode ) : null;
		}
		return is_object( $mapping ) ? $mapping : null;
	}

	/**
	 * All mappings of the network: name and site.
	 *
	 * @return array<array{string, int}>
	 */
	public static function all(): array {
		$all    = array();
		$offset = 0;
		do {
			$page = function_exists( 'wu_get_domains' ) ? wu_get_domains(
				array(
					'number'  => self::PAGE,
					'offset'  => $offset,
					'orderby' => 'id',
					'order'   => 'ASC',
				)
			) : array();
			foreach ( $page as $mapping ) {
				$all[] = array( $mapping->get_domain(), (int) $mapping->get_blog_id() );
			}
			$offset += self::PAGE;
		} while ( count( $page ) === self::PAGE );
		return $all;
	}
}
