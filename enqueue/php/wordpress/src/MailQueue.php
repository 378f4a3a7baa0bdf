<?php
/**
 * The queue of e-mails.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/**
 * E-mail to the network administrator goes through a table. A refused e-mail is retried hourly for a day. Each matter, such
 * as one event, gets one e-mail, even if it is reported often: sent e-mails stay in the table for a month.
 */
final class MailQueue {

	/** How often an e-mail is tried. */
	const TRIES = 24;

	/** @var Settings */
	private $settings;

	public function __construct( Settings $settings ) {
		$this->settings = $settings;
	}

	/**
	 * Queues an e-mail, unless there was one about the same matter, or e-mail is off.
	 *
	 * @param string $about   The matter: at most 100 characters of ASCII.
	 * @param string $subject One line.
	 * @param string $body    Plain text.
	 * @throws \RuntimeException If the database fails.
	 */
	public function put( string $about, string $subject, string $body ): void {
		global $wpdb;
		if ( ! $this->settings->mail_to() ) {
			return;
		}
		$sql  = 'INSERT IGNORE INTO ' . Schema::mail() . ' (about, subject, body, created_at) VALUES (%s, %s, %s, %d)';
		$done = $wpdb->query( $wpdb->prepare( $sql, $about, $subject, $body, time() ) ); // phpcs:ignore WordPress.DB.PreparedSQL
		if ( false === $done ) {
			/* translators: %s: the database's message */
			throw new \RuntimeException( sprintf( __( 'The database did not save an e-mail: %s', 'pilotsync' ), $wpdb->last_error ) );
		}
	}

	/** Sends the waiting e-mails, unless another process is sending. */
	public function send(): void {
		Lock::hold(
			'mail',
			0,
			function () {
				global $wpdb;
				$table = Schema::mail();
				$wpdb->query( $wpdb->prepare( "DELETE FROM $table WHERE created_at < %d", time() - 30 * DAY_IN_SECONDS ) ); // phpcs:ignore WordPress.DB.PreparedSQL
				foreach ( $this->waiting() as $mail ) {
					// Counted before it is sent, so that an e-mail that crashes the process isn't tried for ever.
					$wpdb->update( $table, array( 'tries' => $mail->tries + 1 ), array( 'id' => $mail->id ) );
					if ( $this->deliver( $mail ) ) {
						$wpdb->update( $table, array( 'sent_at' => time() ), array( 'id' => $mail->id ) );
					}
				}
				return true;
			}
		);
	}

	/** How many e-mails were refused and not sent since. */
	public function refused(): int {
		global $wpdb;
		return (int) $wpdb->get_var( 'SELECT COUNT(*) FROM ' . Schema::mail() . ' WHERE sent_at = 0 AND tries > 0' ); // phpcs:ignore WordPress.DB.PreparedSQL
	}

	private function waiting(): array {
		global $wpdb;
		// One try an hour, even if this is called more often.
		$sql = 'SELECT * FROM ' . Schema::mail() . ' WHERE sent_at = 0 AND tries < %d AND created_at + tries * 3600 <= %d ORDER BY id LIMIT 20';
		return (array) $wpdb->get_results( $wpdb->prepare( $sql, self::TRIES, time() ) ); // phpcs:ignore WordPress.DB.PreparedSQL
	}

	private function deliver( object $mail ): bool {
		$to = $this->settings->mail_to();
		if ( ! $to ) {
			return true; // E-mail was switched off meanwhile.
		}
		$cause  = '';
		$record = static function ( $error ) use ( &$cause ) {
			$cause = is_wp_error( $error ) ? $error->get_error_message() : '';
		};
		add_action( 'wp_mail_failed', $record );
		try {
			$sent = (bool) wp_mail( $to, $mail->subject, $mail->body, array( 'Content-Type: text/plain; charset=UTF-8' ) );
		} catch ( \Throwable $e ) { // A mail plugin's bug must not make the worker send its event again.
			$sent  = false;
			$cause = $e->getMessage();
		}
		remove_action( 'wp_mail_failed', $record );
		if ( ! $sent ) {
			/* translators: 1: subject of an e-mail, 2: the mail server's message; may be empty */
			Log::general( sprintf( __( 'The e-mail "%1$s" could not be sent: %2$s', 'pilotsync' ), $mail->subject, $cause ), 'error' );
		}
		return $sent;
	}
}
