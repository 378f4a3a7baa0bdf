<?php
/**
 * The Redis database of WordPress's object cache.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

use Pilotsync\RedisUrl;

/**
 * Finds out whether the object cache uses the Redis database of a URL. A cache flushes its whole database (FLUSHDB), and
 * saving a mapping flushes the cache. That would soon delete a queue and a ledger in the same database.
 *
 * The location of a database is "tcp HOST:PORT DB", "unix PATH DB" or "sentinel HOST:PORT MASTER DB". Two databases are the
 * same if they share a location. A host's name and its address are two locations, except for this machine.
 */
final class ObjectCache {

	/** The constants with the location of a cache's Redis, without their prefix WP_REDIS_. */
	const CONSTANTS = array( 'SCHEME', 'HOST', 'PORT', 'PATH', 'DATABASE', 'SERVERS', 'SHARDS', 'CLUSTER', 'SENTINEL', 'CONFIG' );

	/** How deep in the cache object its client may be. */
	const DEPTH = 3;

	/**
	 * The location that a URL and the cache share; empty if there is none.
	 *
	 * @param RedisUrl             $url       The URL of pilotsync's database.
	 * @param array<string, mixed> $constants The defined constants WP_REDIS_*, by the rest of their name.
	 * @param mixed                $cache     The global $wp_object_cache, or null if it is WordPress's own.
	 */
	public static function shared( RedisUrl $url, array $constants, $cache ): string {
		$locations = self::live( $cache );
		if ( isset( $constants['CONFIG'] ) && is_array( $constants['CONFIG'] ) ) {
			$locations = array_merge( $locations, self::configured( self::of_config( $constants['CONFIG'] ) ) );
		}
		unset( $constants['CONFIG'] );
		// redis-cache has defaults for each of them: 127.0.0.1:6379, database 0.
		if ( $constants || is_object( $cache ) && method_exists( $cache, 'redis_instance' ) ) {
			$locations = array_merge( $locations, self::configured( $constants ) );
		}
		$shared = array_values( array_intersect( self::of_url( $url ), $locations ) );
		return $shared ? $shared[0] : '';
	}

	/**
	 * The defined constants.
	 *
	 * @return array<string, mixed>
	 */
	public static function constants(): array {
		$values = array();
		if ( defined( 'WP_REDIS_DISABLED' ) && WP_REDIS_DISABLED ) {
			return $values;
		}
		foreach ( self::CONSTANTS as $name ) {
			if ( defined( 'WP_REDIS_' . $name ) ) {
				$values[ $name ] = constant( 'WP_REDIS_' . $name );
			}
		}
		return $values;
	}

	/** The cache object; null if it is WordPress's own, which ends with the request. */
	public static function object() {
		return wp_using_ext_object_cache() && isset( $GLOBALS['wp_object_cache'] ) ? $GLOBALS['wp_object_cache'] : null;
	}

	/**
	 * The locations of a URL: one, or one for each Sentinel.
	 *
	 * @return string[]
	 */
	private static function of_url( RedisUrl $url ): array {
		if ( ! $url->sentinels ) {
			return array( self::location( $url->socket, $url->host, $url->port, $url->db ) );
		}
		$locations = array();
		foreach ( $url->sentinels as $sentinel ) {
			$locations[] = self::sentinel( $sentinel->host, $sentinel->port, $url->master, $url->db );
		}
		return $locations;
	}

	/**
	 * The locations in the constants, as redis-cache reads them.
	 *
	 * @param array<string, mixed> $constants By the rest of their name.
	 * @return string[]
	 */
	private static function configured( array $constants ): array {
		$one = array(
			'scheme'   => isset( $constants['SCHEME'] ) ? $constants['SCHEME'] : 'tcp',
			'host'     => isset( $constants['HOST'] ) ? $constants['HOST'] : '127.0.0.1',
			'port'     => isset( $constants['PORT'] ) ? $constants['PORT'] : 6379,
			'path'     => isset( $constants['PATH'] ) ? $constants['PATH'] : '',
			'database' => isset( $constants['DATABASE'] ) ? $constants['DATABASE'] : 0,
		);
		foreach ( array( 'SHARDS', 'SERVERS', 'CLUSTER' ) as $name ) {
			if ( ! isset( $constants[ $name ] ) ) {
				continue;
			}
			$locations = array();
			foreach ( is_array( $constants[ $name ] ) ? $constants[ $name ] : array() as $server ) {
				$server = self::server( $server ) + array( 'database' => 'CLUSTER' === $name ? 0 : $one['database'] );
				if ( isset( $constants['SENTINEL'] ) && 'SERVERS' === $name ) {
					$server  += array( 'port' => 26379 );
					$locations[] = self::sentinel( $server['host'], $server['port'], $constants['SENTINEL'], $server['database'] );
				} else {
					$locations[] = self::of_server( $server );
				}
			}
			return $locations;
		}
		return array( self::of_server( $one ) );
	}

	/**
	 * Converts WP_REDIS_CONFIG, the one constant of Object Cache Pro, to redis-cache's constants.
	 *
	 * @param array<string, mixed> $config Its keys are in lower case.
	 * @return array<string, mixed> The location only, since the constant also has passwords.
	 */
	private static function of_config( array $config ): array {
		$values = array_change_key_case( array_filter( $config, 'is_string', ARRAY_FILTER_USE_KEY ), CASE_UPPER );
		if ( isset( $values['URL'] ) ) {
			$server = self::server( $values['URL'] );
			$values = array_change_key_case( $server, CASE_UPPER ) + $values;
			// tcp://host:port/2, or unix:///path.
			if ( isset( $server['path'] ) && '' !== $server['host'] && '' !== trim( $server['path'], '/' ) ) {
				$values['DATABASE'] = trim( $server['path'], '/' );
			}
		}
		$socket = preg_replace( '~^unix:/*~', '/', (string) ( $values['HOST'] ?? '' ) );
		if ( '/' === substr( $socket, 0, 1 ) ) {
			$values = array(
				'SCHEME' => 'unix',
				'PATH'   => $socket,
			) + $values;
		}
		if ( isset( $values['SENTINELS'], $values['SERVICE'] ) ) {
			$values['SERVERS']  = $values['SENTINELS'];
			$values['SENTINEL'] = $values['SERVICE'];
		}
		return array_intersect_key( $values, array_flip( self::CONSTANTS ) );
	}

	/**
	 * Parses a server: tcp://host:port?database=1, unix:/path, host:port, or an array of such parts.
	 *
	 * @param mixed $server One entry of WP_REDIS_SERVERS or the like.
	 * @return array<string, mixed> The given ones of scheme, host, port, path and database; host always.
	 */
	private static function server( $server ): array {
		if ( ! is_array( $server ) ) {
			$text   = preg_replace( '~^unix:/+~i', 'unix:/', (string) $server ); // parse_url needs one slash.
			$parts  = parse_url( preg_match( '~^[a-z]+:/~i', $text ) ? $text : 'tcp://' . $text ); // phpcs:ignore WordPress.WP.AlternativeFunctions
			$server = is_array( $parts ) ? $parts : array();
			parse_str( isset( $server['query'] ) ? $server['query'] : '', $options );
			$server += $options;
		}
		return $server + array( 'host' => '' );
	}

	private static function of_server( array $server ): string {
		$server += array(
			'scheme'   => 'tcp',
			'port'     => 6379,
			'path'     => '',
			'database' => 0,
		);
		$socket  = 'unix' === strtolower( (string) $server['scheme'] ) ? (string) $server['path'] : '';
		return self::location( $socket, (string) $server['host'], (int) $server['port'], (int) $server['database'] );
	}

	/**
	 * The locations to which the cache object's clients are connected.
	 *
	 * @param mixed $cache The cache object, or null.
	 * @return string[]
	 */
	private static function live( $cache ): array {
		$locations = array();
		foreach ( self::clients( $cache, self::DEPTH ) as $client ) {
			try {
				if ( ! is_a( $client, 'Predis\Client' ) ) {
					$host     = (string) $client->getHost();
					$locations[] = self::location( '/' === substr( $host, 0, 1 ) ? $host : '', $host, (int) $client->getPort(), (int) $client->getDbNum() );
				} elseif ( is_callable( array( $client->getConnection(), 'getParameters' ) ) ) {
					$locations[] = self::of_server( $client->getConnection()->getParameters()->toArray() );
				}
			} catch ( \Throwable $e ) { // phpcs:ignore Generic.CodeAnalysis.EmptyStatement
				// It isn't connected; the constants have the location.
			}
		}
		return $locations;
	}

	/**
	 * The Redis clients of a cache object. Each drop-in has them in another property.
	 *
	 * @param mixed $value The object, or a value in it.
	 * @param int   $depth How deep to search.
	 * @return object[]
	 */
	private static function clients( $value, int $depth ): array {
		foreach ( array( 'Redis', 'Relay\Relay', 'Predis\Client' ) as $class ) {
			if ( is_a( $value, $class ) ) {
				return array( $value );
			}
		}
		// A long array is the cache's content.
		if ( 0 === $depth || ! is_object( $value ) && ! is_array( $value ) || is_array( $value ) && count( $value ) > 8 ) {
			return array();
		}
		$found = array();
		foreach ( (array) $value as $one ) {
			$found = array_merge( $found, self::clients( $one, $depth - 1 ) );
		}
		return $found;
	}

	private static function location( string $socket, string $host, int $port, int $db ): string {
		if ( '' !== $socket ) {
			return 'unix ' . preg_replace( '~^/var/run/~', '/run/', $socket ) . " $db";
		}
		return 'tcp ' . self::host( $host ) . ":$port $db";
	}

	private static function sentinel( $host, $port, $master, $db ): string {
		return 'sentinel ' . self::host( (string) $host ) . ':' . (int) $port . " $master " . (int) $db;
	}

	/** A host in one form; all names of this machine are the same. */
	private static function host( string $host ): string {
		$host = trim( (string) preg_replace( '~^[a-z]+://~', '', strtolower( $host ) ), '[].' );
		return preg_match( '/^(localhost|127\.[0-9.]+|::1|0\.0\.0\.0)$/', $host ) ? '127.0.0.1' : $host;
	}
}
