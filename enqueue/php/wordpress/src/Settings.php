<?php
/**
 * What wp-config.php says.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/** The constants that the plugin reads. */
final class Settings {

	/** Where the queue is: the same Redis that the workers use. */
	public function redis_url(): string {
		return self::constant( 'PILOTSYNC_REDIS_URL' );
	}

	/** ServerPilot's id of the app whose list the network's domains are on. */
	public function app_id(): string {
		return self::constant( 'WU_SERVER_PILOT_APP_ID' );
	}

	/**
	 * The secrets that webhooks may be signed with: several while one replaces another.
	 *
	 * @return string[]
	 */
	public function webhook_secrets(): array {
		return preg_split( '/\s+/', self::constant( 'PILOTSYNC_WEBHOOK_SECRET' ), -1, PREG_SPLIT_NO_EMPTY );
	}

	/** Whether the network switched the plugin off without removing it. */
	public function off(): bool {
		return defined( 'PILOTSYNC_DISABLED' ) && PILOTSYNC_DISABLED;
	}

	/**
	 * The constants without which nothing can be enqueued, and that aren't there.
	 *
	 * @return string[]
	 */
	public function missing(): array {
		return array_values(
			array_filter(
				array( 'PILOTSYNC_REDIS_URL', 'WU_SERVER_PILOT_APP_ID' ),
				static function ( $name ) {
					return '' === self::constant( $name );
				}
			)
		);
	}

	private static function constant( string $name ): string {
		return defined( $name ) ? trim( (string) constant( $name ) ) : '';
	}
}
