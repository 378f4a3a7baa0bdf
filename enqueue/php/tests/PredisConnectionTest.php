<?php

declare(strict_types=1);

namespace Pilotsync\Tests;

use PHPUnit\Framework\TestCase;
use Pilotsync\Change;
use Pilotsync\Client;
use Pilotsync\Connection;
use Pilotsync\Exception\RedisRefused;
use Pilotsync\Exception\RedisUnavailable;
use Pilotsync\PredisConnection;
use Pilotsync\RedisUrl;
use Pilotsync\Scripts;
use Pilotsync\Task;
use Predis\Client as Predis;

/** The client over a Predis that records its commands. */
final class PredisConnectionTest extends TestCase
{
    /** @var RedisServer */
    private $server;

    protected function setUp(): void
    {
        if (!class_exists(Predis::class)) {
            require __DIR__ . '/FakePredis.php';
        }
        Predis::$made = Predis::$trips = [];
        $this->server = new RedisServer();
    }

    protected function tearDown(): void
    {
        if ($this->server !== null) {
            $this->server->remove();
        }
    }

    private function client(string $url): Client
    {
        return new Client($url, 'app1', static function (RedisUrl $url): Connection {
            return new PredisConnection($url);
        });
    }

    public function testSendsExactlyTheseCommands(): void
    {
        $redis = $this->server->redis();
        $this->server->loadFunctions();
        $redis->config('SET', 'requirepass', 'secret');
        $client = $this->client('redis://default:secret@127.0.0.1:' . $this->server->port . '/3');
        $receipt = $client->add('example.com', ['site_id' => 7]);
        self::assertSame([[
            'parameters' => ['timeout' => 2.0, 'read_write_timeout' => 2.0, 'scheme' => 'tcp', 'host' => '127.0.0.1', 'port' => $this->server->port],
            'options' => ['exceptions' => false],
        ]], Predis::$made);

        $redis->auth('secret');
        $redis->select(3);
        $parts = Task::change(new Change('app1', 'example.com', false, ['site_id' => 7]));
        self::assertSame([[
            ['AUTH', 'default', 'secret'], ['SELECT', '3'],
            array_merge(['FCALL', 'pilotsync_' . sha1(Scripts::CHANGES), '2', 'asynq:{domains}:pending', 'pilotsync:{app1}:seq', 'domains', 'pilotsync:queued', '', '', ''], $parts),
        ]], Predis::$trips);
        self::assertSame([$receipt->taskId], $redis->lRange('asynq:{domains}:pending', 0, -1));

        $client->remove('example.com');
        self::assertCount(2, Predis::$trips);
        self::assertSame('FCALL', Predis::$trips[1][0][0], 'the greeting is said once');
    }

    public function testAThousandChangesTakeAtMostFifteenRoundTrips(): void
    {
        $names = [];
        for ($i = 0; $i < 1000; $i++) {
            $names[] = 'd' . $i . '.example.com';
        }
        $this->client('redis-socket://' . $this->server->socket())->addMany($names);
        self::assertLessThanOrEqual(15, count(Predis::$trips));
        self::assertSame(1000, $this->server->redis()->lLen('asynq:{domains}:pending'));
    }

    public function testWritesWhatPhpredisWrites(): void
    {
        $redis = $this->server->redis();
        $ahead = (int) (microtime(true) * 1e6) + 3600000000;
        $msgs = [];
        foreach ([$this->client($this->server->url()), new Client($this->server->url(), 'app1')] as $client) {
            $redis->flushAll();
            $redis->set('pilotsync:{app1}:seq', (string) $ahead); // so that both get the same number
            $receipt = $client->add('例え.jp', ['www' => 'never', 'site_id' => 123456789]);
            $msgs[] = preg_replace('/"requested_at":"[^"]*"/', '', substr($redis->hGet('asynq:{domains}:t:' . $receipt->taskId, 'msg'), 14));
        }
        self::assertSame($msgs[0], $msgs[1]);
    }

    public function testStatus(): void
    {
        $client = $this->client($this->server->url());
        self::assertNull($client->status('example.com'));
        $this->server->redis()->hSet('pilotsync:{app1}:pending', 'example.com', '{"seq":5,"recorded_at":"2026-03-01T12:05:01Z"}');
        self::assertSame('waits to be put on the list', $client->status('example.com')['reason']);
        self::assertSame(['HGET', 'HGET', 'HGET', 'HGET', 'HGET'], array_column(Predis::$trips[1], 0));
    }

    public function testFailuresEqualThoseOfPhpredis(): void
    {
        $redis = $this->server->redis();
        $client = $this->client($this->server->url());
        $client->add('example.com');
        $redis->config('SET', 'maxmemory', '1');
        foreach ([[$client, 'OOM'], [$this->client('redis://:wrong@127.0.0.1:' . $this->server->port), 'AUTH']] as [$c, $words]) {
            try {
                $c->add('example.com');
                self::fail('no exception');
            } catch (RedisRefused $e) {
                self::assertStringContainsString($words, $e->getMessage());
            }
        }
        $this->server->kill();
        $this->expectException(RedisUnavailable::class);
        $client->add('example.com');
    }

    public function testADeadConnectionIsReplaced(): void
    {
        $client = $this->client($this->server->url('/2'));
        $client->add('example.com');
        $redis = $this->server->redis();
        $redis->rawCommand('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
        $client->add('example.org');
        $redis->select(2);
        self::assertSame(2, $redis->lLen('asynq:{domains}:pending'));
    }
}
