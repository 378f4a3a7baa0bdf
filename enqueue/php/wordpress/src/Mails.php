<?php
/**
 * E-mails to the network administrator.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/**
 * Writes the e-mails. They are plain text, have the network's name in the subject, and contain no
 * secrets.
 */
final class Mails {

	/** @var MailQueue */
	private $queue;

	public function __construct( MailQueue $queue ) {
		$this->queue = $queue;
	}

	/**
	 * The app is blocked.
	 *
	 * @param Event $event An app.blocked.
	 * @throws \RuntimeException If it could not be saved.
	 */
	public function blocked( Event $event ): void {
		$this->put(
			self::about( $event ),
			__( 'Domain changes are blocked', 'pilotsync' ),
			array(
				/* translators: 1: time, 2: id of an app */
				sprintf( __( 'Since %1$s, no domain changes reach ServerPilot for the app %2$s. They wait, and none is lost. Working sites keep working.', 'pilotsync' ), self::time( $event ), $event->app_id ),
				self::cause( $event->reason ),
				self::remedy( __( 'Check the API key, the account\'s card and plan, and the app in ServerPilot. The command "pilotsync doctor" on the worker\'s machine shows what is wrong. Once it is fixed, the changes continue automatically.', 'pilotsync' ) ),
			)
		);
	}

	/**
	 * The app is no longer blocked.
	 *
	 * @param Event $event An app.recovered.
	 * @throws \RuntimeException If it could not be saved.
	 */
	public function recovered( Event $event ): void {
		$this->put(
			self::about( $event ),
			__( 'Domain changes reach ServerPilot again', 'pilotsync' ),
			array(
				/* translators: 1: time, 2: id of an app */
				sprintf( __( 'Since %1$s, domain changes reach ServerPilot again for the app %2$s. You need not do anything.', 'pilotsync' ), self::time( $event ), $event->app_id ),
			)
		);
	}

	/** pilotsync lost its ledger. */
	public function ledger_lost( $ledger ): void {
		try {
			$this->put(
				'ledger.lost ' . substr( md5( (string) $ledger ), 0, 20 ),
				__( 'pilotsync lost its ledger', 'pilotsync' ),
				array(
					__( 'Redis lost what pilotsync knew of this network\'s domains. All mapped domains are being requested again automatically. Sites are still served, and no name is removed from a list.', 'pilotsync' ),
					self::cause( __( 'Redis was emptied, restarted without its data, or replaced by another.', 'pilotsync' ) ),
					self::remedy( __( 'Find the cause, or it will happen again. pilotsync needs its own Redis, separate from WordPress\'s object cache, with "appendonly yes" and "maxmemory-policy noeviction". The command "pilotsync doctor" checks that.', 'pilotsync' ) ),
				)
			);
		} catch ( \RuntimeException $e ) {
			Log::general( $e->getMessage(), 'error' ); // The handover must continue.
		}
	}

	/**
	 * Queues an e-mail.
	 *
	 * @param string   $about      The matter; each matter gets one e-mail.
	 * @param string   $subject    Without the network's name.
	 * @param string[] $paragraphs Plain text.
	 * @throws \RuntimeException If it could not be saved.
	 */
	public function put( string $about, string $subject, array $paragraphs ): void {
		$this->queue->put( $about, self::subject( $subject ), self::body( $paragraphs ) );
	}

	/** The line with the cause. */
	public static function cause( string $text ): string {
		/* translators: %s: why something doesn't work */
		return sprintf( __( 'Cause: %s', 'pilotsync' ), $text );
	}

	/** The line with the remedy. */
	public static function remedy( string $text ): string {
		/* translators: %s: what to do about it */
		return sprintf( __( 'Remedy: %s', 'pilotsync' ), $text );
	}

	/** The matter of an e-mail about an event. A repeated event has the same time. */
	private static function about( Event $event ): string {
		return $event->type . ' ' . $event->at;
	}

	private static function subject( string $subject ): string {
		return '[' . self::network() . '] ' . $subject;
	}

	private static function body( array $paragraphs ): string {
		/* translators: 1: the network's name, 2: the network's address */
		$paragraphs[] = '-- ' . "\n" . sprintf( __( 'The plugin pilotsync of %1$s, %2$s', 'pilotsync' ), self::network(), get_home_url( Installation::main_site_id(), '/' ) )
			. "\n" . __( 'PILOTSYNC_MAIL_TO in wp-config.php sets the recipients of these e-mails; "off" stops them.', 'pilotsync' );
		return implode( "\n\n", $paragraphs ) . "\n";
	}

	/** The main network's name, in one line. */
	private static function network(): string {
		return trim( preg_replace( '/\s+/', ' ', wp_specialchars_decode( (string) Installation::get( 'site_name' ), ENT_QUOTES ) ) );
	}

	private static function time( Event $event ): string {
		return Notices::local( (int) strtotime( $event->at ) );
	}
}
