<?php

declare(strict_types=1);

namespace Pilotsync;

use Pilotsync\Exception\InvalidInput;
use Pilotsync\Exception\NoResult;
use Pilotsync\Exception\NotEnqueued;
use Pilotsync\Exception\RedisRefused;
use Pilotsync\Exception\RedisUnavailable;
use Pilotsync\Exception\TaskExists;

/**
 * Puts changes of one app's domains on pilotsync's queue, and returns the status of a domain, or
 * whether one would work. It connects on first use. docs/wire-format.md describes what it writes to Redis.
 */
final class Client
{
    /** Tasks in one pipeline: 1,000 take ten round trips, each far below the time limit. */
    private const CHUNK = 100;
    /** Seconds for a result. A check takes 15 if the domain's name servers don't answer. */
    public const CHECK_WAIT = 20.0;
    private const CHECK_POLL = 200000; // microseconds between two reads of the result

    /** @var string */
    private $appId;
    /** @var callable(): Connection */
    private $open;
    /** @var Connection|null */
    private $connection;
    /** @var bool whether Redis lacked the first script, so that the second one is sent immediately, too */
    private $sendScript = false;

    /**
     * @param string $redisUrl redis://[user:password@]host[:port][/db], redis-socket:///path[?db=1], unix:///path[?db=1] or
     *                         redis-sentinel://host[:port],…[/db]?master=NAME; for TLS rediss:// and rediss-sentinel://
     * @param string $appId    ServerPilot's id of the app
     * @param (callable(RedisUrl): Connection)|null $connect instead of phpredis or Predis, whichever is installed
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
     * Requests the addition of a domain to the app's list.
     *
     * @param string               $domain  as people write it
     * @param array<string, mixed> $options www: always, main_only or never, overrides the worker's setting; site_id:
     *                                      WordPress's id of the site, for the webhook; adopt: true imports names that
     *                                      are already on the list, with or without the www form; attempts: limit of
     *                                      the domain's verification attempts, 1 to 20, overrides the worker's setting.
     *                                      The last addition decides: one without attempts restores the setting;
     *                                      verify: true restarts the verification of a domain that is already listed
     * @throws InvalidInput     if the input is invalid; {@see Exception\InvalidDomain} for the domain
     * @throws RedisUnavailable
     * @throws RedisRefused
     * @throws TaskExists
     */
    public function add(string $domain, array $options = []): Receipt
    {
        return $this->send([new Change($this->appId, $domain, false, $options)])[0];
    }

    /** Requests the removal of a domain from the app's list. As {@see add}. */
    public function remove(string $domain, array $options = []): Receipt
    {
        return $this->send([new Change($this->appId, $domain, true, $options)])[0];
    }

    /**
     * Requests the addition of domains to the app's list. As {@see enqueue}.
     *
     * @param array<int|string, string|array<string, mixed>> $domains each a name, or ['domain' => name] with its own
     *                                                                options, which override $options
     * @param array<string, mixed> $options for all of them
     * @return array<int|string, Receipt>
     */
    public function addMany(array $domains, array $options = []): array
    {
        return $this->enqueue(self::requests($domains, $options, false));
    }

    /** Requests the removal of domains from the app's list. As {@see addMany}. */
    public function removeMany(array $domains, array $options = []): array
    {
        return $this->enqueue(self::requests($domains, $options, true));
    }

    /**
     * Puts additions and removals on the queue, in order. Of two for the same domain, the later one wins.
     *
     * @param array<int|string, array<string, mixed>> $requests each with domain; remove, true or false; and options
     * @return array<int|string, Receipt> by the same keys
     * @throws InvalidInput     if any is invalid; nothing was enqueued, and errors() has the error of each
     * @throws RedisUnavailable some may have been enqueued: receipts() has those that were
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
     * The status of a domain, as `pilotsync status --json` prints it; null if no worker knows it yet.
     *
     * @return array{app_id: string, domain: string, state: string, names: list<string>, reason: string,
     *               cause?: string, params?: array<string, mixed>, remedy: string, seq: int,
     *               attempt: int, attempts: ?int, next_attempt_at: ?string, updated_at: string,
     *               problems: list<array{name: string, cause?: string, params?: array<string, mixed>, reason: string, remedy: string}>,
     *               next_check_at: ?string}|null
     *         cause is missing if a worker of release 0.1.0 wrote the record
     * @throws InvalidInput
     * @throws RedisUnavailable
     * @throws RedisRefused
     */
    public function status(string $domain): ?array
    {
        $domain = Hostname::parse($domain);
        $prefix = 'pilotsync:{' . $this->appId . '}:';
        $replies = $this->pipelineWithRetry([
            ['MULTI'],
            ['HGET', $prefix . 'domains', $domain],
            ['HGET', $prefix . 'pending', $domain],
            ['HGET', $prefix . 'sync', 'trouble'],
            ['HGET', $prefix . 'sync', 'blocked'],
            ['HGET', $prefix . 'sync', 'paused'],
            ['EXEC'],
        ]);
        $tried = 'looking up ' . $domain . ' on app ' . $this->appId;
        self::throwFirstError($replies, $tried);
        $values = $replies[6];
        if (!is_array($values) || count($values) !== 5) {
            throw new RedisRefused($tried . ': Redis answered something else than five values');
        }
        return Status::of($this->appId, $domain, ...array_map('strval', $values)); // nil becomes empty
    }

    /**
     * Asks the workers whether a domain would work, before it is added: its name, room on the list, DNS, proxies, CAA
     * records and the certificate. It changes nothing, and takes a second or two.
     *
     * @param string               $domain  as people write it
     * @param array<string, mixed> $options www: always, main_only or never, overrides the worker's setting
     * @param float                $wait    seconds to wait for the result, up to 20
     * @return array{domain: string, names: list<string>, ok: bool, cause?: string, params?: array<string, mixed>,
     *               reason: string, remedy: string,
     *               problems: list<array{name: string, cause?: string, params?: array<string, mixed>, reason: string, remedy: string}>,
     *               records: list<array{type: string, name: string, value: string, networks?: list<string>}>}
     *         records are those that the names need in DNS; none if the server's address isn't known
     * @throws InvalidInput     if the input is invalid; {@see Exception\InvalidDomain} for the domain
     * @throws NoResult         if no worker answers in time
     * @throws RedisUnavailable
     * @throws RedisRefused
     */
    public function check(string $domain, array $options = [], float $wait = self::CHECK_WAIT): array
    {
        $check = new Check($this->appId, $domain, $options);
        $tried = 'checking ' . $check->domain . ' for app ' . $this->appId;
        $deadline = microtime(true) + min($wait, self::CHECK_WAIT);
        $replies = $this->pipelineWithRetry([['TIME'], Task::register(Task::CHECKS)]);
        self::throwFirstError($replies, $tried);
        if (!is_array($replies[0]) || count($replies[0]) !== 2) {
            throw new RedisRefused($tried . ': Redis answered something else than its time');
        }
        $check = $check->at((int) $replies[0][0]);
        $task = Task::check($check, $replies[0][0] . str_pad((string) $replies[0][1], 6, '0', STR_PAD_LEFT) . '000');
        self::throwFirstError($this->retryWithScript([$task], $this->pipelineWithRetry(self::calls([$task], false))), $tried);
        do {
            $replies = $this->pipelineWithRetry([['HGET', Task::key(Task::CHECKS, $check->id()), 'result']]);
            self::throwFirstError($replies, $tried);
            if (is_string($replies[0])) {
                return Check::result($replies[0]);
            }
            usleep(self::CHECK_POLL);
        } while (microtime(true) < $deadline);
        throw new NoResult($tried . ": no worker answered in time; see 'pilotsync doctor': a worker must run, serve the app, and be as new as this client");
    }

    /**
     * Throws the first error reply, if there is one.
     *
     * @param list<mixed> $replies
     * @throws RedisUnavailable
     * @throws RedisRefused
     */
    private static function throwFirstError(array $replies, string $tried): void
    {
        foreach ($replies as $reply) {
            if ($reply instanceof ErrorReply) {
                throw $reply->exception($tried);
            }
        }
    }

    /**
     * The identity of pilotsync's ledger; empty if it has none yet, or if this user of Redis may not read it. If it
     * changes, Redis lost the ledger: then request all of the app's domains again.
     *
     * @throws RedisUnavailable
     */
    public function ledger(): string
    {
        try {
            $reply = $this->pipelineWithRetry([['HGET', 'pilotsync:ledger', 'id']])[0];
        } catch (RedisRefused $e) {
            return ''; // users.acl of an earlier release doesn't allow it
        }
        return is_string($reply) ? $reply : '';
    }

    /**
     * Records that all of the app's domains were requested again for this ledger, which ends the report of its loss.
     *
     * @throws RedisUnavailable
     */
    public function handedOver(string $ledger): void
    {
        try {
            $this->pipelineWithRetry([['SET', 'pilotsync:{' . $this->appId . '}:handover', $ledger]]);
        } catch (RedisRefused $e) {
            return; // as in ledger()
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
            $this->enqueueTasks($changes, $this->assignNumbers($changes, $receipts), $receipts);
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
     * Sets each change's order number and time, from one block.
     *
     * @param array<int|string, Change>  $changes
     * @param array<int|string, Receipt> $receipts filled in
     * @return string Redis's time in nanoseconds
     */
    private function assignNumbers(array $changes, array &$receipts): string
    {
        $arguments = ['1', 'pilotsync:{' . $this->appId . '}:seq', (string) count($changes)];
        $reply = $this->pipelineWithRetry([['EVALSHA', sha1(Scripts::SEQ), ...$arguments]])[0];
        $this->sendScript = $reply instanceof ErrorReply && $reply->isUnknownScript();
        if ($this->sendScript) {
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
     * Puts the tasks on the queue and sets their ids in the receipts.
     *
     * @param array<int|string, Change>  $changes
     * @param array<int|string, Receipt> $receipts
     */
    private function enqueueTasks(array $changes, string $since, array $receipts): void
    {
        $existing = [];
        foreach (array_chunk($changes, self::CHUNK, true) as $i => $chunk) {
            $tasks = [];
            foreach ($chunk as $change) {
                $tasks[] = Task::arguments($change, $since);
            }
            $before = $i === 0 ? [Task::register()] : [];
            $replies = $this->pipeline(array_merge($before, self::calls($tasks, $i === 0 && $this->sendScript)));
            if ($before !== []) {
                $registered = array_shift($replies);
                if ($registered instanceof ErrorReply) {
                    throw $registered->exception('registering the queue ' . Task::QUEUE);
                }
            }
            $replies = $this->retryWithScript($tasks, $replies);
            foreach (array_keys($chunk) as $n => $key) {
                if ($replies[$n] instanceof ErrorReply) {
                    throw $replies[$n]->exception($chunk[$key]->type() . ' of ' . $chunk[$key]->domain . ' to app ' . $this->appId);
                }
                if ($replies[$n] === 1) {
                    $receipts[$key]->taskId = $chunk[$key]->id();
                } else {
                    $existing[] = $chunk[$key]->id();
                }
            }
        }
        if ($existing !== []) {
            throw new TaskExists('there is a task already with the id ' . implode(', ', $existing));
        }
    }

    /**
     * Sends the tasks again for which Redis lacked the script, in one pipeline.
     *
     * @param list<list<string>> $tasks
     * @param list<mixed>        $replies
     * @return list<mixed>
     */
    private function retryWithScript(array $tasks, array $replies): array
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
     * @param bool               $sendScript whether the first call sends the script, which the others then use
     * @return list<list<string>>
     */
    private static function calls(array $tasks, bool $sendScript): array
    {
        $calls = [];
        foreach ($tasks as $i => $arguments) {
            $calls[] = $sendScript && $i === 0
                ? array_merge(['EVAL', Scripts::ENQUEUE], $arguments)
                : array_merge(['EVALSHA', sha1(Scripts::ENQUEUE)], $arguments);
        }
        return $calls;
    }

    /**
     * A pipeline that may safely be sent twice. If an existing connection is dead, it is sent again on a new one.
     *
     * @param list<list<string>> $commands
     * @return list<mixed>
     */
    private function pipelineWithRetry(array $commands): array
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
