<?php

declare(strict_types=1);

namespace Pilotsync\Tests;

use PHPUnit\Framework\TestCase;
use Pilotsync\Exception\InvalidInput;
use Pilotsync\RedisUrl;

final class RedisUrlTest extends TestCase
{
    /** @return iterable<array{string, array<string, mixed>}> */
    public function valid(): iterable
    {
        yield ['redis://127.0.0.1', ['host' => '127.0.0.1']];
        yield ['redis://', ['host' => 'localhost']];
        yield ['redis://h:6380/5', ['host' => 'h', 'port' => 6380, 'db' => 5]];
        yield ['redis://h/?db=5', ['host' => 'h', 'db' => 5]];
        yield ['redis://[::1]:1/0', ['host' => '::1', 'port' => 1]];
        yield ['rediss://user:p%40%3A%2F+x@h', ['host' => 'h', 'tls' => true, 'user' => 'user', 'password' => 'p@:/+x']];
        yield ['redis://:a:b@h', ['host' => 'h', 'password' => 'a:b']];
        yield ['redis-socket:///run/redis.sock?db=1', ['socket' => '/run/redis.sock', 'db' => 1]];
        yield ['unix://:pw@/run/a%20b.sock', ['socket' => '/run/a b.sock', 'password' => 'pw']];
        yield ['redis://h/3', ['host' => 'h', 'db' => 3]];
    }

    /**
     * @dataProvider valid
     * @param array<string, mixed> $want
     */
    public function testParsesTheUrl(string $url, array $want): void
    {
        $all = ['tls' => false, 'socket' => '', 'host' => '', 'port' => 6379, 'user' => '', 'password' => '', 'db' => 0,
            'sentinels' => [], 'master' => ''];
        self::assertSame(array_merge($all, $want), get_object_vars(new RedisUrl($url)));
    }

    /** @return iterable<string, array{array<string, mixed>}> */
    public function table(): iterable
    {
        $file = __DIR__ . '/../../../internal/redisurl/testdata/urls.json';
        foreach (json_decode((string) file_get_contents($file), true) as $case) {
            yield json_encode($case['url']) => [$case];
        }
    }

    /**
     * @dataProvider table
     * @param array<string, mixed> $case
     */
    public function testFollowsTheTableOfTheGoTests(array $case): void
    {
        try {
            $url = new RedisUrl($case['url']);
        } catch (InvalidInput $e) {
            self::assertTrue(isset($case['refused']) || ($case['only'] ?? '') === 'go', $e->getMessage());
            self::assertMatchesRegularExpression('~' . ($case['refused'] ?? '') . '~', $e->getMessage());
            return;
        }
        self::assertArrayNotHasKey('refused', $case);
        self::assertArrayNotHasKey('only', $case);
        $want = array_diff_key($case, ['url' => '']) + ['host' => '', 'port' => 6379, 'socket' => '', 'user' => '', 'password' => '', 'db' => 0, 'tls' => false, 'master' => ''];
        $got = array_intersect_key(get_object_vars($url), $want);
        ksort($want);
        ksort($got);
        self::assertSame($want, $got);
    }

    public function testSentinelsHaveTheirOwnPortsAndPasswords(): void
    {
        $url = new RedisUrl('rediss-sentinel://php:pw@a,[::1]:5000,localhost/2?master=main.1&sentinel_user=watch&sentinel_password=p%26w');
        self::assertSame(['main.1', 'php', 'pw', 2, true], [$url->master, $url->user, $url->password, $url->db, $url->tls]);
        $each = array_map(static function (RedisUrl $s): array {
            return [$s->host, $s->port, $s->user, $s->password, $s->db, $s->tls, $s->sentinels];
        }, $url->sentinels);
        self::assertSame([
            ['a', 26379, 'watch', 'p&w', 0, true, []],
            ['::1', 5000, 'watch', 'p&w', 0, true, []],
            ['localhost', 26379, 'watch', 'p&w', 0, true, []],
        ], $each);
        self::assertSame('rediss-sentinel://a:26379,[::1]:5000,localhost:26379/2?master=main.1', (string) $url);
        $master = $url->at('10.0.0.7', 6390);
        self::assertSame('rediss://10.0.0.7:6390/2', (string) $master);
        self::assertSame(['php', 'pw', []], [$master->user, $master->password, $master->sentinels]);
    }

    public function testRefusesOtherUrlsWithoutShowingThem(): void
    {
        $wrong = ['', 'localhost:6379', 'http://h:secret@x', 'redis://:secret/x@h', 'redis://user@h', 'redis://:secret#@h', 'redis://h:secret', 'redis://h:0', 'redis://h:65536',
            'redis://h/secret', 'redis://h/1?db=1', 'redis://h?dbb=secret', 'redis-socket://secret', 'redis-socket:///', 'unix://h/x', 'redis-sentinel://a,b/0', 'redis-sentinel://a/0?master=se%20cret',
            'redis-sentinel://a?master=m&sentinel_user=secret', 'redis-sentinel://a:0?master=m', 'redis-sentinel://a?master=m&secret=1', 'redis://a,b', 'redis://h?master=secret',
            "redis://h\n", 'redis://h?db[]=1', 'redis://h/-1'];
        foreach ($wrong as $url) {
            try {
                new RedisUrl($url);
                self::fail($url . ' was taken');
            } catch (InvalidInput $e) {
                self::assertStringStartsWith('the Redis URL is refused: ', $e->getMessage());
                self::assertStringNotContainsString('secret', $e->getMessage());
            }
        }
    }

    public function testItsTextHasNoPassword(): void
    {
        self::assertSame('rediss://[::1]:6379/2', (string) new RedisUrl('rediss://u:secret@[::1]/2'));
        self::assertSame('unix:///run/x', (string) new RedisUrl('unix://u:secret@/run/x'));
    }
}
