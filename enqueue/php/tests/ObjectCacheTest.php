<?php

declare(strict_types=1);

namespace Pilotsync\Tests;

use PHPUnit\Framework\TestCase;
use Pilotsync\RedisUrl;
use Pilotsync\WordPress\ObjectCache;

require_once __DIR__ . '/../wordpress/src/ObjectCache.php';

/** The plugin's comparison of its Redis with that of WordPress's object cache. It needs no WordPress. */
final class ObjectCacheTest extends TestCase
{
    /** @return iterable<string, array{string, array<string, mixed>, bool}> */
    public function constants(): iterable
    {
        $default = 'redis://127.0.0.1:6379/0';
        yield 'nothing is defined' => [$default, [], false];
        yield 'only the database is' => [$default, ['DATABASE' => 0], true];
        yield 'the database as text' => ['redis://127.0.0.1:6379/3', ['DATABASE' => '3'], true];
        yield 'another database' => [$default, ['DATABASE' => 1], false];
        yield 'another port' => ['redis://127.0.0.1:6380/0', ['PORT' => 6379], false];
        yield 'the port as text' => ['redis://127.0.0.1:6380', ['PORT' => '6380'], true];
        yield 'this machine by another name' => ['redis://php:secret@localhost/0', ['HOST' => '127.0.0.1'], true];
        yield 'this machine by IPv6' => ['redis://[::1]/0', ['HOST' => 'localhost'], true];
        yield 'another host' => ['redis://redis.internal/0', ['HOST' => '127.0.0.1'], false];
        yield 'a host in other letters' => ['redis://Redis.internal/0', ['HOST' => 'redis.Internal'], true];
        yield 'TLS' => ['rediss://redis.internal/0', ['SCHEME' => 'tls', 'HOST' => 'redis.internal'], true];
        yield 'a host with its scheme' => ['rediss://redis.internal/0', ['HOST' => 'tls://redis.internal'], true];
        yield 'a socket' => ['unix:///run/redis/redis.sock', ['SCHEME' => 'unix', 'PATH' => '/var/run/redis/redis.sock'], true];
        yield 'another database behind a socket' => ['redis-socket:///run/r.sock?db=1', ['SCHEME' => 'unix', 'PATH' => '/run/r.sock'], false];
        yield 'a path that is not used' => ['unix:///run/r.sock', ['PATH' => '/run/r.sock'], false];
        yield 'one of several servers' => ['redis://10.0.0.2/5', ['SERVERS' => ['tcp://10.0.0.1:6379?database=5&role=master', 'tcp://10.0.0.2:6379?database=5']], true];
        yield 'the servers\' database as a constant' => ['redis://10.0.0.1/5', ['SERVERS' => ['tcp://10.0.0.1:6379'], 'DATABASE' => 5], true];
        yield 'none of several servers' => ['redis://10.0.0.3/5', ['SERVERS' => ['tcp://10.0.0.1:6379?database=5']], false];
        yield 'a shard without a scheme' => ['redis://10.0.0.1:6380/0', ['SHARDS' => ['10.0.0.1:6380']], true];
        yield 'a server as an array' => ['redis://10.0.0.1/0', ['SERVERS' => [['host' => '10.0.0.1', 'port' => 6379]]], true];
        yield 'a server behind a socket' => ['unix:///run/r.sock', ['SERVERS' => ['unix:/run/r.sock']], true];
        yield 'a node of a Cluster' => ['redis://10.0.0.1:7000/0', ['CLUSTER' => ['tcp://10.0.0.1:7000?alias=a'], 'DATABASE' => 4], true];
        yield 'a Cluster that php.ini knows' => [$default, ['CLUSTER' => 'name'], false];
        $sentinels = 'redis-sentinel://s1,s2/0?master=main';
        yield 'the same master of the same Sentinels' => [$sentinels, ['SENTINEL' => 'main', 'SERVERS' => ['tcp://s2:26379', 'tcp://s3:26379']], true];
        yield 'another master of the same Sentinels' => [$sentinels, ['SENTINEL' => 'cache', 'SERVERS' => ['tcp://s1:26379']], false];
        yield 'another database of that master' => [$sentinels, ['SENTINEL' => 'main', 'SERVERS' => ['tcp://s1:26379'], 'DATABASE' => 2], false];
        yield 'other Sentinels' => [$sentinels, ['SENTINEL' => 'main', 'SERVERS' => ['tcp://x1:26379']], false];
        // Object Cache Pro has one constant.
        $config = ['token' => 'secret', 'host' => '127.0.0.1', 'port' => 6379, 'database' => 3, 'maxttl' => 3600];
        yield 'an array of settings' => ['redis://localhost/3', ['CONFIG' => $config], true];
        yield 'another database in it' => ['redis://localhost/0', ['CONFIG' => $config], false];
        yield 'additional constants' => ['redis://localhost/0', ['CONFIG' => $config, 'HOST' => '127.0.0.1'], true];
        yield 'a socket in it' => ['unix:///run/redis/redis.sock', ['CONFIG' => ['scheme' => 'unix', 'host' => '/var/run/redis/redis.sock']], true];
        yield 'a socket with its scheme' => ['unix:///run/r.sock', ['CONFIG' => ['host' => 'unix:///run/r.sock', 'database' => 0]], true];
        yield 'a URL in it' => ['redis://cache.internal:6380/2', ['CONFIG' => ['url' => 'rediss://user:secret@cache.internal:6380/2']], true];
        yield 'another database in its URL' => ['redis://cache.internal:6380/0', ['CONFIG' => ['url' => 'redis://cache.internal:6380/2']], false];
        yield 'a URL of a socket' => ['unix:///run/r.sock', ['CONFIG' => ['url' => 'unix:///run/r.sock']], true];
        yield 'servers in it' => ['redis://10.0.0.2/5', ['CONFIG' => ['servers' => ['tcp://10.0.0.1:6379', 'tcp://10.0.0.2:6379'], 'database' => 5]], true];
        yield 'Sentinels in it' => [$sentinels, ['CONFIG' => ['sentinels' => ['tcp://s2:26379'], 'service' => 'main']], true];
        yield 'another service of the same Sentinels' => [$sentinels, ['CONFIG' => ['sentinels' => ['tcp://s2:26379'], 'service' => 'cache']], false];
        yield 'a Cluster in it' => ['redis://10.0.0.1:7000/0', ['CONFIG' => ['cluster' => ['tcp://10.0.0.1:7000']]], true];
        yield 'settings that are no array' => [$default, ['CONFIG' => 'x'], false];
        yield 'a server that is no text' => [$default, ['SERVERS' => [null]], false];
    }

    /**
     * @dataProvider constants
     * @param array<string, mixed> $constants
     */
    public function testComparesTheConstants(string $url, array $constants, bool $want): void
    {
        self::assertSame($want, ObjectCache::shared(new RedisUrl($url), $constants, null) !== '');
    }

    public function testFindsTheConnectionInTheCacheObject(): void
    {
        $server = new RedisServer();
        [$redis, $socket] = [new \Redis(), $server->redis()];
        $redis->connect('127.0.0.1', $server->port);
        $redis->select(2);
        // As in drop-ins: in a private property, in a nested object, in an array.
        $caches = [
            new class ($redis) {
                private $redis;
                public function __construct($redis)
                {
                    $this->redis = $redis;
                }
            },
            (object) ['content' => range(1, 100), 'connection' => (object) ['client' => $redis]],
            (object) ['accessors' => ['default' => $redis]],
        ];
        foreach ($caches as $cache) {
            self::assertNotSame('', ObjectCache::shared(new RedisUrl('redis://localhost:' . $server->port . '/2'), [], $cache));
            self::assertSame('', ObjectCache::shared(new RedisUrl('redis://localhost:' . $server->port . '/1'), [], $cache));
        }
        self::assertNotSame('', ObjectCache::shared(new RedisUrl('unix://' . $server->socket()), [], (object) ['redis' => $socket]));
        $server->remove();
    }

    public function testRedisCacheHasDefaults(): void
    {
        $cache = new class {
            public function redis_instance()
            {
                return null; // Redis is unavailable
            }
        };
        self::assertNotSame('', ObjectCache::shared(new RedisUrl('redis://127.0.0.1'), [], $cache));
        self::assertSame('', ObjectCache::shared(new RedisUrl('redis://127.0.0.1/1'), [], $cache));
    }
}
