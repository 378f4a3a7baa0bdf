<?php
/**
 * Checks of the whole setup.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

use Pilotsync\Connection;
use Pilotsync\Exception\PilotsyncException;
use Pilotsync\PhpredisConnection;
use Pilotsync\PredisConnection;
use Pilotsync\RedisUrl;
use Pilotsync\Sentinels;

/** The checks that `wp pilotsync test` and Site Health share. */
final class Checks {

	/** @var Settings */
	private $settings;
	/** @var Outbox */
	private $outbox;
	/** @var MailQueue */
	private $mail;
	/** @var string[] */
	private $problems;

	public function __construct( Settings $settings, Outbox $outbox, MailQueue $mail, array $problems ) {
		$this->settings = $settings;
		$this->outbox   = $outbox;
		$this->mail     = $mail;
		$this->problems = $problems;
	}

	/**
	 * Why the plugin isn't active here; empty if it is.
	 *
	 * @return string[]
	 */
	public function problems(): array {
		return $this->problems;
	}

	/**
	 * Runs the checks. It takes up to four seconds if Redis doesn't answer.
	 *
	 * @return array<array{string, bool, string}> The subject; whether it is right; a sentence.
	 */
	public function run(): array {
		if ( $this->problems ) {
			return array( array( __( 'Settings', 'pilotsync' ), false, implode( ' ', $this->problems ) ) );
		}
		$results   = array( $this->app_id(), $this->webhooks() );
		$results   = array_merge( $results, $this->redis() );
		$results[] = $this->waiting();
		$results[] = $this->mail();
		return $results;
	}

	/** The app and the source of its id, or the invalid settings. */
	private function app_id(): array {
		$invalid = $this->settings->invalid();
		if ( $invalid ) {
			return array( __( 'Settings', 'pilotsync' ), false, implode( ' ', $invalid ) );
		}
		/* translators: %s: id of an app */
		$sentence = $this->settings->app_id_is_stored() ? __( 'The app is %s, as stored by Ultimate Multisite\'s ServerPilot integration.', 'pilotsync' )
			/* translators: %s: id of an app */
			: __( 'The app is %s, as set in wp-config.php.', 'pilotsync' );
		return array( __( 'Settings', 'pilotsync' ), true, sprintf( $sentence, $this->settings->app_id() ) );
	}

	private function webhooks(): array {
		$webhooks = __( 'Webhooks', 'pilotsync' );
		$problem  = $this->settings->secret_problem();
		if ( '' !== $problem ) {
			return array( $webhooks, false, $problem );
		}
		if ( ! $this->settings->webhook_secrets() ) {
			/* translators: %s: address */
			return array( $webhooks, false, sprintf( __( 'PILOTSYNC_WEBHOOK_SECRET is not set, so no domain gets its stage from pilotsync. The address for the workers is %s', 'pilotsync' ), Webhook::url() ) );
		}
		$arrived = (int) Installation::get( Schema::ARRIVED );
		if ( 0 === $arrived ) {
			/* translators: %s: address */
			return array( $webhooks, true, sprintf( __( 'No event has arrived yet. They are expected at %s', 'pilotsync' ), Webhook::url() ) );
		}
		return array(
			$webhooks,
			true,
			sprintf(
				/* translators: 1: time span such as "5 minutes", 2: date and time, 3: address */
				__( 'The last event arrived %1$s ago, on %2$s. They are expected at %3$s', 'pilotsync' ),
				human_time_diff( $arrived ),
				(string) wp_date( get_option( 'date_format' ) . ' ' . get_option( 'time_format' ), $arrived ),
				Webhook::url()
			),
		);
	}

	private function redis(): array {
		$redis   = __( 'Redis', 'pilotsync' );
		$workers = __( 'Workers', 'pilotsync' );
		$app     = __( 'App', 'pilotsync' );
		$id      = $this->settings->app_id();
		try {
			$connection                     = $this->connect();
			list( $time, $alive, $failure ) = $connection->pipeline(
				array(
					array( 'TIME' ),
					// asynq's servers, scored by the time at which they expire.
					array( 'ZRANGEBYSCORE', 'asynq:servers', (string) time(), '+inf' ),
					array( 'HGET', 'pilotsync:{' . $id . '}:sync', 'trouble' ),
				)
			);
			$keys = ( new SharedRedis( $this->settings ) )->keys( $connection );
		} catch ( PilotsyncException $e ) {
			return array( array( $redis, false, $e->getMessage() ) );
		}
		if ( ! is_array( $time ) || ! is_array( $alive ) ) {
			return array( array( $redis, false, __( 'It answers, but it is not Redis.', 'pilotsync' ) ) );
		}
		// A worker process has several servers, one for each queue.
		$processes = array();
		foreach ( $alive as $key ) {
			if ( preg_match( '/\{([^{}]*:\d+):[^{}:]*\}/', (string) $key, $part ) ) {
				$processes[ $part[1] ] = true;
			}
		}
		$n = count( $processes );
		/* translators: %d: number of workers */
		$running = sprintf( _n( '%d worker is running.', '%d workers are running.', $n, 'pilotsync' ), $n );
		/* translators: %s: id of an app */
		$fine = sprintf( __( 'There are no errors for %s.', 'pilotsync' ), $id );
		return array(
			array( $redis, true, __( 'It answers.', 'pilotsync' ) ),
			array( __( 'Keys in Redis', 'pilotsync' ), $keys[0], $keys[1] ),
			array( $workers, $n > 0, $n > 0 ? $running : __( 'No worker is running. Changes wait in Redis until one runs.', 'pilotsync' ) ),
			array( $app, ! is_string( $failure ) || '' === $failure, is_string( $failure ) && '' !== $failure ? $id . ': ' . $failure : $fine ),
		);
	}

	private function waiting(): array {
		try {
			$n = $this->outbox->count();
		} catch ( DatabaseError $e ) {
			return array( __( 'Outbox', 'pilotsync' ), false, $e->getMessage() );
		}
		$failure = $this->outbox->failure();
		return array(
			__( 'Outbox', 'pilotsync' ),
			0 === $n,
			0 === $n ? __( 'It is empty.', 'pilotsync' )
				/* translators: %d: number of changes */
				: sprintf( _n( '%d change waits.', '%d changes wait.', $n, 'pilotsync' ), $n ) . ( $failure ? ' ' . $failure['message'] : '' ),
		);
	}

	private function mail(): array {
		$what    = __( 'E-mail', 'pilotsync' );
		$to      = implode( ', ', $this->settings->mail_to() );
		$problem = $this->settings->mail_problem();
		if ( $this->settings->mail_off() ) {
			return array( $what, true, __( 'PILOTSYNC_MAIL_TO switches it off.', 'pilotsync' ) );
		}
		if ( '' === $to ) {
			return array( $what, false, trim( $problem . ' ' . __( 'It is not sent: the network has no valid admin e-mail. Set one in the network\'s settings, or PILOTSYNC_MAIL_TO.', 'pilotsync' ) ) );
		}
		if ( '' !== $problem ) {
			/* translators: %s: e-mail address */
			return array( $what, false, $problem . ' ' . sprintf( __( 'Until then e-mail goes to %s.', 'pilotsync' ), $to ) );
		}
		$n = $this->mail->refused();
		if ( $n > 0 ) {
			/* translators: %d: number of e-mails */
			return array( $what, false, sprintf( _n( '%d e-mail could not be sent; the log has the cause.', '%d e-mails could not be sent; the log has the cause.', $n, 'pilotsync' ), $n ) );
		}
		/* translators: %s: e-mail addresses */
		return array( $what, true, sprintf( __( 'It goes to %s.', 'pilotsync' ), $to ) );
	}

	private function connect(): Connection {
		$connect = static function ( RedisUrl $url ): Connection {
			return class_exists( 'Redis', false ) || ! class_exists( 'Predis\Client' ) ? new PhpredisConnection( $url ) : new PredisConnection( $url );
		};
		$url     = new RedisUrl( $this->settings->redis_url() );
		return $connect( $url->sentinels ? Sentinels::master( $url, $connect ) : $url );
	}
}
