<?php

declare(strict_types=1);

namespace Pilotsync;

use Pilotsync\Exception\InvalidInput;

/** A parsed Redis URL. Error messages never quote it, because it may contain a password. */
final class RedisUrl
{
    private const FORMS = 'redis://[user:password@]host[:port][/db], redis-socket:///path[?db=1], unix:///path[?db=1], '
        . 'redis-sentinel://[user:password@]host[:port],…[/db]?master=NAME[&sentinel_user=…][&sentinel_password=…]; '
        . 'for TLS rediss://… and rediss-sentinel://…';
    private const PORT = 6379;
    private const SENTINEL_PORT = 26379;

    /** @var bool */
    public $tls = false;
    /** @var string path of the Unix socket; empty for TCP */
    public $socket = '';
    /** @var string without brackets; empty for a socket, and for Sentinels, which know it */
    public $host = '';
    /** @var int */
    public $port = self::PORT;
    /** @var string */
    public $user = '';
    /** @var string */
    public $password = '';
    /** @var int */
    public $db = 0;
    /** @var list<self> the Sentinels that know the server's address; empty if the URL has it */
    public $sentinels = [];
    /** @var string the Sentinels' name of the server */
    public $master = '';

    /** @throws InvalidInput */
    public function __construct(string $url)
    {
        if (preg_match('/[\s\x00-\x1f\x7f]/', $url) === 1) {
            throw self::invalid('it has white space or a control character in it, perhaps at its end; remove it, or write it in a password as %20');
        }
        if (preg_match('~^([a-z-]+)://(?:([^@/?#]*)@)?([^@/?#\s]*)(/[^@?#]*)?(?:\?([^@?#]*))?\z~', $url, $p) !== 1) {
            throw self::unreadable();
        }
        [, $scheme, $credentials, $hosts, $path, $query] = $p + array_fill(0, 6, '');
        if (strpos($url, '@') !== false) {
            $this->credentials($credentials);
        }
        $options = self::options($query);
        switch ($scheme) {
            case 'redis':
            case 'rediss':
                $this->tls = $scheme === 'rediss';
                [$this->host, $this->port] = self::address($hosts, self::PORT);
                $this->database($path, $options);
                break;
            case 'redis-socket':
            case 'unix':
                $this->socket = rawurldecode($path);
                if ($hosts !== '' || strlen($this->socket) < 2) {
                    throw self::invalid('it takes the path of a socket behind three slashes, as in redis-socket:///run/redis.sock?db=1');
                }
                $this->database('', $options);
                break;
            case 'redis-sentinel':
            case 'rediss-sentinel':
                $this->tls = $scheme === 'rediss-sentinel';
                $this->database($path, $options);
                $this->sentinels($hosts, $options);
                break;
            default:
                throw self::invalid('its scheme is unknown; it takes ' . self::FORMS);
        }
        if ($options !== []) {
            throw self::invalid('its query has something else than db, or for Sentinels master, sentinel_user and sentinel_password');
        }
    }

    /** A copy of this URL with the server's address. */
    public function at(string $host, int $port): self
    {
        $url = clone $this;
        [$url->host, $url->port, $url->sentinels, $url->master] = [$host, $port, [], ''];
        return $url;
    }

    /** The server's address, without user and password. */
    public function __toString(): string
    {
        if ($this->socket !== '') {
            return 'unix://' . $this->socket;
        }
        $scheme = $this->tls ? 'rediss' : 'redis';
        if ($this->sentinels !== []) {
            $hosts = array_map([self::class, 'authority'], $this->sentinels);
            return $scheme . '-sentinel://' . implode(',', $hosts) . '/' . $this->db . '?master=' . $this->master;
        }
        return $scheme . '://' . self::authority($this) . '/' . $this->db;
    }

    private static function authority(self $url): string
    {
        return (strpos($url->host, ':') !== false ? '[' . $url->host . ']' : $url->host) . ':' . $url->port;
    }

    /**
     * The first commands of a new connection. They are sent in the pipeline of the first commands.
     *
     * @return list<list<string>>
     */
    public function handshake(): array
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
            throw self::invalid('it has a user without a password; a password alone has a colon before it, as in redis://:password@host');
        }
    }

    /** @param array<string, string> $options the database is removed from them */
    private function database(string $path, array &$options): void
    {
        $path = $path === '' ? '' : substr($path, 1);
        $given = isset($options['db']);
        $db = $path . ($options['db'] ?? '');
        unset($options['db']);
        if ($path !== '' && $given) {
            throw self::invalid('it names its database twice, in its path and as db; remove one');
        }
        if (($path !== '' || $given) && preg_match('/^[0-9]{1,9}\z/', $db) !== 1) {
            throw self::invalid('its database is no number; it takes /NUMBER behind the host, or ?db=NUMBER');
        }
        $this->db = (int) $db;
    }

    /** @param array<string, string> $options the Sentinels' options are removed from them */
    private function sentinels(string $hosts, array &$options): void
    {
        $this->master = $options['master'] ?? '';
        [$user, $password] = [$options['sentinel_user'] ?? '', $options['sentinel_password'] ?? ''];
        unset($options['master'], $options['sentinel_user'], $options['sentinel_password']);
        if (preg_match('/^[A-Za-z0-9._-]+\z/', $this->master) !== 1) { // Redis's own rule
            throw self::invalid("it doesn't name the master; add ?master=NAME, the Sentinels' name of it (letters, digits, . - and _)");
        }
        if ($user !== '' && $password === '') {
            throw self::invalid('sentinel_user is given without a sentinel_password; a user of the Sentinels needs both');
        }
        foreach (explode(',', $hosts) as $one) {
            if ($one === '' || $one[0] === ':') {
                throw self::invalid('one of its Sentinels has no host; it takes host[:port], several with commas');
            }
            $sentinel = $this->at(...self::address($one, self::SENTINEL_PORT));
            [$sentinel->user, $sentinel->password, $sentinel->db] = [$user, $password, 0];
            $this->sentinels[] = $sentinel;
        }
    }

    /** @return array{string, int} */
    private static function address(string $authority, int $port): array
    {
        if (preg_match('~^(\[[0-9A-Fa-f:.]+\]|[^:\[\],]*)(?::([0-9]{1,5}))?\z~', $authority, $p) !== 1) {
            throw self::unreadable();
        }
        $port = isset($p[2]) ? (int) $p[2] : $port;
        if ($port < 1 || $port > 65535) {
            throw self::invalid('a port is out of range; it takes 1 to 65535');
        }
        return [$p[1] === '' ? 'localhost' : trim($p[1], '[]'), $port];
    }

    /** @return array<string, string> */
    private static function options(string $query): array
    {
        parse_str($query, $options);
        if ($query !== '' && count(explode('&', $query)) !== count($options)) {
            throw self::invalid('an option of its query is given twice, or is empty; each takes one value');
        }
        foreach ($options as $value) {
            if (!is_string($value)) {
                throw self::invalid('an option of its query is a list; each takes one value');
            }
        }
        return $options;
    }

    private static function unreadable(): InvalidInput
    {
        return self::invalid("it can't be read as " . self::FORMS . '; in a user or password write % / ? # @ : as %25 %2F %3F %23 %40 %3A');
    }

    private static function invalid(string $rule): InvalidInput
    {
        return new InvalidInput('the Redis URL is refused: ' . $rule);
    }
}
