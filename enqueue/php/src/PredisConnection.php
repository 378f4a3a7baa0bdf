<?php

declare(strict_types=1);

namespace Pilotsync;

use Pilotsync\Exception\RedisUnavailable;
use Predis\Client as Predis;
use Predis\Command\RawCommand;
use Predis\PredisException;
use Predis\Response\ErrorInterface;
use Predis\Response\Status;

/** A connection over Predis, 1.1 or later. */
final class PredisConnection implements Connection
{
    /** @var RedisUrl */
    private $url;
    /** @var Predis|null */
    private $predis;

    public function __construct(RedisUrl $url)
    {
        $this->url = $url;
    }

    public function pipeline(array $commands): array
    {
        $greeting = [];
        if ($this->predis === null) {
            $this->predis = $this->connect();
            $greeting = $this->url->greeting();
        }
        try {
            $pipe = $this->predis->pipeline();
            foreach (array_merge($greeting, $commands) as $command) {
                $pipe->executeCommand(RawCommand::create(...$command));
            }
            $replies = $pipe->execute();
        } catch (PredisException $e) {
            $this->predis = null; // it would connect again by itself, without the greeting
            throw new RedisUnavailable('Redis at ' . $this->url . ' is unavailable: ' . $e->getMessage(), $e);
        }
        if (!is_array($replies) || count($replies) !== count($greeting) + count($commands)) {
            $this->predis = null;
            throw new RedisUnavailable('Redis at ' . $this->url . ': the answer is incomplete');
        }
        $replies = array_map([$this, 'reply'], $replies);
        foreach (array_splice($replies, 0, count($greeting)) as $reply) {
            if ($reply instanceof ErrorReply) {
                $this->predis = null;
                throw $reply->exception('Redis at ' . $this->url);
            }
        }
        return $replies;
    }

    /**
     * @param mixed $reply
     * @return mixed
     */
    private function reply($reply)
    {
        if ($reply instanceof ErrorInterface) {
            return new ErrorReply($reply->getMessage());
        }
        return $reply instanceof Status ? true : $reply;
    }

    private function connect(): Predis
    {
        $parameters = ['timeout' => self::TIME_LIMIT, 'read_write_timeout' => self::TIME_LIMIT];
        if ($this->url->socket !== '') {
            $parameters += ['scheme' => 'unix', 'path' => $this->url->socket];
        } else {
            $parameters += ['scheme' => $this->url->tls ? 'tls' : 'tcp', 'host' => $this->url->host, 'port' => $this->url->port];
        }
        return new Predis($parameters, ['exceptions' => false]); // errors are answers; a failed connection still throws
    }
}
