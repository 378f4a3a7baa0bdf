<?php

declare(strict_types=1);

namespace Pilotsync\Tests;

use PHPUnit\Framework\TestCase;
use Pilotsync\Scripts;

/** A redis-server for one test, on a free port and a Unix socket, with its own folder. It stores nothing on disk. */
final class RedisServer
{
    /** @var int */
    public $port;
    /** @var string */
    public $folder;
    /** @var resource|null */
    private $process;

    /** @param list<string> $arguments of redis-server; {port} and {folder} are filled in */
    public function __construct(array $arguments = [])
    {
        if (trim((string) shell_exec('command -v redis-server')) === '') {
            TestCase::markTestSkipped('needs redis-server on PATH');
        }
        $this->folder = sys_get_temp_dir() . '/pilotsync-' . bin2hex(random_bytes(8));
        mkdir($this->folder, 0700);
        // Another process may take the port before Redis does.
        for ($try = 0; $try < 5; $try++) {
            $this->port = self::freePort();
            if ($this->run($arguments)) {
                return;
            }
            $this->kill();
        }
        throw new \RuntimeException("redis-server doesn't start: " . @file_get_contents($this->folder . '/redis.log'));
    }

    public function url(string $path = ''): string
    {
        return 'redis://127.0.0.1:' . $this->port . $path;
    }

    public function socket(): string
    {
        return $this->folder . '/redis.sock';
    }

    /** A plain connection, to check what was written. */
    public function redis(): \Redis
    {
        $redis = new \Redis();
        $redis->connect($this->socket());
        return $redis;
    }

    /** Loads the functions that workers load. */
    public function loadFunctions(): void
    {
        $redis = $this->redis();
        foreach ([Scripts::SEQ, Scripts::CHANGES, Scripts::ENQUEUE] as $script) {
            $name = Scripts::functionOf($script);
            $redis->rawCommand('FUNCTION', 'LOAD', "#!lua name=$name\nredis.register_function('$name', function(KEYS, ARGV)\n$script\nend)\n");
        }
    }

    /** Ends the server's process, but keeps its folder. */
    public function kill(): void
    {
        if ($this->process !== null) {
            proc_terminate($this->process, 9);
            proc_close($this->process); // waits for it
            $this->process = null;
        }
    }

    public function remove(): void
    {
        $this->kill();
        if (!is_dir($this->folder)) {
            return;
        }
        foreach (glob($this->folder . '/*') ?: [] as $file) {
            unlink($file);
        }
        rmdir($this->folder);
    }

    public static function freePort(): int
    {
        $server = stream_socket_server('tcp://127.0.0.1:0');
        $name = stream_socket_get_name($server, false);
        fclose($server);
        return (int) substr($name, strrpos($name, ':') + 1);
    }

    /** @param list<string> $arguments */
    private function run(array $arguments): bool
    {
        $fill = ['{port}' => (string) $this->port, '{folder}' => $this->folder];
        $command = array_merge(
            ['redis-server', '--bind', '127.0.0.1', '--port', '{port}', '--unixsocket', '{folder}/redis.sock', '--dir', '{folder}',
                '--logfile', '{folder}/redis.log', '--save', '', '--appendonly', 'no'],
            $arguments
        );
        foreach ($command as $i => $word) {
            $command[$i] = strtr($word, $fill);
        }
        $null = ['file', '/dev/null', 'r+'];
        $this->process = proc_open($command, [$null, $null, $null], $pipes);
        $deadline = microtime(true) + 60;
        while (microtime(true) < $deadline && proc_get_status($this->process)['running']) {
            // The socket comes last and is in this test's folder, so this server is ready.
            $conn = @stream_socket_client('unix://' . $this->socket());
            if ($conn !== false) {
                fclose($conn);
                return true;
            }
            usleep(10000);
        }
        return false;
    }
}
