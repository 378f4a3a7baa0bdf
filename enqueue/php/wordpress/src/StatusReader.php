<?php
/**
 * The status of domains.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

use Pilotsync\Exception\InvalidInput;
use Pilotsync\Exception\PilotsyncException;

/**
 * Redis has the current status: events contain only states, and the reason changes more often. While Redis doesn't answer,
 * the last event is used.
 */
final class StatusReader {

	/** Seconds in which no page queries Redis after it did not answer. */
	const SKIP_REDIS = 30;

	/** @var Settings */
	private $settings;
	/** @var Domains */
	private $domains;
	/** @var \Pilotsync\Client|null */
	private $client;

	public function __construct( Settings $settings, Domains $domains ) {
		$this->settings = $settings;
		$this->domains  = $domains;
	}

	/**
	 * The status of a domain; null if it is unknown. It waits for Redis for up to four seconds, once in half a minute.
	 *
	 * @param string $domain The name.
	 */
	public function of( string $domain ): ?DomainStatus {
		if ( (int) Installation::get( Schema::AWAY ) < time() ) {
			try {
				return $this->from_redis( $domain );
			} catch ( PilotsyncException $e ) {
				Installation::set( Schema::AWAY, time() + self::SKIP_REDIS );
			}
		}
		$row = $this->domains->find( self::ascii( $domain ) );
		return $row && '' !== (string) $row->state ? Domains::status( $row ) : null;
	}

	/**
	 * The status of a domain from Redis. Redis forgets a domain some time after it was rejected or removed. Then it is that of
	 * the last event.
	 *
	 * @param string $domain The name.
	 * @throws PilotsyncException If Redis doesn't answer.
	 */
	public function from_redis( string $domain ): ?DomainStatus {
		$this->client = $this->client ? $this->client : new \Pilotsync\Client( $this->settings->redis_url(), $this->settings->app_id() );
		try {
			$status = $this->client->status( $domain );
		} catch ( InvalidInput $e ) {
			return new DomainStatus( 'rejected', $e->getMessage() ); // It was never enqueued.
		}
		if ( $status ) {
			return DomainStatus::of_status( $status );
		}
		$row = $this->domains->find( self::ascii( $domain ) );
		return $row && in_array( (string) $row->state, array( 'rejected', 'removed' ), true ) ? Domains::status( $row ) : null;
	}

	/** The name in the form that events have. */
	private static function ascii( string $domain ): string {
		try {
			return \Pilotsync\Hostname::parse( $domain );
		} catch ( InvalidInput $e ) {
			return $domain;
		}
	}
}
