<?php

declare(strict_types=1);

namespace Pilotsync;

/** A change or a check as a task in asynq's own format (v0.26); docs/wire-format.md lists every field. */
final class Task
{
    public const QUEUE = 'domains';
    public const CHECKS = 'checks';
    /** On this channel a queue's name notifies the workers of tasks. */
    public const QUEUED = 'pilotsync:queued';

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
     * A change's arguments of {@see Scripts::CHANGES}: its id without the number; and its message in four parts, which
     * the number, the time and again the number go between.
     *
     * @return list<string>
     */
    public static function change(Change $change): array
    {
        $id = $change->id();
        [$head, $tail] = self::message(self::QUEUE, $id, $change->type(), $change->payload(), [self::MAX_RETRY, self::TIMEOUT, self::RETENTION]);
        $number = strlen(Change::NUMBER);
        $seq = strpos($head, '"seq":') + strlen('"seq":'); // no value before it has a quotation mark
        $at = strpos($head, '"requested_at":"') + strlen('"requested_at":"');
        return [
            substr($id, 0, -$number),
            substr($head, 0, $seq),
            substr($head, $seq + $number, $at - $seq - $number),
            substr($head, $at + strlen(Change::TIME), -$number),
            $tail,
        ];
    }

    /**
     * The keys and arguments of {@see Scripts::ENQUEUE} for a check, after the script.
     *
     * @param string $pendingSince nanoseconds since 1970
     * @return list<string>
     */
    public static function check(Check $check, string $pendingSince): array
    {
        $options = [self::CHECK_RETRY, self::CHECK_TIMEOUT, self::CHECK_RETENTION];
        $message = implode('', self::message(self::CHECKS, $check->id(), 'domain:check', $check->payload(), $options));
        return ['2', self::key(self::CHECKS, $check->id()), self::pending(self::CHECKS), $message, $check->id(), $pendingSince];
    }

    /** The key of a task, which also has its result. */
    public static function key(string $queue, string $id): string
    {
        return 'asynq:{' . $queue . '}:t:' . $id;
    }

    /** The list of a queue's pending tasks. */
    public static function pending(string $queue): string
    {
        return 'asynq:{' . $queue . '}:pending';
    }

    /**
     * A task's message up to its id, and what follows.
     *
     * @param array{int, int, int} $options retries, and seconds of the timeout and the retention
     * @return array{string, string}
     */
    private static function message(string $queue, string $id, string $type, string $payload, array $options): array
    {
        return [
            Protobuf::bytes(1, $type) . Protobuf::bytes(2, $payload) . Protobuf::bytes(3, $id),
            Protobuf::bytes(4, $queue) . Protobuf::int(5, $options[0]) . Protobuf::int(8, $options[1]) . Protobuf::int(12, $options[2]),
        ];
    }
}
