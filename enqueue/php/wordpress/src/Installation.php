<?php
/**
 * What the networks of one WordPress installation share.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/**
 * An installation can have several networks, but it is one app of ServerPilot with one list of domains. So the plugin has
 * one set of tables and stores its options in the main network.
 */
final class Installation {

	/**
	 * An option of the main network.
	 *
	 * @param string $name One of Schema's, or WordPress's own.
	 * @return mixed False if it isn't set.
	 */
	public static function get( string $name ) {
		return get_network_option( get_main_network_id(), $name );
	}

	/**
	 * Sets an option of the main network.
	 *
	 * @param string $name  One of Schema's.
	 * @param mixed  $value What WordPress can store.
	 */
	public static function set( string $name, $value ): void {
		update_network_option( get_main_network_id(), $name, $value );
	}

	/** Deletes an option of the main network. */
	public static function delete( string $name ): void {
		delete_network_option( get_main_network_id(), $name );
	}

	/** The main site of the main network. */
	public static function main_site_id(): int {
		return get_main_site_id( get_main_network_id() );
	}

	/**
	 * The ids of all networks.
	 *
	 * @return int[]
	 */
	public static function networks(): array {
		return is_multisite() ? array_map( 'intval', get_networks( array( 'fields' => 'ids' ) ) ) : array( 1 );
	}

	/**
	 * Whether a plugin is active on one of the networks.
	 *
	 * @param string $plugin Its main file, as WordPress names it.
	 */
	public static function is_active( string $plugin ): bool {
		foreach ( self::networks() as $network ) {
			if ( self::is_active_on( $network, $plugin ) ) {
				return true;
			}
		}
		return false;
	}

	/** Whether a plugin is active on a network. */
	public static function is_active_on( int $network, string $plugin ): bool {
		return isset( ( (array) get_network_option( $network, 'active_sitewide_plugins' ) )[ $plugin ] );
	}

	/**
	 * Runs $work in the context of the main network, because Ultimate Multisite stores its settings per network.
	 *
	 * @param callable $work What to run.
	 * @return mixed What it returns.
	 */
	public static function on_main_network( callable $work ) {
		$here = isset( $GLOBALS['current_site'] ) ? $GLOBALS['current_site'] : null;
		$main = is_multisite() ? get_network( get_main_network_id() ) : null;
		if ( null === $here || null === $main ) {
			return $work();
		}
		$GLOBALS['current_site'] = $main; // phpcs:ignore WordPress.WP.GlobalVariablesOverride
		try {
			return $work();
		} finally {
			$GLOBALS['current_site'] = $here; // phpcs:ignore WordPress.WP.GlobalVariablesOverride
		}
	}
}
