<?php
/**
 * The command `wp pilotsync`.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

use Pilotsync\Exception\PilotsyncException;

/**
 * Shows and repairs the connection between this network and pilotsync.
 */
final class Command {

	/** @var Settings */
	private $settings;
	/** @var Outbox */
	private $outbox;
	/** @var Checks */
	private $checks;

	public function __construct( Settings $settings, Outbox $outbox, Checks $checks ) {
		$this->settings = $settings;
		$this->outbox   = $outbox;
		$this->checks   = $checks;
	}

	/**
	 * Checks the settings, Redis, whether workers are running, and the app.
	 *
	 * @param array $args  None.
	 * @param array $assoc None.
	 */
	public function test( $args, $assoc ): void { // phpcs:ignore
		$failed = 0;
		foreach ( $this->checks->run() as list( $what, $ok, $sentence ) ) {
			$failed += $ok ? 0 : 1;
			\WP_CLI::line( sprintf( '%-6s %s: %s', $ok ? 'ok' : 'WRONG', $what, $sentence ) );
		}
		if ( $failed ) {
			\WP_CLI::error( __( 'Some checks failed; see above.', 'pilotsync' ) );
		}
		\WP_CLI::success( __( 'All checks passed.', 'pilotsync' ) );
	}

	/**
	 * Shows the status of domains.
	 *
	 * ## OPTIONS
	 *
	 * [<domain>]
	 * : One domain. All mapped ones if left out.
	 *
	 * [--format=<format>]
	 * : table, json, csv or yaml.
	 * ---
	 * default: table
	 * ---
	 *
	 * @param array $args  The domain.
	 * @param array $assoc The format.
	 */
	public function status( $args, $assoc ): void {
		$this->require_settings();
		$rows = array();
		try {
			$names  = $args ? $args : array_column( Mapping::all(), 0 );
			$client = new \Pilotsync\Client( $this->settings->redis_url(), $this->settings->app_id() );
			foreach ( $names as $name ) {
				$rows[] = self::row( $name, $client );
			}
		} catch ( PilotsyncException $e ) {
			\WP_CLI::error( $e->getMessage() );
		}
		\WP_CLI\Utils\format_items( isset( $assoc['format'] ) ? $assoc['format'] : 'table', $rows, array( 'domain', 'state', 'stage', 'names', 'attempt', 'cause', 'reason', 'remedy', 'updated_at', 'next_check_at' ) );
	}

	/**
	 * Enqueues every mapped domain of the network, as after the installation. Domains that are already right don't change.
	 *
	 * A www form that was removed on its own comes back if the network's setting gives one.
	 *
	 * ## OPTIONS
	 *
	 * [--[no-]subsites]
	 * : From 2.4 on Ultimate Multisite gives each new site a mapping of its own name, such as site.network.example. By default these are enqueued, as all mappings are. --subsites also enqueues the names of sites without such a mapping, as older sites are. --no-subsites enqueues none of them, for an app whose list has a wildcard instead.
	 *
	 * [--adopt]
	 * : Import domains that are already on the app's list: a domain gets a www form only if the list has it. Other domains are added as usual.
	 *
	 * @param array $args  None.
	 * @param array $assoc Whether to enqueue subsites, and whether to import.
	 */
	public function resync( $args, $assoc ): void { // phpcs:ignore
		$this->require_settings();
		try {
			list( $domains, $left ) = Mapping::with_site();
		} catch ( DatabaseError $e ) {
			\WP_CLI::error( $e->getMessage() );
		}
		foreach ( $left as $name ) {
			/* translators: %s: domain name */
			\WP_CLI::line( sprintf( __( 'Skipped: %s. The site of this mapping no longer exists.', 'pilotsync' ), $name ) );
		}
		if ( isset( $assoc['subsites'] ) ) {
			$subsites = self::subsites();
			$site_of  = array_column( $subsites, 1, 0 );
			$domains  = $assoc['subsites'] ? array_merge( $domains, $subsites ) : array_filter(
				$domains,
				static function ( $mapping ) use ( $site_of ) {
					list( $name, $site_id ) = $mapping;
					return ! isset( $site_of[ $name ] ) || $site_of[ $name ] !== $site_id || ! Changes::is_own( $name );
				}
			);
		}
		$kind    = empty( $assoc['adopt'] ) ? 'add' : 'adopt';
		$changes = array();
		foreach ( $domains as list( $name, $site_id ) ) {
			$name             = strtolower( $name );
			$changes[ $name ] = Changes::of( $kind, $name, $site_id );
		}
		try {
			$this->outbox->put( array_values( $changes ) );
		} catch ( \RuntimeException $e ) {
			\WP_CLI::error( $e->getMessage() );
		}
		$this->send();
		/* translators: %d: number of domains */
		\WP_CLI::success( sprintf( _n( '%d domain enqueued.', '%d domains enqueued.', count( $changes ), 'pilotsync' ), count( $changes ) ) );
	}

	/**
	 * Shows the changes that aren't in Redis yet.
	 *
	 * ## OPTIONS
	 *
	 * [--send]
	 * : Try to send them now.
	 *
	 * [--format=<format>]
	 * : table, json, csv or yaml.
	 * ---
	 * default: table
	 * ---
	 *
	 * @param array $args  None.
	 * @param array $assoc Whether to send, and the format.
	 */
	public function outbox( $args, $assoc ): void { // phpcs:ignore
		$this->require_settings();
		if ( ! empty( $assoc['send'] ) ) {
			$this->send();
		}
		try {
			$rows = array_map( 'get_object_vars', $this->outbox->waiting( 1000 ) );
		} catch ( DatabaseError $e ) {
			\WP_CLI::error( $e->getMessage() );
		}
		\WP_CLI\Utils\format_items( isset( $assoc['format'] ) ? $assoc['format'] : 'table', $rows, array( 'id', 'kind', 'domain', 'www', 'site_id', 'created_at' ) );
	}

	/**
	 * Prints the settings that a worker of this network needs, as lines NAME='value'.
	 *
	 * ServerPilot's settings come from the constants, or from Ultimate Multisite's wizard.
	 *
	 * ## OPTIONS
	 *
	 * [--secrets]
	 * : Also print the API key, the webhooks' secret and Redis's address, which may contain a password.
	 *
	 * @param array $args  None.
	 * @param array $assoc Whether secrets, too.
	 */
	public function env( $args, $assoc ): void { // phpcs:ignore
		$settings = array(
			'WU_SERVER_PILOT_CLIENT_ID' => array( Settings::serverpilot( 'WU_SERVER_PILOT_CLIENT_ID' ), false ),
			'WU_SERVER_PILOT_APP_ID'    => array( $this->settings->app_id(), false ),
			'WU_SERVER_PILOT_API_KEY'   => array( Settings::serverpilot( 'WU_SERVER_PILOT_API_KEY' ), true ),
			'REDIS_URL'                 => array( $this->settings->redis_url(), true ),
			'PILOTSYNC_WEBHOOK_URL'     => array( Webhook::url(), false ),
			'PILOTSYNC_WEBHOOK_SECRET'  => array( implode( ' ', $this->settings->webhook_secrets() ), true ),
		);
		foreach ( $settings as $name => list( $value, $secret ) ) {
			if ( '' === $value ) {
				/* translators: %s: name of a setting */
				\WP_CLI::line( '# ' . sprintf( __( '%s is not set', 'pilotsync' ), $name ) );
			} elseif ( $secret && empty( $assoc['secrets'] ) ) {
				/* translators: %s: name of a setting */
				\WP_CLI::line( '# ' . sprintf( __( '%s is set; --secrets shows it', 'pilotsync' ), $name ) );
			} else {
				\WP_CLI::line( $name . "='" . str_replace( "'", "'\\''", $value ) . "'" );
			}
		}
	}

	private function send(): void {
		if ( $this->outbox->flush( true ) ) {
			return;
		}
		$failure = $this->outbox->failure();
		try {
			/* translators: 1: number of changes, 2: reason */
			$message = sprintf( __( '%1$d changes are kept and sent later: %2$s', 'pilotsync' ), $this->outbox->count(), $failure ? $failure['message'] : __( 'another process is sending', 'pilotsync' ) );
		} catch ( DatabaseError $e ) {
			$message = $e->getMessage();
		}
		\WP_CLI::error( $message );
	}

	/**
	 * The own names of the sites, and the sites.
	 *
	 * @return array<array{string, int}>
	 */
	private static function subsites(): array {
		$main     = array();
		$subsites = array();
		foreach ( Installation::networks() as $network ) {
			$main[] = get_site( get_main_site_id( $network ) )->domain;
		}
		foreach ( get_sites( array( 'number' => 0 ) ) as $site ) {
			if ( ! in_array( $site->domain, $main, true ) ) {
				$subsites[] = array( $site->domain, (int) $site->blog_id );
			}
		}
		return $subsites;
	}

	private function require_settings(): void {
		$problems = $this->checks->problems();
		if ( $problems ) {
			\WP_CLI::error( implode( ' ', $problems ) );
		}
	}

	private static function row( string $name, \Pilotsync\Client $client ): array {
		$mapping = Mapping::find( $name );
		$row     = array(
			'domain'        => $name,
			'state'         => '',
			'stage'         => $mapping ? $mapping->get_stage() : '',
			'names'         => '',
			'attempt'       => '',
			'cause'         => '',
			'reason'        => '',
			'remedy'        => '',
			'updated_at'    => '',
			'next_check_at' => '',
		);
		try {
			$status = $client->status( $name );
		} catch ( \Pilotsync\Exception\InvalidInput $e ) {
			return array( 'reason' => $e->getMessage() ) + $row;
		}
		if ( null === $status ) {
			return array( 'reason' => __( 'No worker knows it yet.', 'pilotsync' ) ) + $row;
		}
		list( $reason, $remedy ) = Sentences::for_operator( DomainStatus::of_status( $status ) );
		return array(
			'state'         => $status['state'],
			'names'         => implode( ' ', $status['names'] ),
			/* translators: 1: number of an attempt, 2: how many there are */
			'attempt'       => null === $status['attempts'] ? (string) $status['attempt'] : sprintf( __( '%1$d of %2$d', 'pilotsync' ), $status['attempt'], $status['attempts'] ),
			'cause'         => $status['cause'] ?? '',
			'reason'        => $reason,
			'remedy'        => $remedy,
			'updated_at'    => $status['updated_at'],
			'next_check_at' => (string) $status['next_check_at'],
		) + $row;
	}
}
