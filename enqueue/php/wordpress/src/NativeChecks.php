<?php
/**
 * Ultimate Multisite's own checks of DNS and certificates.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/**
 * Disables those checks for domains that pilotsync verifies, since two programs that set the
 * stage would conflict.
 */
final class NativeChecks {

	const ACTION = 'wu_async_process_domain_stage';

	/** @var Changes */
	private $changes;

	/**
	 * The callbacks that are detached for the present run of the action: callback, priority, number of arguments.
	 *
	 * @var array[]
	 */
	private $detached = array();

	public function __construct( Changes $changes ) {
		$this->changes = $changes;
	}

	/** Attaches itself before and after all other callbacks. */
	public function listen(): void {
		add_action( self::ACTION, array( $this, 'before' ), PHP_INT_MIN );
		add_action( self::ACTION, array( $this, 'after' ), PHP_INT_MAX );
	}

	/** Detaches itself. */
	public function stop(): void {
		remove_action( self::ACTION, array( $this, 'before' ), PHP_INT_MIN );
		remove_action( self::ACTION, array( $this, 'after' ), PHP_INT_MAX );
	}

	/**
	 * Starts Ultimate Multisite's own check for mappings in progress, because pilotsync no longer
	 * sets their stage.
	 */
	public static function resume(): void {
		foreach ( Mapping::in_progress() as $mapping ) {
			wu_enqueue_async_action( self::ACTION, array( 'domain_id' => $mapping->get_id() ), 'domain' );
		}
	}

	/**
	 * Detaches Ultimate Multisite's check for this run of the action, and requests a verification instead.
	 *
	 * @param int $domain_id The mapping's id.
	 */
	public function before( $domain_id = 0 ): void {
		global $wp_filter;
		$mapping = function_exists( 'wu_get_domain' ) ? wu_get_domain( $domain_id ) : null;
		/**
		 * Whether pilotsync verifies a domain; otherwise Ultimate Multisite checks it.
		 *
		 * @param bool   $verifies True.
		 * @param string $domain   The name; empty if the mapping no longer exists.
		 */
		if ( ! apply_filters( 'pilotsync_verifies_domain', true, is_object( $mapping ) ? $mapping->get_domain() : '' ) ) {
			return;
		}
		foreach ( $wp_filter[ self::ACTION ]->callbacks as $priority => $callbacks ) {
			foreach ( $callbacks as $callback ) {
				if ( is_array( $callback['function'] ) && 'async_process_domain_stage' === $callback['function'][1] ) {
					$this->detached[] = array( $callback['function'], $priority, $callback['accepted_args'] );
				}
			}
		}
		foreach ( $this->detached as list( $function, $priority ) ) {
			remove_action( self::ACTION, $function, $priority );
		}
		if ( is_object( $mapping ) ) {
			$this->changes->recheck( $mapping );
		}
	}

	/** Attaches the check again. */
	public function after(): void {
		foreach ( $this->detached as list( $function, $priority, $args ) ) {
			add_action( self::ACTION, $function, $priority, $args );
		}
		$this->detached = array();
	}
}
