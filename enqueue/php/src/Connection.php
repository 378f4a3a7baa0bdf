<?php

declare(strict_types=1);

namespace Pilotsync;

use Pilotsync\Exception\RedisRefused;
use Pilotsync\Exception\RedisUnavailable;

/** The part of Redis that the client needs, independent of the Redis library. */
interface Connection
{
    /** Seconds for connecting, and for each reply. */
    public const TIME_LIMIT = 2.0;

    /**
     * Sends the commands and returns their replies in one round trip. The first call connects.
     *
     * A reply is an int, a string, a list, null for nil, or an {@see ErrorReply}; a status such as OK is true.
     *
     * @param list<list<string>> $commands each with its arguments
     * @return list<mixed>
     * @throws RedisUnavailable if the connection fails; it isn't used again
     * @throws RedisRefused     if Redis refuses, such as for a wrong password
     */
    public function pipeline(array $commands): array;
}
