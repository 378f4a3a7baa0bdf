<?php

declare(strict_types=1);

namespace Pilotsync;

use Pilotsync\Exception\NotEnqueued;
use Pilotsync\Exception\RedisUnavailable;

/**
 * Asks Redis Sentinels where the master is. They are asked for each new connection, so that one made after a failover leads
 * to the new master; a connection of before is closed by the failover itself.
 */
final class Sentinels
{
    /**
     * The URL of the master that the first Sentinel names who knows it; those that don't answer, or refuse, are passed over.
     *
     * @param callable(RedisUrl): Connection $connect
     * @throws RedisUnavailable if none names it; it tells what each said
     */
    public static function master(RedisUrl $url, callable $connect): RedisUrl
    {
        $said = [];
        foreach ($url->sentinels as $sentinel) {
            try {
                $reply = $connect($sentinel)->pipeline([['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', $url->master]])[0];
            } catch (NotEnqueued $e) {
                $said[] = $e->getMessage();
                continue;
            }
            if (is_array($reply) && count($reply) === 2) {
                return $url->at((string) $reply[0], (int) $reply[1]);
            }
            $said[] = 'Sentinel at ' . $sentinel . ($reply instanceof ErrorReply ? ': ' . $reply->message : " doesn't know the master " . $url->master);
        }
        throw new RedisUnavailable('no Sentinel tells where the master is: ' . implode('; ', $said));
    }
}
