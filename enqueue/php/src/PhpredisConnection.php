<?php

declare(strict_types=1);

namespace Pilotsync;

use Pilotsync\Exception\RedisUnavailable;

/** A connection over PHP's extension redis (phpredis). */
final class PhpredisConnection implements Connection
{
    /** @var RedisUrl */
    private $url;
    /** @var \Redis|null */
    private $redis;

    public function __construct(RedisUrl $url)
    {
        $this->url = $url;
    }

    public function pipeline(array $commands): array
    {
        $handshake = [];
        try {
            if ($this->redis === null) {
                $this->redis = $this->connect();
                $handshake = $this->url->handshake();
            }
            $pipe = $this->redis->pipeline();
            foreach (array_merge($handshake, $commands) as $command) {
                // These two aren't raw, because phpredis repeats them when it reconnects.
                if ($command[0] === 'AUTH') {
                    $pipe->auth(count($command) === 3 ? array_slice($command, 1) : $command[1]);
                } elseif ($command[0] === 'SELECT') {
                    $pipe->select((int) $command[1]);
                } else {
                    $pipe->rawCommand(...$command);
                }
            }
            $this->redis->clearLastError();
            $replies = @$pipe->exec();
            $error = $this->redis->getLastError();
        } catch (\RedisException $e) {
            $this->redis = null;
            if (count($commands) === 1 && strncmp($e->getMessage(), 'NOPERM', 6) === 0) {
                return [new ErrorReply($e->getMessage())]; // other commands may be allowed
            }
            throw $this->failed($e);
        }
        if (!is_array($replies) || count($replies) !== count($handshake) + count($commands)) {
            $this->redis = null;
            throw new RedisUnavailable('Redis at ' . $this->url . ': the reply is incomplete');
        }
        // Nil and an error are both false; without an error it is nil.
        foreach ($replies as $i => $reply) {
            if ($reply === false) {
                $replies[$i] = $error === null ? null : new ErrorReply($error);
            }
        }
        foreach (array_splice($replies, 0, count($handshake)) as $reply) {
            if ($reply instanceof ErrorReply) {
                $this->redis = null;
                throw $reply->exception('Redis at ' . $this->url);
            }
        }
        return $replies;
    }

    private function connect(): \Redis
    {
        $redis = new \Redis();
        $host = $this->url->socket;
        $port = 0;
        if ($host === '') {
            $host = strpos($this->url->host, ':') !== false ? '[' . $this->url->host . ']' : $this->url->host;
            $host = ($this->url->tls ? 'tls://' : '') . $host;
            $port = $this->url->port;
        }
        // The warnings of PHP's streams repeat the exception.
        if (!@$redis->connect($host, $port, self::TIME_LIMIT, null, 0, self::TIME_LIMIT)) {
            throw new \RedisException('no connection');
        }
        if (defined('Redis::OPT_MAX_RETRIES')) {
            $redis->setOption(\Redis::OPT_MAX_RETRIES, 0); // phpredis would send a pipeline again, and then lose its replies
        }
        return $redis;
    }

    /** phpredis throws for some error replies and for all failures of the connection. */
    private function failed(\RedisException $e): \Throwable
    {
        if (preg_match('/^[A-Z]{3,} /', $e->getMessage()) === 1) {
            return (new ErrorReply($e->getMessage()))->exception('Redis at ' . $this->url);
        }
        return new RedisUnavailable('Redis at ' . $this->url . ' is unavailable: ' . $e->getMessage(), $e);
    }
}
