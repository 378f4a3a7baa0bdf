<?php
/**
 * Ultimate Multisite's record of a mapped domain.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/** Finds mappings, and saves their stage. */
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
	 * Whether a name is mapped to a site that exists. With its domain mapping off, Ultimate Multisite keeps the mappings of a
	 * deleted site.
	 *
	 * @param string $domain The name.
	 */
	public static function has_site( string $domain ): bool {
		$mapping = self::fresh( $domain );
		return null !== $mapping && null !== get_site( (int) $mapping->get_blog_id() );
	}

	/**
	 * The mapping of a name as the database has it now: a person may have changed it since this request read it first.
	 *
	 * @param string $domain The name.
	 * @return object|null
	 */
	public static function fresh( string $domain ) {
		if ( function_exists( 'wp_cache_supports' ) && wp_cache_supports( 'flush_runtime' ) ) {
			wp_cache_flush_runtime();
		} else {
			wp_cache_flush(); // As saving a mapping does.
		}
		return self::find( $domain );
	}

	/**
	 * Whether a mapping is in an active stage, so that Ultimate Multisite serves it.
	 *
	 * @param object $mapping Ultimate Multisite's domain.
	 */
	public static function is_active( $mapping ): bool {
		return is_callable( array( $mapping, 'has_inactive_stage' ) ) ? ! $mapping->has_inactive_stage() : in_array( $mapping->get_stage(), Stage::ACTIVE, true );
	}

	/** Whether this version of Ultimate Multisite has the stage ssl-failed, as those from 2.4.10 do. */
	public static function has_ssl_failed(): bool {
		return defined( 'WP_Ultimo\Database\Domains\Domain_Stage::SSL_FAILED' );
	}

	/**
	 * Saves a mapping's stage. It empties WordPress's whole object cache.
	 *
	 * @param object    $mapping Ultimate Multisite's domain.
	 * @param string    $stage   The stage.
	 * @param bool|null $secure  Whether visitors are redirected to https; null to leave it.
	 * @throws \RuntimeException If it was not saved.
	 */
	public static function save( $mapping, string $stage, ?bool $secure = null ): void {
		$mapping->set_stage( $stage );
		if ( null !== $secure ) {
			$mapping->set_secure( $secure );
		}
		// Its validation refuses names that it took before, such as those with an IDN top-level domain.
		if ( is_callable( array( $mapping, 'set_skip_validation' ) ) ) {
			$mapping->set_skip_validation( true );
		}
		$saved = $mapping->save(); // true or 1; false after an error of the database.
		if ( is_wp_error( $saved ) || ! $saved ) {
			/* translators: 1: domain name, 2: reason */
			throw new \RuntimeException( sprintf( __( 'The mapping of %1$s could not be saved: %2$s', 'pilotsync' ), $mapping->get_domain(), is_wp_error( $saved ) ? $saved->get_error_message() : __( 'the database did not take it', 'pilotsync' ) ) );
		}
	}

	/**
	 * All mappings of the installation, in the order of their ids: name, site and id.
	 *
	 * @return array<array{string, int, int}>
	 */
	public static function all(): array {
		$all = array();
		foreach ( self::each() as $mapping ) {
			$all[] = array( $mapping->get_domain(), (int) $mapping->get_blog_id(), (int) $mapping->get_id() );
		}
		return $all;
	}

	/**
	 * The mappings of the present network's sites whose check is in progress. On another network the plugin may not be active.
	 *
	 * @return object[]
	 */
	public static function in_progress(): array {
		$all = array();
		foreach ( self::each() as $mapping ) {
			if ( in_array( $mapping->get_stage(), Stage::CHECKING, true ) && self::is_here( $mapping ) ) {
				$all[] = $mapping;
			}
		}
		return $all;
	}

	/**
	 * Whether a mapping's site is one of the present network.
	 *
	 * @param object $mapping Ultimate Multisite's domain.
	 */
	public static function is_here( $mapping ): bool {
		$site = get_site( (int) $mapping->get_blog_id() );
		return null !== $site && (int) $site->network_id === get_current_network_id();
	}

	/** Every mapping of the installation. */
	private static function each(): \Generator {
		$offset = 0;
		do {
			// Without a number it returns 100 at most.
			$page = function_exists( 'wu_get_domains' ) ? wu_get_domains(
				array(
					'number'  => self::PAGE,
					'offset'  => $offset,
					'orderby' => 'id',
					'order'   => 'ASC',
				)
			) : array();
			foreach ( $page as $mapping ) {
				yield $mapping;
			}
			$offset += self::PAGE;
		} while ( count( $page ) === self::PAGE );
	}
}
