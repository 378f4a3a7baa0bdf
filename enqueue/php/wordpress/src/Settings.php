<?php
/**
 * Settings from wp-config.php and from Ultimate Multisite's wizard.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

use Pilotsync\Exception\InvalidInput;

/** The plugin's settings: constants, and those that Ultimate Multisite stores. */
final class Settings {

	/** The URL of the queue, in the same Redis that the workers use. */
	public function redis_url(): string {
		return self::constant( 'PILOTSYNC_REDIS_URL' );
	}

	/** ServerPilot's id of the app whose list has the network's domains. */
	public function app_id(): string {
		return self::serverpilot( 'WU_SERVER_PILOT_APP_ID' );
	}

	/** Whether the app's id comes from Ultimate Multisite, because there is no constant. */
	public function app_id_is_stored(): bool {
		return '' === self::constant( 'WU_SERVER_PILOT_APP_ID' );
	}

	/**
	 * A setting of ServerPilot: the constant, or the value from Ultimate Multisite's wizard.
	 *
	 * @param string $constant WU_SERVER_PILOT_APP_ID, WU_SERVER_PILOT_CLIENT_ID or WU_SERVER_PILOT_API_KEY.
	 */
	public static function serverpilot( string $constant ): string {
		$value = self::constant( $constant );
		return '' === $value ? Ultimate::credential( $constant ) : $value;
	}

	/**
	 * The secrets with which webhooks may be signed; several while one replaces another. Invalid ones are skipped.
	 *
	 * @return string[]
	 */
	public function webhook_secrets(): array {
		return array_values( array_filter( self::secrets(), array( Signature::class, 'is_secret' ) ) );
	}

	/**
	 * What is wrong with PILOTSYNC_WEBHOOK_SECRET, and the remedy; empty if it is right. It
	 * doesn't show the secret.
	 */
	public function secret_problem(): string {
		$all = self::secrets();
		foreach ( $all as $i => $secret ) {
			if ( ! Signature::is_secret( $secret ) ) {
				/* translators: 1: which secret, 2: number of secrets */
				$text = sprintf( __( 'PILOTSYNC_WEBHOOK_SECRET in wp-config.php is wrong in secret %1$d of %2$d. It takes one or several secrets with spaces between them, each whsec_ and the base64 of 24 bytes or more, the same as the workers have.', 'pilotsync' ), $i + 1, count( $all ) );
				return $this->webhook_secrets() ? $text : $text . ' ' . __( 'No secret is valid, so Ultimate Multisite checks the domains itself.', 'pilotsync' );
			}
		}
		return '';
	}

	/**
	 * Settings that are set but invalid, so that changes wait in the outbox.
	 *
	 * @return string[] A sentence for each.
	 */
	public function invalid(): array {
		$invalid = array();
		try {
			new \Pilotsync\RedisUrl( $this->redis_url() );
		} catch ( InvalidInput $e ) {
			/* translators: %s: what is wrong, in English */
			$invalid[] = sprintf( __( 'PILOTSYNC_REDIS_URL in wp-config.php is wrong, so domain changes wait: %s', 'pilotsync' ), $e->getMessage() );
		}
		try {
			\Pilotsync\Change::checkAppId( $this->app_id() );
		} catch ( InvalidInput $e ) {
			$invalid[] = __( 'WU_SERVER_PILOT_APP_ID is wrong, so domain changes wait. It takes the id of one app: 1 to 64 letters, digits, _ or -.', 'pilotsync' );
		}
		return $invalid;
	}

	/**
	 * The recipients of e-mail; empty if it is switched off. An invalid value, see mail_problem(), counts as not set, so that
	 * no warning is lost because of a typing mistake.
	 *
	 * @return string[] E-mail addresses.
	 */
	public function mail_to(): array {
		if ( $this->mail_off() ) {
			return array();
		}
		$set = self::addresses( self::constant( 'PILOTSYNC_MAIL_TO' ) );
		return $set && '' === $this->mail_problem() ? $set : array_filter( array( (string) Installation::get( 'admin_email' ) ), 'is_email' );
	}

	/** Whether PILOTSYNC_MAIL_TO says "off". */
	public function mail_off(): bool {
		return defined( 'PILOTSYNC_MAIL_TO' ) && ( false === PILOTSYNC_MAIL_TO || 'off' === strtolower( self::constant( 'PILOTSYNC_MAIL_TO' ) ) );
	}

	/** What is wrong with PILOTSYNC_MAIL_TO, and the remedy; empty if it is right. */
	public function mail_problem(): string {
		if ( $this->mail_off() ) {
			return '';
		}
		foreach ( self::addresses( self::constant( 'PILOTSYNC_MAIL_TO' ) ) as $address ) {
			if ( ! is_email( $address ) ) {
				/* translators: %s: a value in PILOTSYNC_MAIL_TO that is not an e-mail address */
				return sprintf( __( 'PILOTSYNC_MAIL_TO in wp-config.php has "%s", which is not an e-mail address. Set it to one or several addresses with commas between them, or to off.', 'pilotsync' ), $address );
			}
		}
		return '';
	}

	/** Whether the plugin is switched off by PILOTSYNC_DISABLED. */
	public function off(): bool {
		return self::yes( 'PILOTSYNC_DISABLED' );
	}

	/** Whether pilotsync may use the object cache's own database. */
	public function shared_redis(): bool {
		return self::yes( 'PILOTSYNC_SHARED_REDIS' );
	}

	/** Whether a constant says yes: true, 1, "true", "yes" or "on". Many set constants from the environment, as text. */
	private static function yes( string $constant ): bool {
		return defined( $constant ) && filter_var( constant( $constant ), FILTER_VALIDATE_BOOLEAN );
	}

	/**
	 * The missing settings that are required to enqueue anything.
	 *
	 * @return string[] A sentence for each.
	 */
	public function missing(): array {
		$missing = array();
		if ( '' === $this->redis_url() ) {
			$missing[] = __( 'The constant PILOTSYNC_REDIS_URL is not set in wp-config.php.', 'pilotsync' );
		}
		if ( '' === $this->app_id() ) {
			$missing[] = __( 'The id of the ServerPilot app is not known: set the constant WU_SERVER_PILOT_APP_ID in wp-config.php, or configure the ServerPilot integration of Ultimate Multisite.', 'pilotsync' );
		}
		return $missing;
	}

	/**
	 * The values in PILOTSYNC_WEBHOOK_SECRET.
	 *
	 * @return string[]
	 */
	private static function secrets(): array {
		return Signature::split( self::constant( 'PILOTSYNC_WEBHOOK_SECRET' ) );
	}

	/**
	 * The values between the commas.
	 *
	 * @return string[]
	 */
	private static function addresses( string $list ): array {
		return array_filter( array_map( 'trim', explode( ',', $list ) ), 'strlen' );
	}

	private static function constant( string $name ): string {
		return defined( $name ) && is_scalar( constant( $name ) ) ? trim( (string) constant( $name ) ) : '';
	}
}
