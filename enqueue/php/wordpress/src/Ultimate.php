<?php
/**
 * Access to Ultimate Multisite.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/**
 * Its setup, its stored settings and its own rules about domains, each in the way of the
 * installed version.
 */
final class Ultimate {

	const REGISTRY = 'WP_Ultimo\Integrations\Integration_Registry';
	const MANAGER  = 'WP_Ultimo\Managers\Domain_Manager';

	/** The filter for the number of checks of a domain: wu_async_process_domain_stage_max_tries( 5, $domain ). */
	const MAX_TRIES = 'wu_async_process_domain_stage_max_tries';

	/** Ultimate Multisite's default number of checks. */
	const USUAL_TRIES = 5;

	/** Why Ultimate Multisite doesn't work here; empty if it works. */
	public static function problem(): string {
		if ( ! function_exists( 'wu_get_domain_by_domain' ) && ! class_exists( 'WP_Ultimo\WP_Ultimo', false ) ) {
			return __( 'Ultimate Multisite is not active on this network.', 'pilotsync' );
		}
		$plugin = function_exists( 'WP_Ultimo' ) ? WP_Ultimo() : null;
		if ( is_callable( array( $plugin, 'is_loaded' ) ) && ! $plugin->is_loaded() ) {
			return __( 'Ultimate Multisite is not set up: finish its setup wizard and meet its requirements.', 'pilotsync' );
		}
		return '';
	}

	/**
	 * The integration registry of the newer layout; null in the older one.
	 *
	 * @return object|null
	 */
	public static function registry() {
		return is_callable( array( self::REGISTRY, 'get_instance' ) ) ? call_user_func( array( self::REGISTRY, 'get_instance' ) ) : null;
	}

	/**
	 * A setting of its ServerPilot integration. Its wizard stores it, encrypted, in an option of the main network or of this
	 * one.
	 *
	 * @param string $constant The name of the constant that overrides it.
	 * @return string Empty if there is none, or if it can't be decrypted.
	 */
	public static function credential( string $constant ): string {
		$registry    = self::registry();
		$integration = is_callable( array( $registry, 'get' ) ) ? $registry->get( 'serverpilot' ) : null;
		$read        = static function () use ( $integration, $constant ) {
			return is_callable( array( $integration, 'get_credential' ) ) ? trim( (string) $integration->get_credential( $constant ) ) : '';
		};
		$stored      = Installation::on_main_network( $read );
		return '' === $stored ? $read() : $stored;
	}

	/**
	 * Whether it gives a domain a www form, by its own rule.
	 *
	 * @param string $domain The name.
	 * @return bool|null Null in versions without such a rule.
	 */
	public static function creates_www( string $domain ): ?bool {
		$manager = is_callable( array( self::MANAGER, 'get_instance' ) ) ? call_user_func( array( self::MANAGER, 'get_instance' ) ) : null;
		return is_callable( array( $manager, 'should_create_www_subdomain' ) ) ? (bool) $manager->should_create_www_subdomain( $domain ) : null;
	}

	/**
	 * The number of verification attempts that the network's filter gives a domain.
	 *
	 * @param string $domain The name.
	 * @return int|null 1 to 20; null leaves it to the workers, where no filter is attached or the domain has no mapping.
	 */
	public static function attempts( string $domain ): ?int {
		$mapping = has_filter( self::MAX_TRIES ) ? Mapping::find( $domain ) : null;
		if ( null === $mapping ) {
			return null;
		}
		try {
			$tries = max( self::tries( $mapping, 'checking-dns' ), self::tries( $mapping, 'checking-ssl-cert' ) );
		} catch ( \Throwable $e ) {
			// A bug in other code must not block the change.
			/* translators: 1: name of a filter, 2: reason */
			Log::domain( $domain, sprintf( __( 'The filter %1$s failed, so the workers\' setting decides on the attempts: %2$s', 'pilotsync' ), self::MAX_TRIES, $e->getMessage() ), 'error' );
			return null;
		}
		$attempts = min( max( $tries, 1 ), \Pilotsync\Change::MAX_ATTEMPTS );
		if ( $attempts !== $tries ) {
			/* translators: 1: name of a filter, 2: number it returned, 3: number of attempts */
			Log::domain( $domain, sprintf( __( 'The filter %1$s returned %2$d; it takes 1 to 20, so the domain gets %3$d attempts.', 'pilotsync' ), self::MAX_TRIES, $tries, $attempts ), 'warning' );
		}
		return $attempts;
	}

	/**
	 * The filter's result for a mapping in a stage, since it may distinguish checks of DNS and of the certificate.
	 *
	 * @param object $mapping Ultimate Multisite's domain.
	 * @param string $stage   The stage.
	 * @throws \UnexpectedValueException If it returns no number.
	 */
	private static function tries( $mapping, string $stage ): int {
		$as = clone $mapping;
		$as->set_stage( $stage );
		$tries = apply_filters( self::MAX_TRIES, self::USUAL_TRIES, $as ); // phpcs:ignore WordPress.NamingConventions
		if ( ! is_numeric( $tries ) ) {
			throw new \UnexpectedValueException( 'it returned no number, but ' . gettype( $tries ) );
		}
		return (int) $tries;
	}
}
