<?php
/**
 * Detaches Ultimate Multisite's own ServerPilot provider from the four actions.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/**
 * Detaches the provider while the plugin is active, because concurrent writers of a list lose
 * domains.
 */
final class Takeover {

	const ACTIONS = array( 'wu_add_domain', 'wu_remove_domain', 'wu_add_subdomain', 'wu_remove_subdomain' );

	/** The provider's class, in the older layout and in the newer one. */
	const CLASSES = array(
		'WP_Ultimo\Integrations\Host_Providers\ServerPilot_Host_Provider',
		'WP_Ultimo\Integrations\Providers\ServerPilot\ServerPilot_Domain_Mapping',
	);

	/**
	 * The detached callbacks: action, callback, priority, number of arguments.
	 *
	 * @var array[]
	 */
	private $detached = array();

	/** Detaches the provider. It is safe to call again, and from within one of the actions. */
	public function detach(): void {
		global $wp_filter;
		$capability = self::capability();
		foreach ( self::ACTIONS as $action ) {
			if ( ! isset( $wp_filter[ $action ] ) ) {
				continue;
			}
			foreach ( $wp_filter[ $action ]->callbacks as $priority => $callbacks ) {
				foreach ( $callbacks as $callback ) {
					if ( self::is_provider( $callback['function'], $capability ) ) {
						remove_action( $action, $callback['function'], $priority );
						$this->detached[] = array( $action, $callback['function'], $priority, $callback['accepted_args'] );
					}
				}
			}
		}
	}

	/** Attaches the callbacks again that were detached in this request. */
	public function give_back(): void {
		foreach ( $this->detached as list( $action, $function, $priority, $args ) ) {
			add_action( $action, $function, $priority, $args );
		}
		$this->detached = array();
	}

	/**
	 * Whether a callback is a method of the provider.
	 *
	 * @param mixed       $function   A callback.
	 * @param object|null $capability The registry's module for ServerPilot's domains, which other code may have replaced.
	 */
	private static function is_provider( $function, $capability ): bool {
		if ( ! is_array( $function ) ) {
			return false;
		}
		if ( null !== $capability && $function[0] === $capability ) {
			return true;
		}
		foreach ( self::CLASSES as $class ) {
			if ( is_a( $function[0], $class, true ) ) {
				return true;
			}
		}
		return false;
	}

	/** The newer layout's module for ServerPilot's domains, if there is one. */
	private static function capability() {
		$registry = Ultimate::registry();
		return is_callable( array( $registry, 'get_capability' ) ) ? $registry->get_capability( 'serverpilot', 'domain-mapping' ) : null;
	}
}
