<?php
/**
 * Ultimate Multisite's record of a mapped domain.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/** Finds mappings, and saves their stage. */
final class Mapping {

	/** How many mappings are read at a time. */
	const PAGE = 100;

	/**
	 * The mapping of a name, or null. pilotsync uses xn--mnchen-3ya.example, while the network may have the name as typed.
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
	 * Whether a name is mapped to an existing site. If its domain mapping is off, Ultimate Multisite keeps the mappings of
	 * deleted sites.
	 *
	 * @param string $domain The name.
	 * @throws DatabaseError If the database fails.
	 */
	public static function has_site( string $domain ): bool {
		global $wpdb;
		$mapping = self::fresh( $domain );
		return null !== $mapping && 0 < (int) self::query( 'get_var', $wpdb->prepare( "SELECT COUNT(*) FROM {$wpdb->blogs} WHERE blog_id = %d", (int) $mapping->get_blog_id() ) );
	}

	/**
	 * Queries the database about sites, because a cache must not decide which names are removed or skipped.
	 *
	 * @param string $method Of wpdb.
	 * @param string $query  A query whose result is never empty.
	 * @return mixed
	 * @throws DatabaseError If the database fails.
	 */
	private static function query( string $method, string $query ) {
		global $wpdb;
		$answer = $wpdb->$method( $query );
		if ( null === $answer || array() === $answer ) {
			/* translators: %s: the database's message */
			throw new DatabaseError( sprintf( __( 'The list of sites could not be read: %s', 'pilotsync' ), $wpdb->last_error ) );
		}
		return $answer;
	}

	/**
	 * The mapping of a name, read from the database again: it may have changed since this request first read it.
	 *
	 * @param string $domain The name.
	 * @return object|null
	 * @throws DatabaseError If the database fails, so that the name may be mapped.
	 */
	public static function fresh( string $domain ) {
		global $wpdb;
		if ( function_exists( 'wp_cache_supports' ) && wp_cache_supports( 'flush_runtime' ) ) {
			wp_cache_flush_runtime();
		} else {
			wp_cache_flush(); // As saving a mapping does.
		}
		$wpdb->last_error = ''; // Clears an earlier error.
		$mapping          = self::find( $domain );
		if ( null === $mapping && '' !== (string) $wpdb->last_error ) {
			/* translators: 1: domain name, 2: the database's message */
			throw new DatabaseError( sprintf( __( 'The mapping of %1$s could not be read: %2$s', 'pilotsync' ), $domain, $wpdb->last_error ) );
		}
		return $mapping;
	}

	/**
	 * Whether a mapping is in an active stage, so that Ultimate Multisite serves it.
	 *
	 * @param object $mapping Ultimate Multisite's domain.
	 */
	public static function is_active( $mapping ): bool {
		return is_callable( array( $mapping, 'has_inactive_stage' ) ) ? ! $mapping->has_inactive_stage() : in_array( $mapping->get_stage(), Stage::ACTIVE, true );
	}

	/** Whether this version of Ultimate Multisite has the stage ssl-failed, as from 2.4.10 on. */
	public static function has_ssl_failed(): bool {
		return defined( 'WP_Ultimo\Database\Domains\Domain_Stage::SSL_FAILED' );
	}

	/**
	 * Saves a mapping's stage. Ultimate Multisite then empties WordPress's whole object cache.
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
		// Its validation refuses names that it accepted before, such as those with an IDN top-level domain.
		if ( is_callable( array( $mapping, 'set_skip_validation' ) ) ) {
			$mapping->set_skip_validation( true );
		}
		$saved = $mapping->save(); // true or 1; false after a database error.
		if ( is_wp_error( $saved ) || ! $saved ) {
			/* translators: 1: domain name, 2: reason */
			throw new \RuntimeException( sprintf( __( 'The mapping of %1$s could not be saved: %2$s', 'pilotsync' ), $mapping->get_domain(), is_wp_error( $saved ) ? $saved->get_error_message() : __( 'the database did not save it', 'pilotsync' ) ) );
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
	 * The mappings whose sites exist, in the form of all(), and the names of the others.
	 *
	 * @return array{array<array{string, int, int}>, string[]}
	 * @throws DatabaseError If the database fails.
	 */
	public static function with_site(): array {
		global $wpdb;
		$sites = array_flip( array_map( 'intval', self::query( 'get_col', "SELECT blog_id FROM {$wpdb->blogs}" ) ) );
		$with  = array();
		$left  = array();
		foreach ( self::all() as $mapping ) {
			if ( isset( $sites[ $mapping[1] ] ) ) {
				$with[] = $mapping;
			} else {
				$left[] = $mapping[0];
			}
		}
		return array( $with, $left );
	}

	/**
	 * The mappings of this network's sites whose check is in progress. On another network the plugin may not be active.
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
	 * Whether a mapping's site belongs to this network.
	 *
	 * @param object $mapping Ultimate Multisite's domain.
	 */
	public static function is_here( $mapping ): bool {
		$site = get_site( (int) $mapping->get_blog_id() );
		return null !== $site && (int) $site->network_id === get_current_network_id();
	}

	/**
	 * Every mapping of the installation.
	 *
	 * @throws DatabaseError If the mappings can't be read.
	 */
	private static function each(): \Generator {
		global $wpdb;
		$offset = 0;
		do {
			$wpdb->last_error = '';
			// Without a number it returns 100 at most.
			$page = function_exists( 'wu_get_domains' ) ? wu_get_domains(
				array(
					'number'  => self::PAGE,
					'offset'  => $offset,
					'orderby' => 'id',
					'order'   => 'ASC',
				)
			) : array();
			if ( ! $page && '' !== (string) $wpdb->last_error ) {
				/* translators: %s: the database's message */
				throw new DatabaseError( sprintf( __( 'The mappings could not be read: %s', 'pilotsync' ), $wpdb->last_error ) );
			}
			foreach ( $page as $mapping ) {
				yield $mapping;
			}
			$offset += self::PAGE;
		} while ( count( $page ) === self::PAGE );
	}
}
