<?php

declare(strict_types=1);

namespace Pilotsync;

/** The status of a domain, from what the workers store in Redis. */
final class Status
{
    /**
     * A pending change takes precedence over the record, as in `pilotsync status`.
     *
     * @param string $record  JSON from the hash domains; empty for none
     * @param string $pending JSON from the hash pending; empty for none
     * @param string $failure why the app's last sync failed; empty if it didn't
     * @param string $paused  the operator who paused the app; empty if it isn't paused
     * @return array<string, mixed>|null
     */
    public static function of(string $appId, string $domain, string $record, string $pending, string $failure, string $paused): ?array
    {
        if ($record === '' && $pending === '') {
            return null;
        }
        $r = self::decode($record);
        $status = [
            'app_id' => $appId,
            'domain' => $domain,
            'state' => $r['state'] ?? '',
            'names' => $r['names'] ?? [],
            'reason' => $r['reason'] ?? '',
            'seq' => $r['seq'] ?? 0,
            'attempt' => $r['attempt'] ?? 0,
            'attempts' => $r['limit'] ?? null,
            'next_attempt_at' => self::utc($r['next_attempt_at'] ?? null),
            'updated_at' => self::utc($r['updated_at'] ?? null),
            'problems' => $r['problems'] ?? [],
        ];
        if ($pending !== '') {
            $change = self::decode($pending);
            $status['state'] = 'pending';
            $status['names'] = $status['names'] === [] ? [$domain] : $status['names'];
            $status['reason'] = empty($change['remove']) ? 'waits to be put on the list' : 'waits to be taken off the list';
            if ($paused !== '') {
                $status['reason'] .= ': the app was paused by ' . $paused;
            } elseif ($failure !== '') {
                $status['reason'] .= ': ' . $failure;
            } elseif (($change['preview'] ?? '') !== '') {
                $status['reason'] = 'dry run: ' . $change['preview'];
            }
            $status['seq'] = $change['seq'] ?? 0;
            $status['updated_at'] = self::utc($change['recorded_at'] ?? null);
        }
        return $status;
    }

    /** @return array<string, mixed> */
    private static function decode(string $json): array
    {
        $value = $json === '' ? [] : json_decode($json, true);
        if (!is_array($value)) {
            throw new Exception\RedisRefused("the ledger has something else than JSON; is this Redis pilotsync's?");
        }
        return $value;
    }

    /** A time of RFC 3339 in UTC. It keeps the fraction, because Go writes nine digits, more than PHP's dates support. */
    private static function utc(?string $time): ?string
    {
        if ($time === null || preg_match('/^(.{19})(\.[0-9]+)?([+-][0-9:]{5})\z/', $time, $parts) !== 1) {
            return $time; // already in UTC, with a Z
        }
        $whole = (new \DateTimeImmutable($parts[1] . $parts[3]))->setTimezone(new \DateTimeZone('UTC'));
        return $whole->format('Y-m-d\TH:i:s') . $parts[2] . 'Z';
    }
}
