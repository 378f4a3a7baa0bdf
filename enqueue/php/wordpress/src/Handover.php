<?php
/**
 * What follows from a lost ledger.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

use Pilotsync\Client;
use Pilotsync\Exception\PilotsyncException;

/**
 * Remembers which ledger the network's domains were handed over to. If pilotsync has another one, Redis lost its data, or
 * another Redis took its place: then all mapped domains are handed over again, once, as `wp pilotsync resync --adopt` does.
 * It continues where it stopped, a few seconds at a time.
 */
final class Handover {

	/** How many mappings are put into the outbox at a time. */
	const PAGE = 100;

	/** For how long one request hands over, in seconds; the rest follows on schedule. A webhook may take 20. */
	const BUDGET = 5;

	/** @var Outbox */
	private $outbox;

	/** @var Retry */
	private $retry;

	/** @var bool Whether this request hands over already. */
	private $running = false;

	public function __construct( Outbox $outbox, Retry $retry ) {
		$this->outbox = $outbox;
		$this->retry  = $retry;
	}

	/** Asks Redis which ledger it has, and hands over if it is another. Redis may be away. */
	public function check(): void {
		try {
			$this->seen( $this->outbox->client()->ledger() );
		} catch ( PilotsyncException $e ) { // phpcs:ignore Generic.CodeAnalysis.EmptyStatement
			// The next check asks again.
		}
	}

	/**
	 * Takes the event that tells of a lost ledger. Redis itself knows better which one it has by now.
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
			// Then the event's will do.
		}
		return $this->seen( $ledger, true );
	}

	/**
	 * Compares a ledger with the one that is remembered.
	 *
	 * @param string $ledger Its identity; empty if it isn't known.
	 * @param bool   $lost   Whether a worker said that the one before was lost; else the first one seen is just remembered.
	 * @return bool Whether it is another.
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
		// The new Redis's clock may be behind the old one's, and what blocked the app may be over.
		Domains::forget_times();
		Installation::delete( Schema::APP );
		Log::general( __( 'pilotsync lost its ledger: all mapped domains are handed over again.', 'pilotsync' ), 'error' );
		/**
		 * pilotsync lost its ledger, and the mapped domains are about to be handed over again.
		 *
		 * @param string $ledger The new ledger's identity.
		 */
		do_action( 'pilotsync_ledger_lost', $ledger );
		$this->run();
		return true;
	}

	/** Continues a handover that is not finished. */
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
	 * @return bool Whether all is handed over.
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
				return false; // Lost once more meanwhile: restarted.
			}
			self::save( $state );
			if ( ! $this->outbox->flush( true ) || microtime( true ) > $until ) {
				return false;
			}
		}
		return $this->outbox->flush( true ) && $this->finish( $state['to'] );
	}

	/**
	 * Says that all is handed over, also to pilotsync.
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
		Log::general( __( 'All mapped domains were handed over again.', 'pilotsync' ) );
		return true;
	}

	/**
	 * What is remembered.
	 *
	 * @return array{id: string, to: string, after: int} The ledger that has the network's domains; the one that they are
	 *                                                   being handed over to, if any; the last mapping that was.
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
