package doctor

import (
	"strings"
	"testing"

	"pilotsync/internal/wpconfig"
)

func TestACacheInPilotsyncsRedisDatabaseIsFoundInWPConfig(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, source, url string
		status            Status // empty for no result
	}{
		{"no cache", ``, "redis://127.0.0.1:6379/0", ""},
		{"its defaults", `define( 'WP_REDIS_DATABASE', 0 );`, "redis://127.0.0.1:6379/0", Failure},
		{"another name of the machine", `define( 'WP_REDIS_HOST', 'localhost' );`, "redis://:pw@127.0.0.1", Failure},
		{"another database", `define( 'WP_REDIS_DATABASE', 1 );`, "redis://127.0.0.1:6379/0", ""},
		{"another port", `define( 'WP_REDIS_PORT', 6379 );`, "redis://127.0.0.1:6380/0", ""},
		{"texts", `define( 'WP_REDIS_PORT', '6380' ); define( 'WP_REDIS_DATABASE', '2' );`, "redis://127.0.0.1:6380/2", Failure},
		{"TLS", `define( 'WP_REDIS_SCHEME', 'tls' ); define( 'WP_REDIS_HOST', 'redis.internal' );`, "rediss://redis.internal/0", Failure},
		{"a socket", `define( 'WP_REDIS_SCHEME', 'unix' ); define( 'WP_REDIS_PATH', '/var/run/redis.sock' );`, "unix:///run/redis.sock", Failure},
		{"another socket", `define( 'WP_REDIS_SCHEME', 'unix' ); define( 'WP_REDIS_PATH', '/run/cache.sock' );`, "unix:///run/redis.sock", ""},
		{"switched off", `define( 'WP_REDIS_HOST', 'localhost' ); define( 'WP_REDIS_DISABLED', true );`, "redis://127.0.0.1", ""},
		{"with leave", `define( 'WP_REDIS_HOST', 'localhost' ); define( 'PILOTSYNC_SHARED_REDIS', true );`, "redis://127.0.0.1", Warning},
		{"leave that is none", `define( 'WP_REDIS_HOST', 'localhost' ); define( 'PILOTSYNC_SHARED_REDIS', false );`, "redis://127.0.0.1", Failure},
		{"several servers", `define( 'WP_REDIS_SERVERS', [ 'tcp://127.0.0.1:6379' ] );`, "redis://127.0.0.1", Warning},
		{"Object Cache Pro", `define( 'WP_REDIS_CONFIG', [ 'token' => 'pw', 'host' => '127.0.0.1', 'port' => 6379, 'database' => 0, 'options' => [ 1, 2 ], 'x' => env( 'A' ) ] );`, "redis://127.0.0.1", Failure},
		{"the same as an old array", `const WP_REDIS_CONFIG = array( "host" => 'localhost', 'database' => '2', );`, "redis://127.0.0.1/2", Failure},
		{"its other database", `define( 'WP_REDIS_CONFIG', [ 'host' => '127.0.0.1', 'port' => 6379, 'database' => 1 ] );`, "redis://127.0.0.1", ""},
		{"its socket", `define( 'WP_REDIS_CONFIG', [ 'scheme' => 'unix', 'host' => '/run/redis.sock' ] );`, "unix:///run/redis.sock", Failure},
		{"its socket with a scheme", `define( 'WP_REDIS_CONFIG', [ 'host' => 'unix:///run/cache.sock' ] );`, "unix:///run/redis.sock", ""},
		{"its servers", `define( 'WP_REDIS_CONFIG', [ 'servers' => [ 'tcp://127.0.0.1:6379' ], 'database' => 1 ] );`, "redis://127.0.0.1", Warning},
		{"its host from the environment", `define( 'WP_REDIS_CONFIG', [ 'host' => getenv( 'CACHE' ) ] );`, "redis://127.0.0.1", Warning},
		{"its array merged", `define( 'WP_REDIS_CONFIG', array_merge( $a, [ 'host' => 'a' ] ) );`, "redis://127.0.0.1", Warning},
		{"its array without an end", `define( 'WP_REDIS_CONFIG', [ 'host' => 'a'`, "redis://127.0.0.1", Warning},
		{"from the environment", `define( 'WP_REDIS_HOST', getenv( 'CACHE' ) );`, "redis://127.0.0.1", Warning},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			results := checkCache(wpconfig.Parse([]byte("<?php "+test.source)), test.url)
			if test.status == "" && len(results) == 0 {
				return
			}
			if len(results) != 1 || results[0].Status != test.status || results[0].Remedy == "" || strings.Contains(results[0].Detail, "pw") {
				t.Errorf("got %+v; want %s", results, test.status)
			}
		})
	}
}
