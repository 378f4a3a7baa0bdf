<?php
/**
 * Recovery from a lost ledger.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

use Pilotsync\Client;
use Pilotsync\Exception\PilotsyncException;

/**
 * Stores the identity of the ledger that has the network's domains. If pilotsync has another ledger, Redis lost its data or
 * was replaced. Then the handover requests all mapped domains again, as `wp pilotsync resync --adopt` does. It works for a
 * few seconds at a time and continues where it stopped.
 */
final class Handover {

	/** How many mappings are put into the outbox at a time. */
	const PAGE = 100;

	/**
	 * For how long one request works, in seconds; a scheduled request continues. A webhook may
	 * take 20.
	 */
	const BUDGET = 5;

	/** @var Outbox */
	private $outbox;

	/** @var Retry */
	private $retry;

	/** @var bool Whether this request is already handing over. */
	private $running = false;

	public function __construct( Outbox $outbox, Retry $retry ) {
		$this->outbox = $outbox;
		$this->retry  = $retry;
	}

	/** Reads the ledger's identity from Redis, and hands over if it changed. Redis may be away. */
	public function check(): void {
		try {
			$this->seen( $this->outbox->client()->ledger() );
		} catch ( PilotsyncException $e ) { // phpcs:ignore Generic.CodeAnalysis.EmptyStatement
			// The next check tries again.
		}
	}

	/**
	 * Handles the event about a lost ledger. The identity in Redis is newer than the event's.
	 *
	 * @param string $ledger Its identity, as the event has it.
	 * @return bool Whether it was news.
	 * @throws \RuntimeException If it could not be saved.
	 */
	public function lost( string $ledger ): bool {
		try {
			$now    = $this->outbox->client()->ledger();
			$ledger = '' === $now ? $ledger : $now;
		} catch ( PilotsyncException $e ) { // phpcs:ignore Generic.CodeAnalysis.EmptyStatement
			// The event's identity is good enough.
		}
		return $this->seen( $ledger, true );
	}

	/**
	 * Compares a ledger with the stored one.
	 *
	 * @param string $ledger Its identity; empty if it isn't known.
	 * @param bool   $lost   Whether a worker reported a loss; otherwise the first identity is only stored.
	 * @return bool Whether it changed.
	 * @throws \RuntimeException If it could not be saved.
	 */
	public function seen( string $ledger, bool $lost = false ): bool {
		$state = self::state();
		if ( '' === $ledger || $ledger === $state['to'] || $ledger === $state['id'] && '' === $state['to'] ) {
			if ( '' !== $state['to'] ) {
				$this->run();
			}
			return false;
		}
		if ( '' === $state['id'] && '' === $state['to'] && ! $lost ) {
			self::save( array( 'id' => $ledger ) + $state );
			return false;
		}
		self::save(
			array(
				'to'    => $ledger,
				'after' => 0,
			) + $state
		);
		// The new Redis's clock may be behind the old one's, and the app may no longer be blocked.
		Domains::forget_times();
		Installation::delete( Schema::APP );
		Log::general( __( 'pilotsync lost its ledger: all mapped domains are requested again.', 'pilotsync' ), 'error' );
		/**
		 * pilotsync lost its ledger, and the plugin is about to request the mapped domains again.
		 *
		 * @param string $ledger The new ledger's identity.
		 */
		do_action( 'pilotsync_ledger_lost', $ledger );
		$this->run();
		return true;
	}

	/** Continues an unfinished handover. */
	public function run(): void {
		if ( $this->running || '' === self::state()['to'] ) {
			return;
		}
		$this->running = true;
		try {
			$done = Lock::hold( 'handover', 0, array( $this, 'hand_over' ) );
		} finally {
			$this->running = false;
		}
		if ( true !== $done ) {
			$this->retry->schedule();
		}
	}

	/**
	 * Hands over for some seconds; only under the lock.
	 *
	 * @return bool Whether the handover is complete.
	 */
	public function hand_over(): bool {
		$until = microtime( true ) + self::BUDGET;
		$state = self::state();
		$left  = array_filter(
			Mapping::with_site()[0],
			static function ( $mapping ) use ( $state ) {
				return $mapping[2] > $state['after'];
			}
		);
		foreach ( array_chunk( $left, self::PAGE ) as $page ) {
			$changes = array();
			foreach ( $page as list( $name, $site_id, $id ) ) {
				$changes[]      = Changes::of( 'adopt', strtolower( $name ), $site_id );
				$state['after'] = max( $state['after'], $id );
			}
			$this->outbox->put( $changes );
			if ( self::state()['to'] !== $state['to'] ) {
				return false; // Another loss restarted the handover.
			}
			self::save( $state );
			if ( ! $this->outbox->flush( true ) || microtime( true ) > $until ) {
				return false;
			}
		}
		return $this->outbox->flush( true ) && $this->finish( $state['to'] );
	}

	/**
	 * Records the end of the handover, also in pilotsync.
	 *
	 * @param string $ledger The ledger's identity.
	 */
	private function finish( string $ledger ): bool {
		try {
			$this->outbox->client()->handedOver( $ledger );
		} catch ( PilotsyncException $e ) {
			return false;
		}
		self::save(
			array(
				'id'    => $ledger,
				'to'    => '',
				'after' => 0,
			)
		);
		Log::general( __( 'All mapped domains were requested again.', 'pilotsync' ) );
		return true;
	}

	/**
	 * The stored state.
	 *
	 * @return array{id: string, to: string, after: int} The ledger that has the network's domains; the target of a running
	 *                                                   handover, if any; the last mapping that was handed over.
	 */
	private static function state(): array {
		$state = Installation::get( Schema::LEDGER );
		return ( is_array( $state ) ? $state : array() ) + array(
			'id'    => '',
			'to'    => '',
			'after' => 0,
		);
	}

	private static function save( array $state ): void {
		Installation::set( Schema::LEDGER, $state );
	}
}
