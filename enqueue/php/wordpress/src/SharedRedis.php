<?php
/**
 * Whether other programs use pilotsync's Redis database.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

use Pilotsync\Connection;
use Pilotsync\ErrorReply;
use Pilotsync\Exception\InvalidInput;
use Pilotsync\Exception\RedisRefused;
use Pilotsync\RedisUrl;

/**
 * Reports which other programs use the database, and the remedy. A flush by another program
 * deletes the queue and the ledger.
 */
final class SharedRedis {

	/** The prefixes of the keys of asynq, of pilotsync and of its rate limiter. */
	const OWN = '/^(asynq|pilotsync|rate):/';

	/** How many keys are scanned in a round, and how many rounds. Each takes Redis about a millisecond. */
	const COUNT  = 1000;
	const ROUNDS = 10;

	/** @var Settings */
	private $settings;

	public function __construct( Settings $settings ) {
		$this->settings = $settings;
	}

	/**
	 * A warning if the object cache uses the same database; otherwise empty. It doesn't access
	 * Redis.
	 */
	public function with_cache(): string {
		try {
			$url = new RedisUrl( $this->settings->redis_url() );
		} catch ( InvalidInput $e ) {
			return ''; // The outbox reports it.
		}
		$location = ObjectCache::shared( $url, ObjectCache::constants(), ObjectCache::object() );
		if ( '' === $location ) {
			return '';
		}
		$other     = clone $url;
		$other->db = $url->db + 1;
		return sprintf(
			/* translators: 1: a location such as "tcp 127.0.0.1:6379 0", 2: a URL */
			__( 'PILOTSYNC_REDIS_URL names the Redis database that WordPress\'s object cache uses (%1$s). Each flush of the cache would delete the queue and the ledger, so Ultimate Multisite\'s own ServerPilot integration stays active. Give pilotsync its own Redis, or at least another database, such as %2$s. Set it in PILOTSYNC_REDIS_URL and in the workers\' REDIS_URL, with the user and password as before. PILOTSYNC_SHARED_REDIS = true overrides this.', 'pilotsync' ),
			$location,
			(string) $other
		);
	}

	/**
	 * Searches pilotsync's database for keys of other programs.
	 *
	 * @param Connection $redis A connection that works.
	 * @return array{bool, string} Whether there are none, and a sentence.
	 */
	public function keys( Connection $redis ): array {
		$foreign = array();
		$seen    = 0;
		$cursor  = '0';
		for ( $round = 0; $round < self::ROUNDS; $round++ ) {
			try {
				$reply = $redis->pipeline( array( array( 'SCAN', $cursor, 'COUNT', (string) self::COUNT ) ) )[0];
			} catch ( RedisRefused $e ) { // phpredis throws if the user lacks the right.
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
		return $this->evaluate( $foreign, $seen );
	}

	/**
	 * The result for the keys that were found.
	 *
	 * @param string[] $foreign The keys of other programs.
	 * @param int      $seen    How many keys were checked.
	 * @return array{bool, string}
	 */
	private function evaluate( array $foreign, int $seen ): array {
		if ( ! $foreign ) {
			return array( true, __( 'No other program has keys in this database.', 'pilotsync' ) );
		}
		// The part after the first colon may be secret, such as the id of a session.
		$kinds = array();
		foreach ( $foreign as $key ) {
			$kinds[ substr( preg_replace( '/[^A-Za-z0-9_.-].*/s', '', $key ), 0, 20 ) . '…' ] = true;
		}
		return array(
			$this->settings->shared_redis(),
			sprintf(
				/* translators: 1: number of keys, 2: number of keys, 3: beginnings of keys */
				__( '%1$d of the %2$d keys checked in this database belong to other programs (%3$s). If one of them empties the database, as caches do, the queue and the ledger are lost. Give pilotsync its own Redis, or at least another database.', 'pilotsync' ),
				count( $foreign ),
				$seen,
				implode( ', ', array_slice( array_keys( $kinds ), 0, 3 ) )
			),
		);
	}
}
