<?php
/**
 * A stand-in for the drop-in of a cache plugin: WordPress's own cache, whose flush also empties a Redis database, like
 * redis-cache's. It stores nothing in Redis. It uses the test's Redis; the file cache-database has the number of its
 * database and the password of its user admin.
 *
 * phpcs:disable
 */

// WordPress's functions around the cache object, with another object.
eval( str_replace( array( '<?php', 'new WP_Object_Cache()' ), array( '', 'new Test_Redis_Cache()' ), file_get_contents( ABSPATH . WPINC . '/cache.php' ) ) );
require_once ABSPATH . WPINC . '/class-wp-object-cache.php';

class Test_Redis_Cache extends WP_Object_Cache {
	private $client;

	public function __construct() {
		$url          = parse_url( getenv( 'TEST_REDIS_URL' ) );
		$this->client = new Redis();
		$this->client->connect( $url['host'], $url['port'] );
		list( $database, $password ) = explode( ' ', file_get_contents( ABSPATH . 'cache-database' ) );
		$this->client->auth( array( 'admin', $password ) );
		$this->client->select( (int) $database );
	}

	public function flush() {
		$this->client->flushDB();
		return parent::flush();
	}
}
