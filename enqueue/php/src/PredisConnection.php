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
            $greeting = self::greetsItself() ? [] : $this->url->greeting();
        }
        try {
            $pipe = $this->predis->pipeline();
            foreach (array_merge($greeting, $commands) as $command) {
                $pipe->executeCommand(RawCommand::create(...$command));
            }
            $replies = @$pipe->execute(); // a notice of PHP's streams says the same as the exception
        } catch (PredisException $e) {
            $this->predis = null; // it would connect again by itself, without the greeting
            if (preg_match('/\b(?:WRONGPASS|NOAUTH|NOPERM|ERR) .*/', $e->getMessage(), $answer) === 1) {
                throw (new ErrorReply($answer[0]))->exception('Redis at ' . $this->url);
            }
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

    /** From version 3 on it says HELLO first, which needs the password. Before, it would take a round trip for each word. */
    private static function greetsItself(): bool
    {
        return version_compare(Predis::VERSION, '3', '>=');
    }

    private function connect(): Predis
    {
        $parameters = ['timeout' => self::TIME_LIMIT, 'read_write_timeout' => self::TIME_LIMIT];
        if ($this->url->socket !== '') {
            $parameters += ['scheme' => 'unix', 'path' => $this->url->socket];
        } else {
            $parameters += ['scheme' => $this->url->tls ? 'tls' : 'tcp', 'host' => $this->url->host, 'port' => $this->url->port];
        }
        if (self::greetsItself()) {
            $login = ['username' => $this->url->user, 'password' => $this->url->password, 'database' => $this->url->db];
            $parameters += array_filter($login, static function ($value): bool {
                return $value !== '' && $value !== 0;
            });
        }
        return new Predis($parameters, ['exceptions' => false]); // errors are answers; a failed connection still throws
    }
}
