<?php

declare(strict_types=1);

namespace Pilotsync;

use Pilotsync\Exception\RedisRefused;
use Pilotsync\Exception\RedisUnavailable;

/** The little of Redis that the client needs, over whichever library is there. */
interface Connection
{
    /** Seconds for connecting, and for each answer. */
    public const TIME_LIMIT = 2.0;

    /**
     * Sends the commands in one go and returns their replies, in one round trip. The first call connects.
     *
     * A reply is an int, a string, a list, null for nil, or an {@see ErrorReply}; a status such as OK is true.
     *
     * @param list<list<string>> $commands each with its arguments
     * @return list<mixed>
     * @throws RedisUnavailable if the connection fails; a connection that failed isn't used again
     * @throws RedisRefused     if Redis refuses to serve, such as for a wrong password
     */
    public function pipeline(array $commands): array;
}
