<?php
/**
 * Changes on their way to Redis.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

use Pilotsync\Exception\InvalidInput;
use Pilotsync\Exception\NotEnqueued;
use Pilotsync\Exception\PilotsyncException;
use Pilotsync\Exception\TaskExists;

/**
 * Every change goes through a table of WordPress's database, and from there into Redis at once, in the order in which it
 * came. What Redis doesn't take stays there: so no change is lost or overtaken by a later one while Redis is down. One
 * process empties the table at a time, and order numbers are taken only then.
 */
class Outbox {

	/** How many changes are sent at once. */
	const BATCH = 500;

	/** How long a process waits for another that is sending, in seconds. */
	const WAIT = 5;

	/** How long nobody tries again after a failure, in seconds, unless asked to: each try may take two. */
	const REST = 10;

	/** @var Settings */
	private $settings;

	/** @var Retry */
	private $retry;

	/** @var Domains */
	private $domains;

	/** @var \Pilotsync\Client|null The client that sent something last; null once the ledger was checked. */
	private $used;

	/** @var callable|null Takes the identity of pilotsync's ledger. */
	private $watch;

	public function __construct( Settings $settings, Retry $retry, Domains $domains ) {
		$this->settings = $settings;
		$this->retry    = $retry;
		$this->domains  = $domains;
	}

	/**
	 * Has the ledger's identity shown to a callback after something was sent.
	 *
	 * @param callable $watch Takes the identity; it may send more.
	 */
	public function watch( callable $watch ): void {
		$this->watch = $watch;
	}

	/**
	 * Puts changes at the end. One that says what the last waiting one of its domain says isn't put there again.
	 *
	 * @param array $changes Each: add, remove, adopt or verify; name; always, main_only or never; id of the site.
	 * @throws \RuntimeException If the database doesn't take them.
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
	 * Sends what waits, in order, and says whether all of it was sent. What can't be sent is tried again later.
	 *
	 * @param bool $now Also right after a failure.
	 */
	public function flush( bool $now = false ): bool {
		$trouble = $this->trouble();
		if ( $trouble && ! $now && time() - $trouble['last'] < self::REST ) {
			$this->retry->schedule();
			return false;
		}
		$empty = Lock::hold( 'outbox', self::WAIT, array( $this, 'send' ) );
		if ( true !== $empty ) {
			$this->retry->schedule();
		}
		$this->show_ledger();
		return true === $empty;
	}

	private function show_ledger(): void {
		list( $client, $this->used ) = array( $this->used, null );
		if ( null === $client || null === $this->watch ) {
			return;
		}
		try {
			call_user_func( $this->watch, $client->ledger() );
		} catch ( PilotsyncException $e ) { // phpcs:ignore Generic.CodeAnalysis.EmptyStatement
			// What was sent was sent.
		} catch ( \RuntimeException $e ) {
			Log::general( $e->getMessage(), 'error' );
		}
	}

	/**
	 * Sends what waits; only under the lock.
	 *
	 * @return bool Whether nothing is left.
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
			$trouble = $this->trouble();
			Installation::set(
				Schema::TROUBLE,
				array(
					'since'   => $trouble ? $trouble['since'] : time(),
					'last'    => time(),
					'message' => $e->getMessage(),
				)
			);
			if ( ! $trouble ) {
				Log::general( $e->getMessage(), 'error' );
			}
			return false;
		}
		if ( $this->trouble() ) {
			Installation::delete( Schema::TROUBLE );
		}
		return true;
	}

	/**
	 * The first changes that wait.
	 *
	 * @param int $limit How many at most.
	 * @return object[] id, kind, domain, www, site_id, created_at.
	 * @throws TableFault If the database doesn't say: then the outbox may not be empty.
	 */
	public function waiting( int $limit ): array {
		global $wpdb;
		$rows = $wpdb->get_results( $wpdb->prepare( 'SELECT * FROM ' . Schema::outbox() . ' ORDER BY id LIMIT %d', $limit ) ); // phpcs:ignore WordPress.DB.PreparedSQL
		self::need_answer();
		return (array) $rows;
	}

	/**
	 * How many changes wait.
	 *
	 * @throws TableFault If the database doesn't say.
	 */
	public function count(): int {
		global $wpdb;
		$n = $wpdb->get_var( 'SELECT COUNT(*) FROM ' . Schema::outbox() ); // phpcs:ignore WordPress.DB.PreparedSQL
		self::need_answer();
		return (int) $n;
	}

	/** After an error wpdb returns nothing, as it does where there is nothing. */
	private static function need_answer(): void {
		global $wpdb;
		if ( '' !== (string) $wpdb->last_error ) {
			/* translators: %s: the database's message */
			throw new TableFault( sprintf( __( 'The outbox could not be read: %s', 'pilotsync' ), $wpdb->last_error ) );
		}
	}

	/**
	 * Why the outbox couldn't be sent when it was last tried; null if it could.
	 *
	 * @return array{since: int, last: int, message: string}|null
	 */
	public function trouble() {
		$trouble = Installation::get( Schema::TROUBLE );
		return is_array( $trouble ) ? $trouble : null;
	}

	/** The library's client; it connects when it is used. */
	public function client(): \Pilotsync\Client {
		return new \Pilotsync\Client( $this->settings->redis_url(), $this->settings->app_id() );
	}

	/**
	 * Sends rows and deletes those that were sent, or that never can be.
	 *
	 * @param \Pilotsync\Client $client The client.
	 * @param object[]          $rows   In order.
	 * @throws NotEnqueued If some weren't sent.
	 */
	private function send_rows( \Pilotsync\Client $client, array $rows ): void {
		$requests = array();
		foreach ( $rows as $row ) {
			if ( 'remove' === $row->kind && Mapping::has_site( $row->domain ) ) {
				// It waited, and the name was mapped again meanwhile: its site is served.
				Log::domain( $row->domain, __( 'Not removed: it is mapped again.', 'pilotsync' ) );
				$this->delete( array( $row->id ) );
				continue;
			}
			$requests[ $row->id ] = array(
				'domain'  => $row->domain,
				'remove'  => 'remove' === $row->kind,
				'www'     => $row->www,
				'site_id' => (int) $row->site_id,
				// A verification leaves the domain's names as they are.
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
			$wrong = $e->errors();
			if ( ! $wrong ) {
				throw $e;
			}
			// These would hold up all others for ever. The others are sent in the next round.
			foreach ( $wrong as $id => $error ) {
				$this->refuse( $requests[ $id ]['domain'], $error->getMessage() );
			}
			$this->delete( array_keys( $wrong ) );
			return;
		} catch ( TaskExists $e ) {
			// The same order number twice: all others were sent, and these must get new ones.
			$this->delete( $this->sent( $e ) );
			return;
		} catch ( NotEnqueued $e ) {
			$this->delete( $this->sent( $e ) );
			throw $e;
		}
		$this->delete( array_keys( $requests ) );
	}

	/**
	 * The changes that got through before it failed.
	 *
	 * @param NotEnqueued $e What the client said.
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
	 * Writes the tasks' ids to the domains' logs: by them the workers' log lines of a change are found.
	 *
	 * @param \Pilotsync\Receipt[] $receipts What became of the changes.
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
			// To go on would send them again and again.
			/* translators: %s: the database's message */
			throw new TableFault( sprintf( __( 'The database did not delete what was sent: %s', 'pilotsync' ), $wpdb->last_error ) );
		}
	}

	/** What becomes of a name that is no host name. */
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
			Log::domain( $domain, $e->getMessage(), 'error' ); // The others go on.
		}
		Log::domain( $domain, $reason, 'error' );
	}
}
