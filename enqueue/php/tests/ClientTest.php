<?php

declare(strict_types=1);

namespace Pilotsync\Tests;

use PHPUnit\Framework\TestCase;
use Pilotsync\Causes;
use Pilotsync\Client;
use Pilotsync\Connection;
use Pilotsync\ErrorReply;
use Pilotsync\Exception\InvalidDomain;
use Pilotsync\Exception\InvalidInput;
use Pilotsync\Exception\NoResult;
use Pilotsync\Exception\PilotsyncException;
use Pilotsync\Exception\RedisRefused;
use Pilotsync\Exception\RedisUnavailable;
use Pilotsync\Exception\TaskExists;
use Pilotsync\PhpredisConnection;
use Pilotsync\RedisUrl;
use Pilotsync\Scripts;
use Pilotsync\Status;

/** The client over phpredis, against a real Redis. */
final class ClientTest extends TestCase
{
    private const PENDING = 'asynq:{domains}:pending';

    /** @var RedisServer */
    private $server;
    /** @var list<Recorder> */
    private $recorders = [];

    protected function setUp(): void
    {
        if (!extension_loaded('redis')) {
            self::markTestSkipped("needs PHP's extension redis");
        }
        $this->server = new RedisServer();
        $this->recorders = [];
    }

    protected function tearDown(): void
    {
        if ($this->server !== null) {
            $this->server->remove();
        }
    }

    private function client(?string $url = null, string $app = 'app1'): Client
    {
        return new Client($url ?? $this->server->url(), $app, function (RedisUrl $url): Connection {
            return $this->recorders[] = new Recorder(new PhpredisConnection($url));
        });
    }

    private function trips(): int
    {
        return array_sum(array_map(static function (Recorder $r): int {
            return count($r->trips);
        }, $this->recorders));
    }

    public function testByDefaultItUsesTheInstalledExtension(): void
    {
        $receipt = (new Client($this->server->url(), 'app1'))->add('example.com');
        self::assertSame([$receipt->taskId], $this->server->redis()->lRange(self::PENDING, 0, -1));
    }

    public function testAnAdditionBecomesOneTask(): void
    {
        $before = microtime(true) * 1e6;
        $receipt = $this->client()->add(' München.de. ', ['www' => 'main_only', 'site_id' => '7']);
        self::assertSame('app1', $receipt->appId);
        self::assertSame('xn--mnchen-3ya.de', $receipt->domain);
        self::assertGreaterThanOrEqual(floor($before), $receipt->seq);
        self::assertLessThanOrEqual(microtime(true) * 1e6, $receipt->seq);
        self::assertSame('change:app1:xn--mnchen-3ya.de:' . $receipt->seq, $receipt->taskId);

        $redis = $this->server->redis();
        self::assertSame([$receipt->taskId], $redis->lRange(self::PENDING, 0, -1));
        self::assertSame(['domains'], $redis->sMembers('asynq:queues'));
        $task = $redis->hGetAll('asynq:{domains}:t:' . $receipt->taskId);
        self::assertSame('pending', $task['state']);
        self::assertStringContainsString('{"app_id":"app1","domain":"xn--mnchen-3ya.de","seq":' . $receipt->seq
            . ',"www":"main_only","site_id":7,"requested_at":"', $task['msg']);
        self::assertStringStartsWith("\x0a\x0adomain:add\x12", $task['msg']);
        self::assertSame((string) $receipt->seq, $redis->get('pilotsync:{app1}:seq'));
    }

    public function testARemovalBecomesOneTask(): void
    {
        $receipt = $this->client()->remove('old.example.com');
        $msg = $this->server->redis()->hGet('asynq:{domains}:t:' . $receipt->taskId, 'msg');
        self::assertStringStartsWith("\x0a\x0ddomain:remove\x12", $msg);
        self::assertStringNotContainsString('www"', $msg);
        self::assertStringNotContainsString('site_id', $msg);
    }

    public function testACheckIsOneTaskAndReturnsItsResult(): void
    {
        $redis = $this->server->redis();
        $client = $this->client();
        try {
            $client->check('München.de', ['www' => 'never'], 0.0); // nobody answers
            self::fail('there is no worker');
        } catch (NoResult $e) {
            self::assertStringContainsString('pilotsync doctor', $e->getMessage());
        }
        [$id] = $redis->lRange('asynq:{checks}:pending', 0, -1);
        self::assertMatchesRegularExpression('/^check:app1:xn--mnchen-3ya\.de:never:\d+$/', $id);
        self::assertSame(['checks'], $redis->sMembers('asynq:queues'));
        self::assertStringContainsString('{"app_id":"app1","domain":"xn--mnchen-3ya.de","www":"never","asked_at":"', $redis->hGet('asynq:{checks}:t:' . $id, 'msg'));
        // Whichever interval the next call falls into, a worker has answered.
        $result = ['domain' => 'xn--mnchen-3ya.de', 'names' => ['xn--mnchen-3ya.de', 7], 'ok' => false, 'cause' => 'DNSMissing',
            'params' => ['name' => 'xn--mnchen-3ya.de'], 'problems' => [['cause' => 'ALaterCode', 'params' => ['name' => 'www.xn--mnchen-3ya.de']]],
            'records' => [['type' => 'A', 'name' => 'a', 'value' => '198.51.100.4'], ['type' => 'A'], 'x']];
        $bucket = (int) substr($id, (int) strrpos($id, ':') + 1);
        for ($i = 0; $i < 60; $i++) {
            $redis->hMSet('asynq:{checks}:t:check:app1:xn--mnchen-3ya.de:never:' . ($bucket + $i), ['result' => json_encode($result)]);
        }
        $got = $client->check('münchen.de', ['www' => 'never']);
        self::assertSame(['xn--mnchen-3ya.de'], $got['names']);
        self::assertFalse($got['ok']);
        self::assertSame('DNSMissing', $got['cause']);
        self::assertSame('xn--mnchen-3ya.de has no A or AAAA record in DNS', $got['reason']);
        self::assertSame('Create an address record of xn--mnchen-3ya.de.', $got['remedy']);
        self::assertSame('www.xn--mnchen-3ya.de', $got['problems'][0]['name']);
        self::assertSame('ALaterCode', $got['problems'][0]['reason']);
        self::assertSame([['type' => 'A', 'name' => 'a', 'value' => '198.51.100.4']], $got['records']);
        self::assertSame(1, $redis->lLen('asynq:{checks}:pending'));
    }

    public function testACheckThatIsInvalidAsksNothing(): void
    {
        foreach ([['a/b', []], ['example.com', ['www' => 'sometimes']], ['example.com', ['site_id' => 7]], ['example.com', ['other' => 1]]] as [$domain, $options]) {
            try {
                $this->client()->check($domain, $options);
                self::fail($domain . ' was checked');
            } catch (InvalidInput $e) {
                self::assertSame(0, $this->trips());
            }
        }
    }

    /** @dataProvider knownScripts */
    public function testOneChangeTakesOneRoundTripOnceRedisKnowsTheFunction(int $first, bool $function, bool $script): void
    {
        $redis = $this->server->redis();
        if ($function) {
            $this->server->loadFunctions();
        }
        if ($script) {
            $redis->script('load', Scripts::CHANGES);
        }
        $redis->config('SET', 'requirepass', 'secret');
        $client = $this->client('redis://:secret@127.0.0.1:' . $this->server->port . '/1');
        $client->add('first.example.com');
        self::assertSame($first, $this->trips());
        $client->add('second.example.com');
        self::assertSame($first + 1, $this->trips());
    }

    /** @return array<string, array{int, bool, bool}> */
    public function knownScripts(): array
    {
        return ['a worker has loaded the functions' => [1, true, false], 'Redis knows the script only' => [2, false, true],
            'no worker has run, and no producer' => [2, false, false]];
    }

    /**
     * @dataProvider rights
     * @param list<string> $rights
     */
    public function testItEnqueuesWithWhateverRightItsUserHas(array $rights, bool $loaded, string $refusal): void
    {
        $redis = $this->server->redis();
        $redis->rawCommand('ACL', 'SETUSER', 'php', 'on', '>secret', '~*', '&*', '-@all', '+@connection', '+publish', '+get', '+set', '+time', '+exists', '+hset', '+lpush', '+sadd', '+hget', ...$rights);
        if ($loaded) {
            $this->server->loadFunctions();
        }
        $client = $this->client('redis://php:secret@127.0.0.1:' . $this->server->port);
        foreach (['a.example.com', 'b.example.com'] as $domain) {
            try {
                self::assertNotSame('', $client->add($domain)->taskId);
                self::assertSame('', $refusal);
            } catch (RedisRefused $e) {
                self::assertNotSame('', $refusal, $e->getMessage());
                self::assertStringContainsString($refusal, $e->getMessage());
            }
        }
        if ($refusal !== '') {
            return;
        }
        $this->expectException(NoResult::class);
        $client->check('a.example.com', [], 0.0);
    }

    /** @return array<string, array{list<string>, bool, string}> */
    public function rights(): array
    {
        return [
            'functions that are loaded' => [['+fcall'], true, ''],
            'functions that are missing' => [['+fcall'], false, 'start a worker of this release'],
            'an ACL file of an earlier release' => [['+evalsha', '+eval'], false, ''],
            'the same, while workers have loaded functions' => [['+evalsha', '+eval'], true, ''],
            'neither' => [[], true, "'fcall'"],
        ];
    }

    public function testAClientGoesOnWithFunctionsWhenItLosesScripts(): void
    {
        $redis = $this->server->redis();
        $redis->rawCommand('ACL', 'SETUSER', 'php', 'on', '>secret', '~*', '&*', '+@all');
        $client = $this->client('redis://php:secret@127.0.0.1:' . $this->server->port);
        $client->add('a.example.com');
        $this->server->loadFunctions();
        $redis->rawCommand('ACL', 'SETUSER', 'php', '-eval', '-evalsha');
        $client->add('b.example.com');
        $client->add('c.example.com');
        self::assertSame(3, $redis->lLen(self::PENDING));
    }

    public function testClientsOfAProcessShareAConnection(): void
    {
        $redis = $this->server->redis();
        $before = $redis->info('stats')['total_connections_received'];
        foreach (['app1', 'app2', 'app3'] as $app) {
            (new Client($this->server->url('/4'), $app))->add('example.com');
        }
        self::assertSame(1, $redis->info('stats')['total_connections_received'] - $before);
        $redis->select(4);
        self::assertSame(3, $redis->lLen(self::PENDING));
    }

    /** A proxy in front of several servers refuses scripts with keys in different slots. */
    public function testWhereKeysLieApartTheNumberTakesATripOfItsOwn(): void
    {
        $apart = new class (new PhpredisConnection(new RedisUrl($this->server->url()))) implements Connection {
            /** @var Connection */
            private $inner;

            public function __construct(Connection $inner)
            {
                $this->inner = $inner;
            }

            public function pipeline(array $commands): array
            {
                $command = $commands[0];
                if ((strncmp($command[0], 'EVAL', 4) === 0 || $command[0] === 'FCALL') && $command[2] === '2') {
                    return [new ErrorReply("CROSSSLOT Keys in request don't hash to the same slot")];
                }
                return $this->inner->pipeline($commands);
            }
        };
        $client = new Client($this->server->url(), 'app1', static function () use ($apart): Connection {
            return $apart;
        });
        $last = 0;
        foreach (['a.example.com', 'b.example.com'] as $domain) {
            $receipt = $client->add($domain);
            self::assertGreaterThan($last, $receipt->seq);
            $last = $receipt->seq;
            self::assertStringContainsString('"seq":' . $last . ',', $this->server->redis()->hGet('asynq:{domains}:t:' . $receipt->taskId, 'msg'));
        }
        self::assertSame((string) $last, $this->server->redis()->get('pilotsync:{app1}:seq'));
        self::assertSame(2, $this->server->redis()->lLen(self::PENDING));
        self::assertSame(['domains'], $this->server->redis()->sMembers('asynq:queues'));
    }

    public function testABatchKeepsItsOrderAndItsKeys(): void
    {
        $names = [];
        for ($i = 0; $i < 1000; $i++) {
            $names['k' . $i] = 'd' . $i . '.example.com';
        }
        $receipts = $this->client()->addMany($names);
        self::assertLessThanOrEqual(15, $this->trips());
        self::assertSame(array_keys($names), array_keys($receipts));
        $last = 0;
        $ids = [];
        foreach ($receipts as $key => $receipt) {
            self::assertGreaterThan($last, $receipt->seq);
            $last = $receipt->seq;
            self::assertSame($names[$key], $receipt->domain);
            $ids[] = $receipt->taskId;
        }
        // asynq takes tasks from the right.
        self::assertSame(array_reverse($ids), $this->server->redis()->lRange(self::PENDING, 0, -1));
    }

    public function testEachDomainOfABatchCanHaveItsOwnOptions(): void
    {
        $receipts = $this->client()->addMany(['a.example.com', ['domain' => 'b.example.com', 'site_id' => 9, 'www' => null]], ['www' => 'never', 'site_id' => 1]);
        $redis = $this->server->redis();
        $a = $redis->hGet('asynq:{domains}:t:' . $receipts[0]->taskId, 'msg');
        $b = $redis->hGet('asynq:{domains}:t:' . $receipts[1]->taskId, 'msg');
        self::assertStringContainsString('"www":"never","site_id":1,', $a);
        self::assertStringContainsString('"site_id":9,', $b);
        self::assertStringNotContainsString('www', $b);
    }

    public function testAMixedBatchKeepsItsOrder(): void
    {
        $receipts = $this->client()->enqueue([['domain' => 'a.example.com', 'remove' => true], ['domain' => 'a.example.com']]);
        self::assertSame($receipts[0]->seq + 1, $receipts[1]->seq);
        $msgs = [];
        foreach ($receipts as $receipt) {
            $msgs[] = substr($this->server->redis()->hGet('asynq:{domains}:t:' . $receipt->taskId, 'msg'), 2, 10);
        }
        self::assertSame(['domain:rem', 'domain:add'], $msgs);
        $removed = $this->client()->removeMany(['x.example.com', 'y.example.com']);
        self::assertCount(2, $removed);
    }

    public function testEnqueueingNothingNeedsNoRedis(): void
    {
        $this->server->kill();
        self::assertSame([], $this->client()->addMany([]));
        self::assertSame(0, $this->trips());
    }

    public function testOneInvalidChangeRejectsTheBatch(): void
    {
        try {
            $this->client()->addMany(['example.com', 'x' => 'https://example.com', 'y' => ['domain' => 'a.example.com', 'www' => 'sometimes'], 'z' => 7]);
            self::fail('it was accepted');
        } catch (InvalidInput $e) {
            self::assertSame(['x', 'y', 'z'], array_keys($e->errors()));
            self::assertInstanceOf(InvalidDomain::class, $e->errors()['x']);
            self::assertSame('nothing was enqueued: 3 of 4 changes are wrong:
change x: domain "https://example.com" is refused: it has a scheme; leave out everything up to :// (did you mean example.com?)
change y: www is "sometimes"; it takes always, main_only or never
change z: it takes a domain as a string', $e->getMessage());
        }
        self::assertSame([], $this->server->redis()->keys('*'));
        self::assertSame(0, $this->trips());
    }

    /** @return iterable<string, array{callable(Client): mixed, class-string, string}> */
    public function invalidInput(): iterable
    {
        yield 'a domain' => [static function (Client $c) {
            return $c->add('co.uk');
        }, InvalidDomain::class, 'public suffix'];
        yield 'a www' => [static function (Client $c) {
            return $c->add('example.com', ['www' => true]);
        }, InvalidInput::class, 'www is true; it takes always, main_only or never'];
        yield 'a site' => [static function (Client $c) {
            return $c->add('example.com', ['site_id' => -1]);
        }, InvalidInput::class, 'site_id is -1; it takes'];
        yield 'an import' => [static function (Client $c) {
            return $c->add('example.com', ['adopt' => 1]);
        }, InvalidInput::class, 'adopt is 1; it takes true, of an addition only, or false'];
        yield 'an import that removes' => [static function (Client $c) {
            return $c->remove('example.com', ['adopt' => true]);
        }, InvalidInput::class, 'adopt is true; it takes true, of an addition only, or false'];
        yield 'an option' => [static function (Client $c) {
            return $c->remove('example.com', ['siteid' => 1]);
        }, InvalidInput::class, 'option siteid is unknown'];
        yield 'a status' => [static function (Client $c) {
            return $c->status('localhost');
        }, InvalidDomain::class, 'one label'];
    }

    /**
     * @dataProvider invalidInput
     * @param callable(Client): mixed $do
     * @param class-string<\Throwable> $class
     */
    public function testInvalidInputIsRefused(callable $do, string $class, string $message): void
    {
        $this->expectException($class);
        $this->expectExceptionMessage($message);
        $do($this->client());
    }

    public function testAnInvalidAppIdIsRefusedByTheConstructor(): void
    {
        foreach (['', 'a b', "app1\n", '{app}', str_repeat('a', 65)] as $app) {
            try {
                new Client($this->server->url(), $app);
                self::fail($app . ' was accepted');
            } catch (InvalidInput $e) {
                self::assertStringContainsString('it takes 1 to 64 letters, digits, _ or -', $e->getMessage());
            }
        }
    }

    public function testAnExistingTaskIsReportedAndTheOthersAreEnqueued(): void
    {
        $redis = $this->server->redis();
        // The next numbers are known if Redis's clock is behind the last one.
        $ahead = (int) (microtime(true) * 1e6) + 3600000000;
        $redis->set('pilotsync:{app1}:seq', (string) $ahead);
        $redis->hSet('asynq:{domains}:t:change:app1:b.example.com:' . ($ahead + 2), 'msg', 'another');
        try {
            $this->client()->addMany(['a.example.com', 'b.example.com', 'c.example.com']);
            self::fail('no exception');
        } catch (TaskExists $e) {
            self::assertSame('enqueued 2 of 3 changes: there is a task already with the id change:app1:b.example.com:' . ($ahead + 2), $e->getMessage());
            self::assertSame([true, false, true], array_map(static function ($r) {
                return $r->taskId !== '';
            }, $e->receipts()));
        }
        self::assertSame(2, $redis->lLen(self::PENDING));
        self::assertSame('another', $redis->hGet('asynq:{domains}:t:change:app1:b.example.com:' . ($ahead + 2), 'msg'));
    }

    public function testAnUnreachableRedisIsUnavailable(): void
    {
        $client = $this->client();
        $client->add('example.com');
        $this->server->kill();
        foreach ([$client, $this->client()] as $c) {
            try {
                $c->add('example.com');
                self::fail('no exception');
            } catch (RedisUnavailable $e) {
                self::assertStringStartsWith('enqueued 0 of 1 changes: Redis at redis://127.0.0.1:' . $this->server->port . '/0 is unavailable: ', $e->getMessage());
                self::assertInstanceOf(PilotsyncException::class, $e);
            }
        }
        $this->expectException(RedisUnavailable::class);
        $client->status('example.com');
    }

    public function testADeadConnectionIsReplaced(): void
    {
        $redis = $this->server->redis();
        $redis->config('SET', 'requirepass', 'secret');
        $redis->auth('secret');
        $client = $this->client('redis://:secret@127.0.0.1:' . $this->server->port . '/2');
        $client->add('example.com');
        $redis->rawCommand('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
        $client->add('example.org');
        $redis->select(2);
        self::assertSame(2, $redis->lLen(self::PENDING), 'both are in the database of the URL');
    }

    public function testScriptsAreSentAgainAfterAScriptFlush(): void
    {
        $client = $this->client();
        $client->add('example.com');
        $this->server->redis()->script('flush');
        $client->addMany(['a.example.com', 'b.example.com', 'c.example.com']);
        self::assertSame(4, $this->server->redis()->lLen(self::PENDING));
    }

    public function testTheQueueIsRegisteredEachTime(): void
    {
        $client = $this->client();
        $client->add('example.com');
        $this->server->redis()->flushAll();
        $client->add('example.com');
        self::assertSame(['domains'], $this->server->redis()->sMembers('asynq:queues'));
    }

    public function testASilentRedisIsUnavailableAfterTheTimeLimit(): void
    {
        $silent = stream_socket_server('tcp://127.0.0.1:0');
        $name = stream_socket_get_name($silent, false);
        $began = microtime(true);
        try {
            $this->client('redis://' . $name)->add('example.com');
            self::fail('no exception');
        } catch (RedisUnavailable $e) {
            $took = microtime(true) - $began;
            self::assertGreaterThan(1.5, $took);
            self::assertLessThan(55.0, $took); // less than PHP's own limit of a minute
        }
        fclose($silent);
    }

    public function testARefusalKeepsRedisMessage(): void
    {
        $this->server->redis()->config('SET', 'maxmemory', '1');
        try {
            $this->client()->add('example.com');
            self::fail('no exception');
        } catch (RedisRefused $e) {
            self::assertStringContainsString('OOM', $e->getMessage());
        }
    }

    public function testARedisThatLoadsItsDataIsUnavailable(): void
    {
        $later = (new \Pilotsync\ErrorReply('LOADING Redis is loading the dataset in memory'))->exception('adding');
        self::assertInstanceOf(RedisUnavailable::class, $later);
        $never = (new \Pilotsync\ErrorReply('WRONGTYPE Operation against a key'))->exception('adding');
        self::assertInstanceOf(RedisRefused::class, $never);
    }

    public function testUnixSocketsPasswordUserAndDatabase(): void
    {
        $redis = $this->server->redis();
        $redis->rawCommand('ACL', 'SETUSER', 'shop', 'on', '>s:cr/t', '~*', '+@all');
        $redis->config('SET', 'requirepass', 'p@ss word');
        $redis->auth('p@ss word');
        $port = $this->server->port;
        $socket = $this->server->socket();
        $urls = [
            "redis://:p%40ss%20word@127.0.0.1:$port", "redis://shop:s%3Acr%2Ft@127.0.0.1:$port/0", "redis://shop:s%3Acr%2Ft@127.0.0.1:$port?db=3",
            "redis-socket://:p%40ss%20word@$socket", "unix://shop:s%3Acr%2Ft@$socket?db=3", "redis://default:p%40ss%20word@127.0.0.1:$port/3",
        ];
        foreach ($urls as $i => $url) {
            $this->client($url)->add("u$i.example.com");
        }
        $redis->select(3);
        self::assertSame(3, $redis->lLen(self::PENDING));
        $redis->select(0);
        self::assertSame(3, $redis->lLen(self::PENDING));

        foreach (["redis://:wrong@127.0.0.1:$port", "redis://127.0.0.1:$port", "redis://shop:wrong@127.0.0.1:$port/3"] as $url) {
            try {
                $this->client($url)->add('example.com');
                self::fail('the login succeeded');
            } catch (RedisRefused $e) {
                self::assertMatchesRegularExpression('/WRONGPASS|NOAUTH/', $e->getMessage());
                self::assertStringNotContainsString('wrong@', $e->getMessage());
            }
        }
    }

    public function testTlsChecksTheCertificate(): void
    {
        if (!extension_loaded('openssl')) {
            self::markTestSkipped("needs PHP's extension openssl");
        }
        $this->server->remove();
        $folder = sys_get_temp_dir() . '/pilotsync-tls-' . bin2hex(random_bytes(8));
        mkdir($folder, 0700);
        try {
            file_put_contents("$folder/cnf", "[req]\ndistinguished_name=dn\n[dn]\n[ext]\nsubjectAltName=IP:127.0.0.1\nbasicConstraints=CA:TRUE\n");
            $options = ['config' => "$folder/cnf", 'x509_extensions' => 'ext', 'private_key_type' => OPENSSL_KEYTYPE_RSA, 'private_key_bits' => 2048, 'digest_alg' => 'sha256'];
            $key = openssl_pkey_new($options);
            $request = openssl_csr_new(['commonName' => 'pilotsync test'], $key, $options);
            openssl_x509_export_to_file(openssl_csr_sign($request, null, $key, 2, $options, 1), "$folder/crt");
            openssl_pkey_export_to_file($key, "$folder/key", null, $options);
            $tls = RedisServer::freePort();
            $this->server = new RedisServer(['--tls-port', (string) $tls, '--tls-cert-file', "$folder/crt", '--tls-key-file', "$folder/key", '--tls-auth-clients', 'no']);

            try {
                $this->client("rediss://127.0.0.1:$tls")->add('example.com');
                self::fail('an untrusted certificate was accepted');
            } catch (RedisUnavailable $e) {
                self::assertSame(0, $this->server->redis()->lLen(self::PENDING));
            }
            putenv("SSL_CERT_FILE=$folder/crt"); // makes the system trust this authority
            $this->client("rediss://127.0.0.1:$tls")->add('example.com');
            self::assertSame(1, $this->server->redis()->lLen(self::PENDING));
        } finally {
            putenv('SSL_CERT_FILE');
            array_map('unlink', glob("$folder/*") ?: []);
            rmdir($folder);
        }
    }

    public function testStatusOfAnUnknownDomainIsNull(): void
    {
        self::assertNull($this->client()->status('example.com'));
        self::assertSame(1, $this->trips());
    }

    public function testStatusOfAFullRedis(): void
    {
        $redis = $this->server->redis();
        $redis->hSet('pilotsync:{app1}:domains', 'example.com', '{"domain":"example.com","seq":5,"names":["example.com"],"state":"done","cause":"Works"}');
        $redis->hSet('pilotsync:{app1}:pending', 'new.example.com', '{"app_id":"app1","domain":"new.example.com","seq":6,"requested_at":"2026-03-01T12:00:00Z"}');
        $before = [$this->client()->status('example.com'), $this->client()->status('new.example.com'), $this->client()->status('unknown.example.com')];
        $redis->config('SET', 'maxmemory', '1');
        self::assertSame($before, [$this->client()->status('example.com'), $this->client()->status('new.example.com'), $this->client()->status('unknown.example.com')]);
        self::assertSame(['done', 'pending'], [$before[0]['state'] ?? null, $before[1]['state'] ?? null]);
    }

    /** @return array<string, array{string, string}> */
    public static function remedies(): array
    {
        $www = '{"cause":"DNSMissing","params":{"name":"www.example.com"}}';
        return [
            'a www form without a record' => ['"state":"done","cause":"Works","warnings":[' . $www . ']', 'Create an address record of www.example.com.'],
            'the same remedy twice' => ['"state":"failed","cause":"DNSMissing","params":{"name":"www.example.com"},"warnings":[' . $www . ']',
                'Create an address record of www.example.com.'],
            'works' => ['"state":"done","cause":"Works"', ''],
            'being checked' => ['"state":"checking-dns","cause":"Listed"', 'Nothing: the first check starts by itself.'],
            'its certificate being checked' => ['"state":"checking-ssl-cert","cause":"VerificationRequested"', 'Nothing: the first check starts by itself.'],
            'warnings of a later release' => ['"state":"done","cause":"Works","warnings":"none"', ''],
        ];
    }

    /** @dataProvider remedies */
    public function testRemedyIsThatOfAllProblems(string $members, string $remedy): void
    {
        $status = Status::of('app1', 'example.com', '{"names":["example.com"],' . $members . '}', '', '', '', '');
        self::assertSame($remedy, $status['remedy'] ?? null);
    }

    public function testStatusComesFromTheLedger(): void
    {
        $redis = $this->server->redis();
        $missing = ['name' => 'example.com', 'expected' => ['198.51.100.4']];
        $hasNone = 'www.example.com has no A or AAAA record in DNS';
        $redis->hSet('pilotsync:{app1}:domains', 'example.com', '{"domain":"example.com","seq":1772366400123457,"wanted":true,"state":"checking-dns",'
            . '"names":["example.com","www.example.com"],"cause":"DNSMissing","params":{"name":"example.com","expected":["198.51.100.4"]},'
            . '"warnings":[{"cause":"DNSMissing","params":{"name":"www.example.com"}}],"attempt":2,"limit":7,"requested_at":"2026-03-01T12:00:00Z",'
            . '"updated_at":"2026-03-01T13:00:00.123456789+01:00","next_attempt_at":"2026-03-01T12:04:00Z"}');
        $reason = 'example.com has no A or AAAA record in DNS; this app is on 198.51.100.4';
        $remedy = 'Create an address record of example.com: 198.51.100.4.';
        $want = ['app_id' => 'app1', 'domain' => 'example.com', 'state' => 'checking-dns', 'names' => ['example.com', 'www.example.com'],
            'reason' => "$reason; warning: $hasNone", 'cause' => 'DNSMissing', 'params' => $missing, 'remedy' => "$remedy Create an address record of www.example.com.",
            'seq' => 1772366400123457, 'attempt' => 2, 'attempts' => 7, 'next_attempt_at' => '2026-03-01T12:04:00Z',
            'updated_at' => '2026-03-01T12:00:00.123456789Z',
            'problems' => [
                ['name' => 'example.com', 'cause' => 'DNSMissing', 'params' => $missing, 'reason' => $reason, 'remedy' => $remedy],
                ['name' => 'www.example.com', 'cause' => 'DNSMissing', 'params' => ['name' => 'www.example.com'], 'reason' => $hasNone,
                    'remedy' => 'Create an address record of www.example.com.'],
            ],
            'records' => [
                ['action' => 'set', 'type' => 'A', 'name' => 'example.com', 'value' => '198.51.100.4'],
                ['action' => 'set', 'type' => 'CNAME', 'name' => 'www.example.com', 'value' => 'example.com'],
            ],
            'next_check_at' => '2026-03-01T12:04:00Z'];
        self::assertSame($want, $this->client()->status('Example.com'));

        $change = '{"app_id":"app1","domain":"example.com","seq":1772366400123999,"requested_at":"2026-03-01T12:05:00Z","remove":true,'
            . '"recorded_at":"2026-03-01T12:05:01Z"';
        $redis->hSet('pilotsync:{app1}:pending', 'example.com', $change . '}');
        $waits = ['state' => 'pending', 'seq' => 1772366400123999, 'updated_at' => '2026-03-01T12:05:01Z', 'next_check_at' => null];
        $this->checkStatus(array_merge($want, $waits), 'WaitsToBeRemoved', [], 'waits to be taken off the list');
        $redis->hSet('pilotsync:{app1}:pending', 'example.com', $change . ',"preview":"would be taken off the list"}');
        $this->checkStatus(array_merge($want, $waits), 'DryRun', ['would' => 'would be taken off the list'], 'dry run: would be taken off the list');
        $redis->hSet('pilotsync:{app1}:sync', 'trouble', 'ServerPilot is away');
        $trouble = ['app' => 'app1', 'message' => 'ServerPilot is away'];
        $this->checkStatus(array_merge($want, $waits), 'AppFailing', $trouble, 'waits: ServerPilot is away');
        $redis->hSet('pilotsync:{app1}:sync', 'blocked', '1');
        $this->checkStatus(array_merge($want, $waits), 'AppBlocked', $trouble, 'waits: ServerPilot is away');
        $redis->hSet('pilotsync:{app1}:sync', 'paused', 'ada');
        $this->checkStatus(array_merge($want, $waits), 'AppPaused', ['app' => 'app1', 'by' => 'ada'], 'waits: the app was paused by ada');

        $redis->hDel('pilotsync:{app1}:domains', 'example.com');
        $redis->del('pilotsync:{app1}:sync');
        $redis->hSet('pilotsync:{app1}:pending', 'example.com', str_replace('"remove":true', '"remove":false', $change) . '}');
        $alone = ['names' => ['example.com'], 'attempt' => 0, 'attempts' => null, 'next_attempt_at' => null, 'problems' => [], 'records' => []];
        $this->checkStatus(array_merge($want, $waits, $alone), 'WaitsToBeListed', [], 'waits to be put on the list');
    }

    /**
     * Compares the status of example.com, which has this cause.
     *
     * @param array<string, mixed> $want
     * @param array<string, mixed> $params
     */
    private function checkStatus(array $want, string $code, array $params, string $reason): void
    {
        $want = array_merge($want, ['cause' => $code, 'params' => $params, 'reason' => $reason, 'remedy' => Causes::ALL[$code][1]]);
        $want['remedy'] = strtr($want['remedy'], ['{app}' => 'app1']);
        if ($params === []) {
            unset($want['params']);
        }
        self::assertSame($want, $this->client()->status('example.com'));
    }

    public function testStatusHasASupersededChange(): void
    {
        $redis = $this->server->redis();
        $redis->hSet('pilotsync:{app1}:pending', 'example.com', '{"seq":9,"recorded_at":"2026-03-01T12:05:01Z"}');
        $redis->hSet('pilotsync:{app1}:superseded', 'example.com', '{"seq":7,"remove":true,"requested_at":"2026-03-01T13:00:00+01:00"}');
        $superseded = ['seq' => 7, 'change' => 'remove', 'requested_at' => '2026-03-01T12:00:00Z'];
        self::assertSame($superseded, $this->client()->status('example.com')['superseded']);
        $redis->hSet('pilotsync:{app1}:superseded', 'example.com', '{"seq":7,"requested_at":"2026-03-01T12:00:00Z"}');
        self::assertSame('add', $this->client()->status('example.com')['superseded']['change']);
        $redis->del('pilotsync:{app1}:superseded');
        self::assertArrayNotHasKey('superseded', $this->client()->status('example.com'));
    }

    /** With users.acl of 0.1.0. */
    public function testStatusComesWithoutASupersededChangeThatRedisDenies(): void
    {
        $redis = $this->server->redis();
        $redis->hSet('pilotsync:{app1}:pending', 'example.com', '{"seq":9,"recorded_at":"2026-03-01T12:05:01Z"}');
        $redis->hSet('pilotsync:{app1}:superseded', 'example.com', '{"seq":7,"requested_at":"2026-03-01T12:00:00Z"}');
        $redis->rawCommand('ACL', 'SETUSER', 'old', 'on', '>pw', '+@all', '~pilotsync:{app1}:pending', '~pilotsync:{app1}:domains', '~pilotsync:{app1}:sync');
        $client = new Client('redis://old:pw@127.0.0.1:' . $this->server->port . '/0', 'app1');
        foreach ([$client->status('example.com'), $client->status('example.com')] as $status) {
            self::assertSame('pending', $status['state']);
            self::assertArrayNotHasKey('superseded', $status);
        }
        self::assertCount(1, $redis->rawCommand('ACL', 'LOG'));
    }

    public function testStatusHasTheReasonOfRelease010(): void
    {
        $this->server->redis()->hSet('pilotsync:{app1}:domains', 'example.com', '{"domain":"example.com","seq":7,"state":"failed","names":["example.com"],'
            . '"reason":"points nowhere","attempt":2,"problems":[{"name":"example.com","cause":"dns-missing"}],"updated_at":"2026-03-01T12:00:00Z"}');
        $status = $this->client()->status('example.com');
        self::assertSame(['points nowhere', '', []], [$status['reason'], $status['remedy'], $status['problems']]);
        self::assertArrayNotHasKey('cause', $status);
    }
}
