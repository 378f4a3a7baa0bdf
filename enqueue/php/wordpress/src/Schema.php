<?php
/**
 * The plugin's tables and options.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/** The tables. The whole installation has one of each. */
final class Schema {

	const VERSION = '5';
	const OPTION  = 'pilotsync_schema';

	/** How many bytes a column of type text holds. */
	const TEXT = 65535;

	/** Options of the main network besides the schema's version. */
	const FAILURE = 'pilotsync_trouble'; // Why the outbox can't be sent: since, last (times), message.
	const DIGEST  = 'pilotsync_digest';  // See Digest.
	const APP     = 'pilotsync_app';     // The last event about the app: app_id, type, at, reason.
	const ARRIVED = 'pilotsync_arrived'; // When the last event arrived, whatever it was about: seconds since 1970.
	const LEDGER  = 'pilotsync_ledger';  // See Handover.
	const AWAY    = 'pilotsync_redis_away'; // After a failure of Redis: until when no page waits for it, in seconds since 1970.

	/** An option of each network, which is set while the plugin works there. */
	const WORKS = 'pilotsync_works';

	/** The table of changes that are not in Redis yet, in order. */
	public static function outbox(): string {
		global $wpdb;
		return $wpdb->base_prefix . 'pilotsync_outbox';
	}

	/** See Domains. */
	public static function domains(): string {
		global $wpdb;
		return $wpdb->base_prefix . 'pilotsync_domains';
	}

	/** See MailQueue. */
	public static function mail(): string {
		global $wpdb;
		return $wpdb->base_prefix . 'pilotsync_mail';
	}

	/**
	 * Creates or updates the tables. A must-use plugin is never activated, so every request
	 * checks the version.
	 */
	public static function install(): void {
		if ( Installation::get( self::OPTION ) === self::VERSION ) {
			return;
		}
		global $wpdb;
		require_once ABSPATH . 'wp-admin/includes/upgrade.php';
		$charset = $wpdb->get_charset_collate();
		$outbox  = self::outbox();
		$domains = self::domains();
		$mail    = self::mail();
		dbDelta(
			"CREATE TABLE $outbox (
			id bigint(20) unsigned NOT NULL AUTO_INCREMENT,
			kind varchar(6) NOT NULL,
			domain varchar(253) NOT NULL,
			www varchar(9) NOT NULL DEFAULT '',
			site_id bigint(20) unsigned NOT NULL DEFAULT 0,
			created_at datetime NOT NULL,
			PRIMARY KEY  (id),
			KEY domain (domain(100))
			) ENGINE=InnoDB $charset;"
		);
		dbDelta(
			"CREATE TABLE $domains (
			hash char(32) NOT NULL,
			domain varchar(253) NOT NULL,
			at varchar(32) NOT NULL DEFAULT '',
			renamed_at bigint(20) unsigned NOT NULL DEFAULT 0,
			removed_at bigint(20) unsigned NOT NULL DEFAULT 0,
			asked_at bigint(20) unsigned NOT NULL DEFAULT 0,
			state varchar(20) NOT NULL DEFAULT '',
			reason text NULL,
			causes text NULL,
			problem tinyint(1) NOT NULL DEFAULT 0,
			PRIMARY KEY  (hash),
			KEY problem (problem)
			) ENGINE=InnoDB $charset;"
		);
		dbDelta(
			"CREATE TABLE $mail (
			id bigint(20) unsigned NOT NULL AUTO_INCREMENT,
			about varchar(100) NOT NULL,
			subject text NOT NULL,
			body mediumtext NOT NULL,
			tries int(10) unsigned NOT NULL DEFAULT 0,
			created_at bigint(20) unsigned NOT NULL,
			sent_at bigint(20) unsigned NOT NULL DEFAULT 0,
			PRIMARY KEY  (id),
			UNIQUE KEY about (about)
			) ENGINE=InnoDB $charset;"
		);
		foreach ( array( $outbox, $domains, $mail ) as $table ) {
			if ( $wpdb->get_var( $wpdb->prepare( 'SHOW TABLES LIKE %s', $wpdb->esc_like( $table ) ) ) !== $table ) {
				return; // The next request tries again.
			}
		}
		if ( null === $wpdb->get_var( "SHOW COLUMNS FROM $domains LIKE 'causes'" ) ) { // phpcs:ignore WordPress.DB.PreparedSQL
			return; // It came with version 5.
		}
		Installation::set( self::OPTION, self::VERSION );
	}

	/** Deletes the tables and options. */
	public static function drop(): void {
		global $wpdb;
		$wpdb->query( 'DROP TABLE IF EXISTS ' . self::outbox() );  // phpcs:ignore WordPress.DB
		$wpdb->query( 'DROP TABLE IF EXISTS ' . self::domains() ); // phpcs:ignore WordPress.DB
		$wpdb->query( 'DROP TABLE IF EXISTS ' . self::mail() );    // phpcs:ignore WordPress.DB
		// Earlier releases stored them in each network.
		foreach ( Installation::networks() as $network ) {
			foreach ( array( self::OPTION, self::FAILURE, self::APP, self::ARRIVED, self::DIGEST, self::LEDGER, self::AWAY, self::WORKS ) as $option ) {
				delete_network_option( $network, $option );
			}
		}
	}
}
