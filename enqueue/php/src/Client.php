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
    /** Changes of one script: 1,000 take ten round trips, each far below the time limit. */
    private const CHUNK = 100;
    /** Seconds for a result. A check takes 15 if the domain's name servers don't answer. */
    public const CHECK_WAIT = 20.0;
    private const CHECK_POLL = 200000; // microseconds between two reads of the result

    /** @var string */
    private $appId;
    /** @var callable(): Connection */
    private $open;
    /** @var Connection|null unless it is shared */
    private $connection;
    /** @var string the URL of a shared connection; empty if the connection isn't shared */
    private $shared;
    /** @var array<string, Connection> shared by all clients of a process, by process and URL */
    private static $connections = [];
    /** @var bool whether Redis keeps the queue and the app's number in different slots; then the number takes a round trip of its own */
    private $apart = false;
    /** @var bool whether Redis has no functions, and takes scripts */
    private $scripts = false;
    /** @var bool whether Redis denies its user the superseded changes; phpredis then connects again */
    private $supersededDenied = false;

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
        $this->shared = $connect === null ? $redisUrl : '';
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
        return $this->sendOne(new Change($this->appId, $domain, false, $options));
    }

    /** Requests the removal of a domain from the app's list. As {@see add}. */
    public function remove(string $domain, array $options = []): Receipt
    {
        return $this->sendOne(new Change($this->appId, $domain, true, $options));
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
        return $this->enqueueMany($domains, $options, false);
    }

    /** Requests the removal of domains from the app's list. As {@see addMany}. */
    public function removeMany(array $domains, array $options = []): array
    {
        return $this->enqueueMany($domains, $options, true);
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
        return $this->enqueueAll($requests, function ($request, ?string $parsed): Change {
            return $this->change($request, $parsed);
        });
    }

    /**
     * @param array<int|string, string|array<string, mixed>> $domains
     * @param array<string, mixed> $options
     * @return array<int|string, Receipt>
     */
    private function enqueueMany(array $domains, array $options, bool $remove): array
    {
        return $this->enqueueAll($domains, function ($domain, ?string $parsed) use ($options, $remove): Change {
            $own = is_array($domain) ? $domain : ['domain' => $domain];
            return $this->change(['remove' => $remove] + $own + $options, $parsed);
        });
    }

    /**
     * Checks all items, and then enqueues them. The changes are made twice, since a hundred thousand don't fit into the
     * memory that a site usually has.
     *
     * @param array<int|string, mixed>         $items
     * @param callable(mixed, ?string): Change $change of an item, and its domain in canonical form if that is known
     * @return array<int|string, Receipt>
     */
    private function enqueueAll(array $items, callable $change): array
    {
        $errors = $parsed = [];
        foreach ($items as $key => $item) {
            try {
                $parsed[$key] = $change($item, null)->domain;
            } catch (InvalidInput $e) {
                $errors[$key] = $e;
            }
        }
        if ($errors !== []) {
            throw InvalidInput::batch($errors, count($items));
        }
        return $this->send($items, $change, $parsed);
    }

    /**
     * The status of a domain, as `pilotsync status --json` prints it; null if no worker knows it yet.
     *
     * @return array{app_id: string, domain: string, state: string, names: list<string>, reason: string,
     *               cause?: string, params?: array<string, mixed>, remedy: string, seq: int,
     *               attempt: int, attempts: ?int, next_attempt_at: ?string, updated_at: string,
     *               problems: list<array{name: string, cause?: string, params?: array<string, mixed>, reason: string, remedy: string}>,
     *               next_check_at: ?string, superseded?: array{seq: int, change: string, requested_at: string}}|null
     *         cause is missing if a worker of release 0.1.0 wrote the record. superseded is the last change without
     *         effect, add or remove, since a later one had been recorded; it is missing if there is none, or if this
     *         user of Redis may not read it
     * @throws InvalidInput
     * @throws RedisUnavailable
     * @throws RedisRefused
     */
    public function status(string $domain): ?array
    {
        $domain = Hostname::parse($domain);
        $prefix = 'pilotsync:{' . $this->appId . '}:';
        // No transaction: a full Redis refuses all, even one that only reads. A worker may end a pending
        // change between two of the reads. Its domain is then in what is read later, so it isn't missed.
        $replies = $this->pipelineWithRetry([
            ['HGET', $prefix . 'pending', $domain],
            ['HGET', $prefix . 'domains', $domain],
            ['HGET', $prefix . 'sync', 'trouble'],
            ['HGET', $prefix . 'sync', 'blocked'],
            ['HGET', $prefix . 'sync', 'paused'],
        ]);
        $tried = 'looking up ' . $domain . ' on app ' . $this->appId;
        self::throwFirstError($replies, $tried);
        list($pending, $record, $trouble, $blocked, $paused) = array_map('strval', $replies); // nil becomes empty
        $status = Status::of($this->appId, $domain, $record, $pending, $trouble, $blocked, $paused);
        return $status === null ? null : $status + $this->superseded($domain, $tried);
    }

    /**
     * It isn't read with the rest, since phpredis throws for all if one is denied, as with users.acl of 0.1.0.
     *
     * @return array<string, mixed>
     */
    private function superseded(string $domain, string $tried): array
    {
        if ($this->supersededDenied) {
            return [];
        }
        $replies = $this->pipelineWithRetry([['HGET', 'pilotsync:{' . $this->appId . '}:superseded', $domain]]);
        $this->supersededDenied = $replies[0] instanceof ErrorReply && $replies[0]->isDenied();
        if ($this->supersededDenied) {
            return [];
        }
        self::throwFirstError($replies, $tried);
        return Status::superseded((string) $replies[0]);
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
        self::throwFirstError([$this->script(Scripts::ENQUEUE, $task)], $tried);
        $this->pipelineWithRetry([['PUBLISH', Task::QUEUED, Task::CHECKS]]); // if Redis refuses it, workers find the task later
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
     * @param array<int|string, mixed>         $items
     * @param callable(mixed, ?string): Change $change
     * @param array<int|string, string>        $parsed their domains
     * @return array<int|string, Receipt>
     */
    private function send(array $items, callable $change, array $parsed): array
    {
        $receipts = $existing = $chunk = [];
        try {
            foreach ($items as $key => $item) {
                $chunk[$key] = $change($item, $parsed[$key]);
                if (count($chunk) === self::CHUNK) {
                    $this->sendChunk($chunk, $receipts, $existing);
                    $chunk = [];
                }
            }
            if ($chunk !== []) {
                $this->sendChunk($chunk, $receipts, $existing);
            }
            if ($existing !== []) {
                throw new TaskExists('there is a task already with the id ' . implode(', ', $existing));
            }
        } catch (NotEnqueued $e) {
            $sent = count(array_filter($receipts, static function (Receipt $r): bool {
                return $r->taskId !== '';
            }));
            foreach ($receipts === [] ? [] : array_diff_key($parsed, $receipts) as $key => $domain) {
                $receipts[$key] = new Receipt($this->appId, $domain, 0, false);
            }
            $class = get_class($e);
            throw new $class('enqueued ' . $sent . ' of ' . count($items) . ' changes: ' . $e->getMessage(), $e, $receipts);
        }
        return $receipts;
    }

    private function sendOne(Change $change): Receipt
    {
        return $this->send([$change], static function (Change $change): Change {
            return $change;
        }, [$change->domain])[0];
    }

    /**
     * Enqueues changes by one script.
     *
     * @param array<int|string, Change>  $changes
     * @param array<int|string, Receipt> $receipts those of the changes are added
     * @param list<string>               $existing ids of tasks that existed already
     */
    private function sendChunk(array $changes, array &$receipts, array &$existing): void
    {
        $parts = [];
        foreach ($changes as $change) {
            array_push($parts, ...Task::change($change));
        }
        $first = reset($changes);
        $tried = $first->type() . ' of ' . $first->domain . (count($changes) > 1 ? ' and ' . (count($changes) - 1) . ' more' : '') . ' to app ' . $this->appId;
        $reply = $this->runChanges($parts, count($changes), $tried);
        $seq = (int) $reply[0];
        $taken = array_flip(array_slice($reply, 3));
        $i = 0;
        foreach ($changes as $key => $change) {
            $exists = isset($taken[$i++]);
            if ($exists) {
                $existing[] = Receipt::id($this->appId, $change->domain, $seq);
            }
            $receipts[$key] = new Receipt($this->appId, $change->domain, $seq++, !$exists);
        }
    }

    /**
     * @param list<string> $parts of the messages
     * @return list<mixed> the answer of Scripts::CHANGES
     */
    private function runChanges(array $parts, int $count, string $tried): array
    {
        $pending = Task::pending(Task::QUEUE);
        $number = 'pilotsync:{' . $this->appId . '}:seq';
        if (!$this->apart) {
            $reply = $this->script(Scripts::CHANGES, array_merge(['2', $pending, $number, Task::QUEUE, Task::QUEUED, '', '', ''], $parts));
            $this->apart = $reply instanceof ErrorReply && $reply->crossesSlots();
            if (!$this->apart) {
                return self::list($reply, $tried);
            }
        }
        self::throwFirstError($this->pipelineWithRetry([Task::register()]), 'registering the queue ' . Task::QUEUE);
        $block = self::list($this->script(Scripts::SEQ, ['1', $number, (string) $count]), 'taking ' . $count . ' order numbers for app ' . $this->appId);
        $arguments = ['1', $pending, Task::QUEUE, Task::QUEUED, (string) $block[0], (string) $block[1], (string) $block[2]];
        return self::list($this->script(Scripts::CHANGES, array_merge($arguments, $parts)), $tried);
    }

    /**
     * @param mixed $reply
     * @return list<mixed>
     */
    private static function list($reply, string $tried): array
    {
        if ($reply instanceof ErrorReply) {
            throw $reply->exception($tried);
        }
        if (!is_array($reply) || count($reply) < 3) {
            throw new RedisRefused($tried . ': Redis answered something else than three values');
        }
        return $reply;
    }

    /**
     * Runs a script: as the function that workers made of it, or else as a script, which Redis may not have yet.
     *
     * @param list<string> $arguments number of keys, keys and arguments
     * @return mixed
     */
    private function script(string $script, array $arguments)
    {
        if ($this->scripts) {
            $reply = $this->evaluate($script, $arguments);
            if (!$reply instanceof ErrorReply || !$reply->isDenied()) {
                return $reply;
            }
            $this->scripts = false; // the user has lost the right, since workers have loaded the functions
        }
        $reply = $this->pipelineWithRetry([array_merge(['FCALL', Scripts::functionOf($script)], $arguments)])[0];
        if (!$reply instanceof ErrorReply || !$reply->lacksFunction()) {
            return $reply;
        }
        // Not EVALSHA first: with a Redis that has neither, that would be a third round trip.
        $second = $this->pipeline([array_merge(['EVAL', $script], $arguments)])[0];
        if (!$second instanceof ErrorReply) {
            $this->scripts = true;
        } elseif ($second->isDenied()) {
            return $reply->isDenied() ? $reply : $reply->becauseOfNoWorker();
        }
        return $second;
    }

    /**
     * @param list<string> $arguments number of keys, keys and arguments
     * @return mixed
     */
    private function evaluate(string $script, array $arguments)
    {
        $reply = $this->pipelineWithRetry([array_merge(['EVALSHA', sha1($script)], $arguments)])[0];
        if ($reply instanceof ErrorReply && $reply->isUnknownScript()) {
            $reply = $this->pipeline([array_merge(['EVAL', $script], $arguments)])[0];
        }
        return $reply;
    }

    /**
     * A pipeline that may safely be sent twice. If an existing connection is dead, it is sent again on a new one.
     *
     * @param list<list<string>> $commands
     * @return list<mixed>
     */
    private function pipelineWithRetry(array $commands): array
    {
        $used = $this->connection() !== null;
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
        $connection = $this->connection();
        if ($connection === null) {
            $connection = ($this->open)();
            $this->keep($connection);
        }
        try {
            return $connection->pipeline($commands);
        } catch (NotEnqueued $e) {
            $this->keep(null);
            throw $e;
        }
    }

    private function connection(): ?Connection
    {
        return $this->shared === '' ? $this->connection : self::$connections[$this->shared()] ?? null;
    }

    private function keep(?Connection $connection): void
    {
        if ($this->shared === '') {
            $this->connection = $connection;
        } elseif ($connection === null) {
            unset(self::$connections[$this->shared()]);
        } else {
            self::$connections[$this->shared()] = $connection;
        }
    }

    /** The shared connection's key. A process that was forked takes one of its own. */
    private function shared(): string
    {
        return getmypid() . ' ' . $this->shared;
    }

    /** @param mixed $request */
    private function change($request, ?string $parsed): Change
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
        return new Change($this->appId, $domain, $remove, $request, $parsed);
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
