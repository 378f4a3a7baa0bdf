<?php
/**
 * What wp-config.php, or Ultimate Multisite's wizard, says.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

use Pilotsync\Exception\InvalidInput;

/** The settings that the plugin reads: constants, and those that Ultimate Multisite stores. */
final class Settings {

	/** Where the queue is: the same Redis that the workers use. */
	public function redis_url(): string {
		return self::constant( 'PILOTSYNC_REDIS_URL' );
	}

	/** ServerPilot's id of the app whose list the network's domains are on. */
	public function app_id(): string {
		return self::serverpilot( 'WU_SERVER_PILOT_APP_ID' );
	}

	/** Whether the app's id is the one that Ultimate Multisite stored, since there is no constant. */
	public function app_id_is_stored(): bool {
		return '' === self::constant( 'WU_SERVER_PILOT_APP_ID' );
	}

	/**
	 * A setting of ServerPilot: the constant, or else what Ultimate Multisite's wizard stored.
	 *
	 * @param string $constant WU_SERVER_PILOT_APP_ID, WU_SERVER_PILOT_CLIENT_ID or WU_SERVER_PILOT_API_KEY.
	 */
	public static function serverpilot( string $constant ): string {
		$value = self::constant( $constant );
		return '' === $value ? Ultimate::credential( $constant ) : $value;
	}

	/**
	 * The secrets that webhooks may be signed with: several while one replaces another. A wrong one doesn't count.
	 *
	 * @return string[]
	 */
	public function webhook_secrets(): array {
		return array_values( array_filter( self::secrets(), array( Signature::class, 'is_secret' ) ) );
	}

	/** What is wrong with PILOTSYNC_WEBHOOK_SECRET, and what to do; empty if nothing is. It doesn't show the secret. */
	public function secret_problem(): string {
		$all = self::secrets();
		foreach ( $all as $i => $secret ) {
			if ( ! Signature::is_secret( $secret ) ) {
				/* translators: 1: which secret, 2: number of secrets */
				$text = sprintf( __( 'PILOTSYNC_WEBHOOK_SECRET in wp-config.php is wrong in secret %1$d of %2$d. It takes one or several secrets with spaces between them, each whsec_ and the base64 of 24 bytes or more, the same as the workers have.', 'pilotsync' ), $i + 1, count( $all ) );
				return $this->webhook_secrets() ? $text : $text . ' ' . __( 'No secret is right, so Ultimate Multisite checks the domains itself.', 'pilotsync' );
			}
		}
		return '';
	}

	/**
	 * Settings that are there, and that nothing can work with: changes wait in the outbox.
	 *
	 * @return string[] A sentence for each.
	 */
	public function wrong(): array {
		$wrong = array();
		try {
			new \Pilotsync\RedisUrl( $this->redis_url() );
		} catch ( InvalidInput $e ) {
			/* translators: %s: what is wrong, in English */
			$wrong[] = sprintf( __( 'PILOTSYNC_REDIS_URL in wp-config.php is wrong, so domain changes wait: %s', 'pilotsync' ), $e->getMessage() );
		}
		try {
			\Pilotsync\Change::checkAppId( $this->app_id() );
		} catch ( InvalidInput $e ) {
			$wrong[] = __( 'WU_SERVER_PILOT_APP_ID is wrong, so domain changes wait. It takes the id of one app: 1 to 64 letters, digits, _ or -.', 'pilotsync' );
		}
		return $wrong;
	}

	/**
	 * Where e-mail about trouble goes; empty if it is switched off. A value that mail_problem() objects to counts as
	 * not set: bad news must not get lost over a typing mistake.
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

	/** What is wrong with PILOTSYNC_MAIL_TO, and what to do; empty if nothing is. */
	public function mail_problem(): string {
		if ( $this->mail_off() ) {
			return '';
		}
		foreach ( self::addresses( self::constant( 'PILOTSYNC_MAIL_TO' ) ) as $address ) {
			if ( ! is_email( $address ) ) {
				/* translators: %s: what stands in PILOTSYNC_MAIL_TO where an e-mail address belongs */
				return sprintf( __( 'PILOTSYNC_MAIL_TO in wp-config.php has "%s", which is not an e-mail address. Set it to one or several addresses with commas between them, or to off.', 'pilotsync' ), $address );
			}
		}
		return '';
	}

	/** Whether the network switched the plugin off without removing it. */
	public function off(): bool {
		return self::yes( 'PILOTSYNC_DISABLED' );
	}

	/** Whether the network wants pilotsync in the object cache's own database nevertheless. */
	public function shared_redis(): bool {
		return self::yes( 'PILOTSYNC_SHARED_REDIS' );
	}

	/** Whether a constant says yes: true, 1, "true", "yes" or "on". Many set constants from the environment, as text. */
	private static function yes( string $constant ): bool {
		return defined( $constant ) && filter_var( constant( $constant ), FILTER_VALIDATE_BOOLEAN );
	}

	/**
	 * Which settings aren't there without which nothing can be enqueued.
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
	 * What stands in PILOTSYNC_WEBHOOK_SECRET.
	 *
	 * @return string[]
	 */
	private static function secrets(): array {
		return preg_split( '/\s+/', self::constant( 'PILOTSYNC_WEBHOOK_SECRET' ), -1, PREG_SPLIT_NO_EMPTY );
	}

	/**
	 * What stands between the commas.
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
