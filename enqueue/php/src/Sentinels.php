<?php

declare(strict_types=1);

namespace Pilotsync;

use Pilotsync\Exception\NotEnqueued;
use Pilotsync\Exception\RedisUnavailable;

/**
 * Gets the master's address from Redis Sentinels. Each new connection queries them, so a
 * connection after a failover leads to the new master. The failover itself closes earlier
 * connections.
 */
final class Sentinels
{
    /**
     * The URL of the master, from the first Sentinel that knows it. Sentinels that fail or refuse are skipped.
     *
     * @param callable(RedisUrl): Connection $connect
     * @throws RedisUnavailable if none knows it; the message has each one's error
     */
    public static function master(RedisUrl $url, callable $connect): RedisUrl
    {
        $errors = [];
        foreach ($url->sentinels as $sentinel) {
            try {
                $reply = $connect($sentinel)->pipeline([['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', $url->master]])[0];
            } catch (NotEnqueued $e) {
                $errors[] = $e->getMessage();
                continue;
            }
            if (is_array($reply) && count($reply) === 2) {
                return $url->at((string) $reply[0], (int) $reply[1]);
            }
            $errors[] = 'Sentinel at ' . $sentinel . ($reply instanceof ErrorReply ? ': ' . $reply->message : " doesn't know the master " . $url->master);
        }
        throw new RedisUnavailable('no Sentinel returned the master: ' . implode('; ', $errors));
    }
}
