<?php
/**
 * The outbox: changes that aren't in Redis yet.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

use Pilotsync\Exception\InvalidInput;
use Pilotsync\Exception\NotEnqueued;
use Pilotsync\Exception\PilotsyncException;
use Pilotsync\Exception\TaskExists;

/**
 * Every change goes through a table of WordPress's database and from there immediately to Redis, in order. A change that
 * can't be sent stays in the table, so while Redis is down no change is lost or overtaken by a later one. One process at a
 * time empties the table, and only then are order numbers taken.
 */
class Outbox {

	/** How many changes are sent at a time. */
	const BATCH = 500;

	/** How long a process waits for another one that is sending, in seconds. */
	const WAIT = 5;

	/** How long requests don't retry after a failure, in seconds, since each try may take two. Others can force a retry. */
	const BACKOFF = 10;

	/** @var Settings */
	private $settings;

	/** @var Retry */
	private $retry;

	/** @var Domains */
	private $domains;

	/** @var \Pilotsync\Client|null The client that last sent something; null after the ledger was checked. */
	private $used;

	/** @var callable|null Receives the identity of pilotsync's ledger. */
	private $watch;

	public function __construct( Settings $settings, Retry $retry, Domains $domains ) {
		$this->settings = $settings;
		$this->retry    = $retry;
		$this->domains  = $domains;
	}

	/**
	 * Calls a callback with the ledger's identity after each send.
	 *
	 * @param callable $watch Receives the identity; it may send more.
	 */
	public function watch( callable $watch ): void {
		$this->watch = $watch;
	}

	/**
	 * Appends changes. A change that equals the last waiting one of its domain is skipped.
	 *
	 * @param array $changes Each: add, remove, adopt or verify; name; always, main_only or never; id of the site.
	 * @throws \RuntimeException If the database fails.
	 */
	public function put( array $changes ): void {
		global $wpdb;
		$table = Schema::outbox();
		foreach ( $changes as list( $kind, $domain, $www, $site_id ) ) {
			$waiting = $wpdb->get_row( $wpdb->prepare( "SELECT kind, www, site_id FROM $table WHERE domain = %s ORDER BY id DESC LIMIT 1", $domain ) ); // phpcs:ignore WordPress.DB.PreparedSQL
			if ( $waiting && $waiting->kind === $kind && $waiting->www === $www && (int) $waiting->site_id === $site_id ) {
				continue;
			}
			$row = compact( 'kind', 'domain', 'www', 'site_id' ) + array( 'created_at' => gmdate( 'Y-m-d H:i:s' ) );
			if ( strlen( $domain ) > 253 || false === $wpdb->insert( $table, $row ) ) {
				/* translators: 1: add, remove, adopt or verify, 2: domain name, 3: the database's message */
				throw new \RuntimeException( sprintf( __( 'The change (%1$s %2$s) could not be put into the outbox: %3$s', 'pilotsync' ), $kind, $domain, $wpdb->last_error ) );
			}
		}
	}

	/**
	 * Sends the waiting changes in order, and returns whether all of them were sent. Others are retried later.
	 *
	 * @param bool $now Also during the backoff after a failure.
	 */
	public function flush( bool $now = false ): bool {
		$failure = $this->failure();
		if ( $failure && ! $now && time() - $failure['last'] < self::BACKOFF ) {
			$this->retry->schedule();
			return false;
		}
		$empty = Lock::hold( 'outbox', self::WAIT, array( $this, 'send' ) );
		if ( true !== $empty ) {
			$this->retry->schedule();
		}
		$this->report_ledger();
		return true === $empty;
	}

	private function report_ledger(): void {
		list( $client, $this->used ) = array( $this->used, null );
		if ( null === $client || null === $this->watch ) {
			return;
		}
		try {
			call_user_func( $this->watch, $client->ledger() );
		} catch ( PilotsyncException $e ) { // phpcs:ignore Generic.CodeAnalysis.EmptyStatement
			// The changes were sent nevertheless.
		} catch ( \RuntimeException $e ) {
			Log::general( $e->getMessage(), 'error' );
		}
	}

	/**
	 * Sends the waiting changes; only under the lock.
	 *
	 * @return bool Whether the outbox is empty.
	 */
	public function send(): bool {
		try {
			$client = null;
			while ( $rows = $this->waiting( self::BATCH ) ) { // phpcs:ignore
				$client = $client ? $client : $this->client();
				$this->send_rows( $client, $rows );
				$this->used = $client;
			}
		} catch ( PilotsyncException $e ) {
			$failure = $this->failure();
			Installation::set(
				Schema::FAILURE,
				array(
					'since'   => $failure ? $failure['since'] : time(),
					'last'    => time(),
					'message' => $e->getMessage(),
				)
			);
			if ( ! $failure ) {
				Log::general( $e->getMessage(), 'error' );
			}
			return false;
		}
		if ( $this->failure() ) {
			Installation::delete( Schema::FAILURE );
		}
		return true;
	}

	/**
	 * The first waiting changes.
	 *
	 * @param int $limit How many at most.
	 * @return object[] id, kind, domain, www, site_id, created_at.
	 * @throws DatabaseError If the database fails, so that the outbox may not be empty.
	 */
	public function waiting( int $limit ): array {
		global $wpdb;
		$rows = $wpdb->get_results( $wpdb->prepare( 'SELECT * FROM ' . Schema::outbox() . ' ORDER BY id LIMIT %d', $limit ) ); // phpcs:ignore WordPress.DB.PreparedSQL
		self::require_answer();
		return (array) $rows;
	}

	/**
	 * How many changes wait.
	 *
	 * @throws DatabaseError If the database fails.
	 */
	public function count(): int {
		global $wpdb;
		$n = $wpdb->get_var( 'SELECT COUNT(*) FROM ' . Schema::outbox() ); // phpcs:ignore WordPress.DB.PreparedSQL
		self::require_answer();
		return (int) $n;
	}

	/** wpdb returns the same after an error as for an empty result. */
	private static function require_answer(): void {
		global $wpdb;
		if ( '' !== (string) $wpdb->last_error ) {
			/* translators: %s: the database's message */
			throw new DatabaseError( sprintf( __( 'The outbox could not be read: %s', 'pilotsync' ), $wpdb->last_error ) );
		}
	}

	/**
	 * The failure of the last try to send the outbox; null if it succeeded.
	 *
	 * @return array{since: int, last: int, message: string}|null
	 */
	public function failure() {
		$failure = Installation::get( Schema::FAILURE );
		return is_array( $failure ) ? $failure : null;
	}

	/** The library's client; it connects on first use. */
	public function client(): \Pilotsync\Client {
		return new \Pilotsync\Client( $this->settings->redis_url(), $this->settings->app_id() );
	}

	/**
	 * Sends rows, and deletes those that were sent or that can never be sent.
	 *
	 * @param \Pilotsync\Client $client The client.
	 * @param object[]          $rows   In order.
	 * @throws NotEnqueued If some weren't sent.
	 */
	private function send_rows( \Pilotsync\Client $client, array $rows ): void {
		$requests = array();
		foreach ( $rows as $row ) {
			if ( 'remove' === $row->kind && Mapping::has_site( $row->domain ) ) {
				// The name was mapped again while its removal waited, and its site is served.
				Log::domain( $row->domain, __( 'Not removed: it is mapped again.', 'pilotsync' ) );
				$this->delete( array( $row->id ) );
				continue;
			}
			$requests[ $row->id ] = array(
				'domain'  => $row->domain,
				'remove'  => 'remove' === $row->kind,
				'www'     => $row->www,
				'site_id' => (int) $row->site_id,
				// A verification must not change the domain's names.
				'adopt'   => in_array( $row->kind, array( 'adopt', 'verify' ), true ),
				'verify'  => 'verify' === $row->kind,
			);
			if ( 'remove' !== $row->kind ) {
				$requests[ $row->id ]['attempts'] = Ultimate::attempts( $row->domain );
			}
		}
		if ( ! $requests ) {
			return;
		}
		try {
			$this->log( $client->enqueue( $requests ) );
		} catch ( InvalidInput $e ) {
			$invalid = $e->errors();
			if ( ! $invalid ) {
				throw $e;
			}
			// These would block all others for ever. The others are sent in the next round.
			foreach ( $invalid as $id => $error ) {
				$this->refuse( $requests[ $id ]['domain'], $error->getMessage() );
			}
			$this->delete( array_keys( $invalid ) );
			return;
		} catch ( TaskExists $e ) {
			// An order number was given out twice. All others were sent; these need new numbers.
			$this->delete( $this->sent( $e ) );
			return;
		} catch ( NotEnqueued $e ) {
			$this->delete( $this->sent( $e ) );
			throw $e;
		}
		$this->delete( array_keys( $requests ) );
	}

	/**
	 * The changes that were sent before a failure.
	 *
	 * @param NotEnqueued $e The client's exception.
	 * @return int[]
	 */
	private function sent( NotEnqueued $e ): array {
		$this->log( $e->receipts() );
		return array_keys(
			array_filter(
				$e->receipts(),
				static function ( $receipt ) {
					return '' !== $receipt->taskId; // phpcs:ignore WordPress.NamingConventions
				}
			)
		);
	}

	/**
	 * Writes the tasks' ids to the domains' logs. The workers' log lines of a change have the same id.
	 *
	 * @param \Pilotsync\Receipt[] $receipts The results of the changes.
	 */
	private function log( array $receipts ): void {
		foreach ( $receipts as $receipt ) {
			if ( '' !== $receipt->taskId ) { // phpcs:ignore WordPress.NamingConventions
				/* translators: %s: a task's id */
				Log::domain( $receipt->domain, sprintf( __( 'Enqueued as %s', 'pilotsync' ), $receipt->taskId ) ); // phpcs:ignore WordPress.NamingConventions
			}
		}
	}

	private function delete( array $ids ): void {
		global $wpdb;
		if ( ! $ids ) {
			return;
		}
		$done = $wpdb->query( 'DELETE FROM ' . Schema::outbox() . ' WHERE id IN (' . implode( ',', array_map( 'intval', $ids ) ) . ')' ); // phpcs:ignore WordPress.DB.PreparedSQL
		if ( false === $done ) {
			// Otherwise they would be sent again and again.
			/* translators: %s: the database's message */
			throw new DatabaseError( sprintf( __( 'The database did not delete sent changes: %s', 'pilotsync' ), $wpdb->last_error ) );
		}
	}

	/** Records that a name is not a valid host name. */
	private function refuse( string $domain, string $reason ): void {
		$mapping = Mapping::fresh( $domain );
		$active  = $mapping && Mapping::is_active( $mapping );
		try {
			if ( $mapping && ! $active ) {
				Mapping::save( $mapping, 'failed' );
			} elseif ( $active ) {
				/* translators: 1: what is wrong with a domain, 2: a stage */
				$reason = sprintf( __( '%1$s. The site is still served, in stage %2$s.', 'pilotsync' ), rtrim( $reason, '.' ), $mapping->get_stage() );
			}
			$this->domains->note_refused( $domain, $reason, $active );
		} catch ( \RuntimeException $e ) {
			Log::domain( $domain, $e->getMessage(), 'error' ); // The other changes must continue.
		}
		Log::domain( $domain, $reason, 'error' );
	}
}
