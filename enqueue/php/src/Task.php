<?php

declare(strict_types=1);

namespace Pilotsync;

/** A change as a task in asynq's own format (v0.26); docs/wire-format.md lists every field. */
final class Task
{
    public const QUEUE = 'domains';

    // The same as in the Go client: a change must survive a worker that crashes in a loop, recording it takes
    // milliseconds, and asynqmon shows yesterday's tasks.
    private const MAX_RETRY = 100;
    private const TIMEOUT = 30; // seconds
    private const RETENTION = 86400; // seconds

    /**
     * Registers the queue for asynq's Inspector and asynqmon. Each call does, because Redis may have lost its memory.
     *
     * @return list<string>
     */
    public static function register(): array
    {
        return ['SADD', 'asynq:queues', self::QUEUE];
    }

    /**
     * The keys and arguments of {@see Scripts::ENQUEUE}, after the script.
     *
     * @param string $pendingSince nanoseconds since 1970
     * @return list<string>
     */
    public static function arguments(Change $change, string $pendingSince): array
    {
        $prefix = 'asynq:{' . self::QUEUE . '}:';
        return ['2', $prefix . 't:' . $change->id(), $prefix . 'pending', self::message($change), $change->id(), $pendingSince];
    }

    private static function message(Change $change): string
    {
        return Protobuf::bytes(1, $change->type())
            . Protobuf::bytes(2, $change->payload())
            . Protobuf::bytes(3, $change->id())
            . Protobuf::bytes(4, self::QUEUE)
            . Protobuf::int(5, self::MAX_RETRY)
            . Protobuf::int(8, self::TIMEOUT)
            . Protobuf::int(12, self::RETENTION);
    }
}
