<?php
/**
 * What the network administrator gets by e-mail.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/** Writes the e-mails. They are plain text, name the network in the subject, and hold no secret. */
final class Mails {

	/** @var MailQueue */
	private $queue;

	public function __construct( MailQueue $queue ) {
		$this->queue = $queue;
	}

	/**
	 * The app's changes don't go through.
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
				sprintf( __( 'Since %1$s no domain changes go through to ServerPilot for the app %2$s. They wait, and none is lost. Sites that work go on working.', 'pilotsync' ), self::time( $event ), $event->app_id ),
				self::cause( $event->reason ),
				self::remedy( __( 'Check the API key, the account\'s payment and the app in ServerPilot. The command "pilotsync doctor" on the worker\'s machine says what is wrong. Once it is right, the changes go through by themselves.', 'pilotsync' ) ),
			)
		);
	}

	/**
	 * They go through again.
	 *
	 * @param Event $event An app.recovered.
	 * @throws \RuntimeException If it could not be saved.
	 */
	public function recovered( Event $event ): void {
		$this->put(
			self::about( $event ),
			__( 'Domain changes go through again', 'pilotsync' ),
			array(
				/* translators: 1: time, 2: id of an app */
				sprintf( __( 'Since %1$s domain changes go through to ServerPilot again for the app %2$s. Nothing has to be done.', 'pilotsync' ), self::time( $event ), $event->app_id ),
			)
		);
	}

	/** pilotsync lost what it knew, by whatever way that was noticed. */
	public function ledger_lost( $ledger ): void {
		try {
			$this->put(
				'ledger.lost ' . substr( md5( (string) $ledger ), 0, 20 ),
				__( 'pilotsync lost its ledger', 'pilotsync' ),
				array(
					__( 'Redis lost what pilotsync knew of this network\'s domains. All mapped domains are being handed over again by themselves. Sites go on being served, and no name is taken off a list.', 'pilotsync' ),
					self::cause( __( 'Redis was emptied, restarted without its data, or replaced by another.', 'pilotsync' ) ),
					self::remedy( __( 'Find out why, or it happens again: pilotsync needs a Redis of its own, apart from WordPress\'s object cache, with "appendonly yes" and "maxmemory-policy noeviction". The command "pilotsync doctor" checks that.', 'pilotsync' ) ),
				)
			);
		} catch ( \RuntimeException $e ) {
			Log::general( $e->getMessage(), 'error' ); // Handing over is what matters.
		}
	}

	/**
	 * Puts an e-mail into the queue.
	 *
	 * @param string   $about      The matter: two e-mails about the same are one.
	 * @param string   $subject    Without the network's name.
	 * @param string[] $paragraphs Plain text.
	 * @throws \RuntimeException If it could not be saved.
	 */
	public function put( string $about, string $subject, array $paragraphs ): void {
		$this->queue->put( $about, self::subject( $subject ), self::body( $paragraphs ) );
	}

	/** The line that says why. */
	public static function cause( string $text ): string {
		/* translators: %s: why something doesn't work */
		return sprintf( __( 'Cause: %s', 'pilotsync' ), $text );
	}

	/** The line that says what to do. */
	public static function remedy( string $text ): string {
		/* translators: %s: what to do about it */
		return sprintf( __( 'Remedy: %s', 'pilotsync' ), $text );
	}

	/** What an e-mail about an event is about: one that comes twice has the same time. */
	private static function about( Event $event ): string {
		return $event->type . ' ' . $event->at;
	}

	private static function subject( string $subject ): string {
		return '[' . self::network() . '] ' . $subject;
	}

	private static function body( array $paragraphs ): string {
		/* translators: 1: the network's name, 2: the network's address */
		$paragraphs[] = '-- ' . "\n" . sprintf( __( 'The plugin pilotsync of %1$s, %2$s', 'pilotsync' ), self::network(), get_home_url( Installation::main_site_id(), '/' ) )
			. "\n" . __( 'PILOTSYNC_MAIL_TO in wp-config.php sets who gets these e-mails; "off" ends them.', 'pilotsync' );
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
