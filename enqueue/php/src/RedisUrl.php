<?php

declare(strict_types=1);

namespace Pilotsync;

use Pilotsync\Exception\InvalidInput;

/** A Redis URL, taken apart. What is wrong with it is told without quoting it: it may hold a password. */
final class RedisUrl
{
    private const FORMS = 'redis://[user:password@]host[:port][/db], rediss://… for TLS, '
        . 'redis-socket:///path[?db=1] or unix:///path[?db=1]';

    /** @var bool */
    public $tls = false;
    /** @var string path of the Unix socket; empty for TCP */
    public $socket = '';
    /** @var string without brackets; empty for a socket */
    public $host = '';
    /** @var int */
    public $port = 6379;
    /** @var string */
    public $user = '';
    /** @var string */
    public $password = '';
    /** @var int */
    public $db = 0;

    /** @throws InvalidInput */
    public function __construct(string $url)
    {
        if (preg_match('~^([a-z-]+)://(?:([^@/?#]*)@)?(\[[0-9A-Fa-f:.]+\]|[^@/?#:\[\]\s]*)(?::([0-9]{1,5}))?(/[^@?#]*)?(?:\?([^@?#]*))?\z~', $url, $p) !== 1) {
            throw self::wrong("it can't be read as " . self::FORMS . '; in a user or password write % / ? # @ : as %25 %2F %3F %23 %40 %3A');
        }
        $p += array_fill(0, 7, '');
        if ($p[2] !== '') {
            $this->credentials($p[2]);
        }
        parse_str($p[6], $query);
        $db = $query['db'] ?? '';
        unset($query['db']);
        if ($query !== []) {
            throw self::wrong('its query has something else than db');
        }
        switch ($p[1]) {
            case 'redis':
            case 'rediss':
                $this->tls = $p[1] === 'rediss';
                $this->host = $p[3] === '' ? 'localhost' : trim($p[3], '[]');
                if ($p[4] !== '') {
                    $this->port = (int) $p[4];
                }
                $path = trim($p[5], '/');
                if ($path !== '' && $db !== '') {
                    throw self::wrong('it names its database twice');
                }
                $db = $path !== '' ? $path : $db;
                break;
            case 'redis-socket':
            case 'unix':
                $this->socket = rawurldecode($p[5]);
                if ($p[3] !== '' || $p[4] !== '' || strlen($this->socket) < 2) {
                    throw self::wrong('it takes the path of a socket behind three slashes, as in redis-socket:///run/redis.sock?db=1');
                }
                break;
            default:
                throw self::wrong('its scheme is unknown; it takes ' . self::FORMS);
        }
        if ($db !== '') {
            if (!is_string($db) || preg_match('/^[0-9]{1,9}\z/', $db) !== 1) {
                throw self::wrong('its database is no number');
            }
            $this->db = (int) $db;
        }
        if ($this->port < 1 || $this->port > 65535) {
            throw self::wrong('its port is none; it takes 1 to 65535');
        }
    }

    /** Where it leads, without user and password. */
    public function __toString(): string
    {
        if ($this->socket !== '') {
            return 'unix://' . $this->socket;
        }
        $host = strpos($this->host, ':') !== false ? '[' . $this->host . ']' : $this->host;
        return ($this->tls ? 'rediss://' : 'redis://') . $host . ':' . $this->port . '/' . $this->db;
    }

    /**
     * What a new connection says first; it is sent in one go with the first commands.
     *
     * @return list<list<string>>
     */
    public function greeting(): array
    {
        $commands = [];
        if ($this->password !== '') {
            $commands[] = $this->user !== '' ? ['AUTH', $this->user, $this->password] : ['AUTH', $this->password];
        }
        if ($this->db !== 0) {
            $commands[] = ['SELECT', (string) $this->db];
        }
        return $commands;
    }

    private function credentials(string $both): void
    {
        $parts = explode(':', $both, 2);
        $this->user = rawurldecode($parts[0]);
        $this->password = rawurldecode($parts[1] ?? '');
        if ($this->password === '') {
            throw self::wrong('it has a user without a password; a password alone has a colon before it, as in redis://:password@host');
        }
    }

    private static function wrong(string $rule): InvalidInput
    {
        return new InvalidInput('the Redis URL is refused: ' . $rule);
    }
}
