<?php

declare(strict_types=1);

namespace Pilotsync;

/** A change or a check as a task in asynq's own format (v0.26); docs/wire-format.md lists every field. */
final class Task
{
    public const QUEUE = 'domains';
    public const CHECKS = 'checks';

    // The same as in the Go client: a change must survive a worker that crashes in a loop, recording it takes
    // milliseconds.
    private const MAX_RETRY = 100;
    private const TIMEOUT = 30; // seconds
    private const RETENTION = 3600; // seconds

    // Of a check: its caller waits for 20 s at most (Client::CHECK_WAIT).
    private const CHECK_RETRY = 3;
    private const CHECK_TIMEOUT = 25; // seconds
    private const CHECK_RETENTION = 120; // seconds

    /**
     * Registers the queue for asynq's Inspector and asynqmon. Each call does, because Redis may have lost its memory.
     *
     * @return list<string>
     */
    public static function register(string $queue = self::QUEUE): array
    {
        return ['SADD', 'asynq:queues', $queue];
    }

    /**
     * The keys and arguments of {@see Scripts::ENQUEUE}, after the script.
     *
     * @param string $pendingSince nanoseconds since 1970
     * @return list<string>
     */
    public static function arguments(Change $change, string $pendingSince): array
    {
        return self::enqueue(self::QUEUE, $change->id(), $change->type(), $change->payload(), [self::MAX_RETRY, self::TIMEOUT, self::RETENTION], $pendingSince);
    }

    /**
     * The same for a check.
     *
     * @return list<string>
     */
    public static function check(Check $check, string $pendingSince): array
    {
        $options = [self::CHECK_RETRY, self::CHECK_TIMEOUT, self::CHECK_RETENTION];
        return self::enqueue(self::CHECKS, $check->id(), 'domain:check', $check->payload(), $options, $pendingSince);
    }

    /** The key of a task, which also has its result. */
    public static function key(string $queue, string $id): string
    {
        return 'asynq:{' . $queue . '}:t:' . $id;
    }

    /**
     * @param array{int, int, int} $options retries, and seconds of the timeout and the retention
     * @return list<string>
     */
    private static function enqueue(string $queue, string $id, string $type, string $payload, array $options, string $pendingSince): array
    {
        $message = Protobuf::bytes(1, $type)
            . Protobuf::bytes(2, $payload)
            . Protobuf::bytes(3, $id)
            . Protobuf::bytes(4, $queue)
            . Protobuf::int(5, $options[0])
            . Protobuf::int(8, $options[1])
            . Protobuf::int(12, $options[2]);
        return ['2', self::key($queue, $id), 'asynq:{' . $queue . '}:pending', $message, $id, $pendingSince];
    }
}
