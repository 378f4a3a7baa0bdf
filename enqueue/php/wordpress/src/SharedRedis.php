<?php
/**
 * Whether pilotsync's Redis database is its own.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

use Pilotsync\Connection;
use Pilotsync\ErrorReply;
use Pilotsync\Exception\InvalidInput;
use Pilotsync\Exception\RedisRefused;
use Pilotsync\RedisUrl;

/** Says who else uses the database, and what to change. A flush by another program deletes the queue and the ledger. */
final class SharedRedis {

	/** How keys of asynq, of pilotsync and of its rate limiter begin. */
	const OWN = '/^(asynq|pilotsync|rate):/';

	/** How many keys are asked for at a time, and how often: Redis answers each time in about a millisecond. */
	const COUNT  = 1000;
	const ROUNDS = 10;

	/** @var Settings */
	private $settings;

	public function __construct( Settings $settings ) {
		$this->settings = $settings;
	}

	/** Says that the object cache uses the same database; empty if it doesn't. It asks no server. */
	public function with_cache(): string {
		try {
			$url = new RedisUrl( $this->settings->redis_url() );
		} catch ( InvalidInput $e ) {
			return ''; // The outbox says so.
		}
		$place = ObjectCache::shared( $url, ObjectCache::constants(), ObjectCache::object() );
		if ( '' === $place ) {
			return '';
		}
		$other     = clone $url;
		$other->db = $url->db + 1;
		return sprintf(
			/* translators: 1: a place such as "tcp 127.0.0.1:6379 0", 2: a URL */
			__( 'PILOTSYNC_REDIS_URL names the Redis database that WordPress\'s object cache uses (%1$s). Each flush of the cache would delete the queue and the ledger, so Ultimate Multisite\'s own ServerPilot integration stays in charge. Give pilotsync a Redis of its own, or at least another database, such as %2$s. Set it in PILOTSYNC_REDIS_URL and in the workers\' REDIS_URL, with the user and password as before. PILOTSYNC_SHARED_REDIS = true overrides this.', 'pilotsync' ),
			$place,
			(string) $other
		);
	}

	/**
	 * Looks for keys of other programs in pilotsync's database.
	 *
	 * @param Connection $redis Its first command was answered.
	 * @return array{bool, string} Whether there are none, and a sentence.
	 */
	public function keys( Connection $redis ): array {
		$foreign = array();
		$seen    = 0;
		$cursor  = '0';
		for ( $round = 0; $round < self::ROUNDS; $round++ ) {
			try {
				$reply = $redis->pipeline( array( array( 'SCAN', $cursor, 'COUNT', (string) self::COUNT ) ) )[0];
			} catch ( RedisRefused $e ) { // In phpredis a refusal of rights is an exception.
				$reply = null;
			}
			if ( $reply instanceof ErrorReply || ! is_array( $reply ) || 2 !== count( $reply ) ) {
				return array( true, __( 'This user of Redis may not list keys, so the keys of other programs were not checked. "pilotsync doctor" can do it as another user.', 'pilotsync' ) );
			}
			foreach ( (array) $reply[1] as $key ) {
				$seen++;
				if ( ! preg_match( self::OWN, (string) $key ) ) {
					$foreign[] = (string) $key;
				}
			}
			$cursor = (string) $reply[0];
			if ( '0' === $cursor ) {
				break;
			}
		}
		return $this->judge( $foreign, $seen );
	}

	/**
	 * Judges the keys that were found.
	 *
	 * @param string[] $foreign Those of other programs.
	 * @param int      $seen    How many were checked.
	 * @return array{bool, string}
	 */
	private function judge( array $foreign, int $seen ): array {
		if ( ! $foreign ) {
			return array( true, __( 'No other program has keys in this database.', 'pilotsync' ) );
		}
		// What is behind the first colon may be somebody's secret, such as the id of a session.
		$kinds = array();
		foreach ( $foreign as $key ) {
			$kinds[ substr( preg_replace( '/[^A-Za-z0-9_.-].*/s', '', $key ), 0, 20 ) . '…' ] = true;
		}
		return array(
			$this->settings->shared_redis(),
			sprintf(
				/* translators: 1: number of keys, 2: number of keys, 3: beginnings of keys */
				__( '%1$d of the %2$d keys checked in this database belong to other programs (%3$s). If one of them empties the database, as caches do, queue and ledger are lost. Give pilotsync a Redis of its own, or at least another database.', 'pilotsync' ),
				count( $foreign ),
				$seen,
				implode( ', ', array_slice( array_keys( $kinds ), 0, 3 ) )
			),
		);
	}
}
