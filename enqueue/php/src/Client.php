<?php

declare(strict_types=1);

namespace Pilotsync;

use Pilotsync\Exception\InvalidInput;
use Pilotsync\Exception\NotEnqueued;
use Pilotsync\Exception\RedisRefused;
use Pilotsync\Exception\RedisUnavailable;
use Pilotsync\Exception\TaskExists;

/**
 * Puts changes of one app's domains on pilotsync's queue, and tells where a domain stands. It connects when it is first
 * used. docs/wire-format.md says what it writes to Redis.
 */
final class Client
{
    /** Tasks sent in one go: 1,000 take ten round trips, and each is well within the time limit. */
    private const CHUNK = 100;

    /** @var string */
    private $appId;
    /** @var callable(): Connection */
    private $open;
    /** @var Connection|null */
    private $connection;
    /** @var bool whether Redis knew no script when last asked, so that the other one is brought along unasked */
    private $teach = false;

    /**
     * @param string $redisUrl redis://[user:password@]host[:port][/db], redis-socket:///path[?db=1], unix:///path[?db=1] or
     *                         redis-sentinel://host[:port],…[/db]?master=NAME; for TLS rediss:// and rediss-sentinel://
     * @param string $appId    ServerPilot's id of the app
     * @param (callable(RedisUrl): Connection)|null $connect instead of phpredis or Predis, whichever is there
     * @throws InvalidInput
     */
    public function __construct(string $redisUrl, string $appId, ?callable $connect = null)
    {
        if (PHP_INT_SIZE < 8) {
            throw new InvalidInput('order numbers need a PHP of 64 bits');
        }
        Change::checkAppId($appId);
        $url = new RedisUrl($redisUrl);
        $connect = $connect ?? static function (RedisUrl $url): Connection {
            return self::connect($url);
        };
        $this->appId = $appId;
        $this->open = static function () use ($connect, $url): Connection {
            return $connect($url->sentinels === [] ? $url : Sentinels::master($url, $connect));
        };
    }

    /**
     * Asks for a domain to be put on the app's list.
     *
     * @param string               $domain  as people write it
     * @param array<string, mixed> $options www: always, main_only or never, in place of the worker's setting; site_id:
     *                                      WordPress's id of the site, for the webhook; adopt: true takes names that are on
     *                                      the list already as they are, www form or not; attempts: limit of the
     *                                      domain's verification attempts, 1 to 20, in place of the worker's setting.
     *                                      The last addition decides: one without attempts brings the setting back;
     *                                      verify: true has a domain that is listed already verified anew
     * @throws InvalidInput     if something is wrong with what was given; {@see Exception\InvalidDomain} for the domain
     * @throws RedisUnavailable
     * @throws RedisRefused
     * @throws TaskExists
     */
    public function add(string $domain, array $options = []): Receipt
    {
        return $this->send([new Change($this->appId, $domain, false, $options)])[0];
    }

    /** Asks for a domain to be taken off the app's list. As {@see add}. */
    public function remove(string $domain, array $options = []): Receipt
    {
        return $this->send([new Change($this->appId, $domain, true, $options)])[0];
    }

    /**
     * Asks for domains to be put on the app's list. As {@see enqueue}.
     *
     * @param array<int|string, string|array<string, mixed>> $domains each a name, or ['domain' => name] with options of
     *                                                                its own, which win over $options
     * @param array<string, mixed> $options for all of them
     * @return array<int|string, Receipt>
     */
    public function addMany(array $domains, array $options = []): array
    {
        return $this->enqueue(self::requests($domains, $options, false));
    }

    /** Asks for domains to be taken off the app's list. As {@see addMany}. */
    public function removeMany(array $domains, array $options = []): array
    {
        return $this->enqueue(self::requests($domains, $options, true));
    }

    /**
     * Puts additions and removals on the queue, in this order: of two for the same domain the later wins.
     *
     * @param array<int|string, array<string, mixed>> $requests each with domain; remove, true or false; and options
     * @return array<int|string, Receipt> by the same keys
     * @throws InvalidInput     if any is wrong; nothing was enqueued, and errors() tells what is wrong with which
     * @throws RedisUnavailable some may have been enqueued: receipts() tells which have
     * @throws RedisRefused     the same
     * @throws TaskExists       all others were enqueued
     */
    public function enqueue(array $requests): array
    {
        $changes = $errors = [];
        foreach ($requests as $key => $request) {
            try {
                $changes[$key] = $this->change($request);
            } catch (InvalidInput $e) {
                $errors[$key] = $e;
            }
        }
        if ($errors !== []) {
            throw InvalidInput::batch($errors, count($requests));
        }
        return $changes === [] ? [] : $this->send($changes);
    }

    /**
     * Where a domain stands, as `pilotsync status --json` prints it; null if no worker has heard of it yet.
     *
     * @return array{app_id: string, domain: string, state: string, names: list<string>, reason: string, seq: int,
     *               attempt: int, attempts: ?int, next_attempt_at: ?string, updated_at: string,
     *               problems: list<array{name: string, cause: string, found?: list<string>, expected?: list<string>}>}|null
     * @throws InvalidInput
     * @throws RedisUnavailable
     * @throws RedisRefused
     */
    public function status(string $domain): ?array
    {
        $domain = Hostname::parse($domain);
        $prefix = 'pilotsync:{' . $this->appId . '}:';
        $replies = $this->again([
            ['MULTI'],
            ['HGET', $prefix . 'domains', $domain],
            ['HGET', $prefix . 'pending', $domain],
            ['HGET', $prefix . 'sync', 'trouble'],
            ['HGET', $prefix . 'sync', 'paused'],
            ['EXEC'],
        ]);
        $tried = 'looking up ' . $domain . ' on app ' . $this->appId;
        foreach ($replies as $reply) {
            if ($reply instanceof ErrorReply) {
                throw $reply->exception($tried);
            }
        }
        $values = $replies[5];
        if (!is_array($values) || count($values) !== 4) {
            throw new RedisRefused($tried . ': Redis answered something else than four values');
        }
        return Status::of($this->appId, $domain, ...array_map('strval', $values)); // nil becomes empty
    }

    /**
     * The identity of pilotsync's ledger; empty if it has none yet, or if this user of Redis may not read it. If it is
     * another than before, Redis lost the ledger: then all of the app's domains have to be handed over again.
     *
     * @throws RedisUnavailable
     */
    public function ledger(): string
    {
        try {
            $reply = $this->again([['HGET', 'pilotsync:ledger', 'id']])[0];
        } catch (RedisRefused $e) {
            return ''; // users.acl of an earlier release gives no right to it
        }
        return is_string($reply) ? $reply : '';
    }

    /**
     * Notes that all of the app's domains were handed over to this ledger, so that the report of a loss ends.
     *
     * @throws RedisUnavailable
     */
    public function handedOver(string $ledger): void
    {
        try {
            $this->again([['SET', 'pilotsync:{' . $this->appId . '}:handover', $ledger]]);
        } catch (RedisRefused $e) {
            return; // the same
        }
    }

    /**
     * @param array<int|string, Change> $changes
     * @return array<int|string, Receipt>
     */
    private function send(array $changes): array
    {
        $receipts = [];
        try {
            $this->put($changes, $this->number($changes, $receipts), $receipts);
        } catch (NotEnqueued $e) {
            $sent = count(array_filter($receipts, static function (Receipt $r): bool {
                return $r->taskId !== '';
            }));
            $class = get_class($e);
            throw new $class('enqueued ' . $sent . ' of ' . count($changes) . ' changes: ' . $e->getMessage(), $e, $receipts);
        }
        return $receipts;
    }

    /**
     * Gives each change its order number and time, from one block.
     *
     * @param array<int|string, Change>  $changes
     * @param array<int|string, Receipt> $receipts filled in
     * @return string Redis's time in nanoseconds
     */
    private function number(array $changes, array &$receipts): string
    {
        $arguments = ['1', 'pilotsync:{' . $this->appId . '}:seq', (string) count($changes)];
        $reply = $this->again([['EVALSHA', sha1(Scripts::SEQ), ...$arguments]])[0];
        $this->teach = $reply instanceof ErrorReply && $reply->isUnknownScript();
        if ($this->teach) {
            $reply = $this->pipeline([['EVAL', Scripts::SEQ, ...$arguments]])[0];
        }
        $tried = 'taking ' . count($changes) . ' order numbers for app ' . $this->appId;
        if ($reply instanceof ErrorReply) {
            throw $reply->exception($tried);
        }
        if (!is_array($reply) || count($reply) !== 3) {
            throw new RedisRefused($tried . ': Redis answered something else than three values');
        }
        $seq = (int) $reply[0];
        foreach ($changes as $key => $change) {
            $receipts[$key] = $change->number($seq++, (string) $reply[1], (string) $reply[2]);
        }
        return $reply[1] . str_pad((string) $reply[2], 6, '0', STR_PAD_LEFT) . '000';
    }

    /**
     * Puts the tasks into the queue, and notes each one's id in its receipt.
     *
     * @param array<int|string, Change>  $changes
     * @param array<int|string, Receipt> $receipts
     */
    private function put(array $changes, string $since, array $receipts): void
    {
        $taken = [];
        foreach (array_chunk($changes, self::CHUNK, true) as $i => $chunk) {
            $tasks = [];
            foreach ($chunk as $change) {
                $tasks[] = Task::arguments($change, $since);
            }
            $before = $i === 0 ? [Task::register()] : [];
            $replies = $this->pipeline(array_merge($before, self::calls($tasks, $i === 0 && $this->teach)));
            if ($before !== []) {
                $registered = array_shift($replies);
                if ($registered instanceof ErrorReply) {
                    throw $registered->exception('registering the queue ' . Task::QUEUE);
                }
            }
            $replies = $this->withScript($tasks, $replies);
            foreach (array_keys($chunk) as $n => $key) {
                if ($replies[$n] instanceof ErrorReply) {
                    throw $replies[$n]->exception($chunk[$key]->type() . ' of ' . $chunk[$key]->domain . ' to app ' . $this->appId);
                }
                if ($replies[$n] === 1) {
                    $receipts[$key]->taskId = $chunk[$key]->id();
                } else {
                    $taken[] = $chunk[$key]->id();
                }
            }
        }
        if ($taken !== []) {
            throw new TaskExists('there is a task already with the id ' . implode(', ', $taken));
        }
    }

    /**
     * Sends again, in one go, the tasks for which Redis didn't know the script.
     *
     * @param list<list<string>> $tasks
     * @param list<mixed>        $replies
     * @return list<mixed>
     */
    private function withScript(array $tasks, array $replies): array
    {
        $missing = array_filter($replies, static function ($reply): bool {
            return $reply instanceof ErrorReply && $reply->isUnknownScript();
        });
        if ($missing !== []) {
            $again = $this->pipeline(self::calls(array_values(array_intersect_key($tasks, $missing)), true));
            foreach (array_keys($missing) as $n => $i) {
                $replies[$i] = $again[$n];
            }
        }
        return $replies;
    }

    /**
     * @param list<list<string>> $tasks
     * @param bool               $teach whether the first call brings the script along, for the others to find
     * @return list<list<string>>
     */
    private static function calls(array $tasks, bool $teach): array
    {
        $calls = [];
        foreach ($tasks as $i => $arguments) {
            $calls[] = $teach && $i === 0
                ? array_merge(['EVAL', Scripts::ENQUEUE], $arguments)
                : array_merge(['EVALSHA', sha1(Scripts::ENQUEUE)], $arguments);
        }
        return $calls;
    }

    /**
     * A pipeline that may be sent twice: if a connection that was used before turns out to be dead, once more on a new one.
     *
     * @param list<list<string>> $commands
     * @return list<mixed>
     */
    private function again(array $commands): array
    {
        $used = $this->connection !== null;
        try {
            return $this->pipeline($commands);
        } catch (RedisUnavailable $e) {
            if (!$used) {
                throw $e;
            }
            return $this->pipeline($commands);
        }
    }

    /**
     * @param list<list<string>> $commands
     * @return list<mixed>
     */
    private function pipeline(array $commands): array
    {
        if ($this->connection === null) {
            $this->connection = ($this->open)();
        }
        try {
            return $this->connection->pipeline($commands);
        } catch (NotEnqueued $e) {
            $this->connection = null;
            throw $e;
        }
    }

    /** @param mixed $request */
    private function change($request): Change
    {
        if (!is_array($request) || !is_string($request['domain'] ?? null)) {
            throw new InvalidInput('it takes a domain as a string');
        }
        $remove = $request['remove'] ?? false;
        if (!is_bool($remove)) {
            throw new InvalidInput('remove takes true or false');
        }
        $domain = $request['domain'];
        unset($request['domain'], $request['remove']);
        return new Change($this->appId, $domain, $remove, $request);
    }

    /**
     * @param array<int|string, string|array<string, mixed>> $domains
     * @param array<string, mixed> $options
     * @return array<int|string, array<string, mixed>>
     */
    private static function requests(array $domains, array $options, bool $remove): array
    {
        return array_map(static function ($domain) use ($options, $remove): array {
            $own = is_array($domain) ? $domain : ['domain' => $domain];
            return ['remove' => $remove] + $own + $options;
        }, $domains);
    }

    private static function connect(RedisUrl $url): Connection
    {
        if (class_exists(\Redis::class, false)) {
            return new PhpredisConnection($url);
        }
        if (class_exists(\Predis\Client::class)) {
            return new PredisConnection($url);
        }
        throw new RedisRefused("this PHP can't speak to Redis; install its extension redis (Debian: php-redis), or the package predis/predis");
    }
}
