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
        $handshake = [];
        if ($this->predis === null) {
            $this->predis = $this->connect();
            $handshake = self::sendsHandshake() ? [] : $this->url->handshake();
        }
        try {
            $pipe = $this->predis->pipeline();
            foreach (array_merge($handshake, $commands) as $command) {
                $pipe->executeCommand(RawCommand::create(...$command));
            }
            $replies = @$pipe->execute(); // a notice of PHP's streams repeats the exception
        } catch (PredisException $e) {
            $this->predis = null; // it would reconnect without the handshake
            if (preg_match('/\b(?:WRONGPASS|NOAUTH|NOPERM|ERR) .*/', $e->getMessage(), $answer) === 1) {
                throw (new ErrorReply($answer[0]))->exception('Redis at ' . $this->url);
            }
            throw new RedisUnavailable('Redis at ' . $this->url . ' is unavailable: ' . $e->getMessage(), $e);
        }
        if (!is_array($replies) || count($replies) !== count($handshake) + count($commands)) {
            $this->predis = null;
            throw new RedisUnavailable('Redis at ' . $this->url . ': the reply is incomplete');
        }
        $replies = array_map([$this, 'reply'], $replies);
        foreach (array_splice($replies, 0, count($handshake)) as $reply) {
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

    /** From version 3 on Predis sends HELLO, which needs the password. Earlier versions need a round trip per command. */
    private static function sendsHandshake(): bool
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
        if (self::sendsHandshake()) {
            $login = ['username' => $this->url->user, 'password' => $this->url->password, 'database' => $this->url->db];
            $parameters += array_filter($login, static function ($value): bool {
                return $value !== '' && $value !== 0;
            });
        }
        return new Predis($parameters, ['exceptions' => false]); // error replies are returned; a failed connection still throws
    }
}
