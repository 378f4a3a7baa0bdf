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
     * @param string $blocked "1" if no retry can help
     * @param string $paused  the operator who paused the app; empty if it isn't paused
     * @return array<string, mixed>|null
     */
    public static function of(string $appId, string $domain, string $record, string $pending, string $failure, string $blocked, string $paused): ?array
    {
        if ($record === '' && $pending === '') {
            return null;
        }
        $r = self::decode($record);
        $cause = Cause::read($r);
        $warnings = is_array($r['warnings'] ?? null) ? array_values(array_map([Cause::class, 'read'], $r['warnings'])) : [];
        $status = [
            'app_id' => $appId,
            'domain' => $domain,
            'state' => $r['state'] ?? '',
            'names' => $r['names'] ?? [],
            'reason' => $cause->code === '' ? $r['reason'] ?? '' : self::reason($cause, $warnings),
        ];
        $remedy = self::remedy($cause, $warnings, $status['state']);
        $times = ['seq' => $r['seq'] ?? 0, 'updated_at' => $r['updated_at'] ?? null, 'check' => $r['next_attempt_at'] ?? $r['watch_at'] ?? null];
        if ($pending !== '') {
            $change = self::decode($pending);
            $cause = self::pendingCause($appId, $change, $failure, $blocked, $paused);
            $status['state'] = 'pending';
            $status['names'] = $status['names'] === [] ? [$domain] : $status['names'];
            $status['reason'] = $cause->sentence();
            $remedy = $cause->remedy();
            $times = ['seq' => $change['seq'] ?? 0, 'updated_at' => $change['recorded_at'] ?? null, 'check' => null];
        }
        return $status + $cause->members() + [
            'remedy' => $remedy,
            'seq' => $times['seq'],
            'attempt' => $r['attempt'] ?? 0,
            'attempts' => $r['limit'] ?? null,
            'next_attempt_at' => self::utc($r['next_attempt_at'] ?? null),
            'updated_at' => self::utc($times['updated_at']),
            'problems' => $problems = self::problems($domain, Cause::read($r), $warnings),
            'records' => DnsRecords::toChange($status['names'], $problems),
            'next_check_at' => self::utc($times['check']),
        ];
    }

    /**
     * What a status has besides, if a change of the domain was superseded.
     *
     * @param string $change JSON from the hash superseded; empty for none
     * @return array<string, mixed>
     */
    public static function superseded(string $change): array
    {
        $c = self::decode($change);
        return $c === [] ? [] : ['superseded' => [
            'seq' => $c['seq'] ?? 0,
            'change' => empty($c['remove']) ? 'add' : 'remove',
            'requested_at' => self::utc($c['requested_at'] ?? null),
        ]];
    }

    /** @param list<Cause> $warnings */
    private static function reason(Cause $cause, array $warnings): string
    {
        $reason = $cause->sentence();
        foreach ($warnings as $warning) {
            $reason .= '; warning: ' . $warning->sentence();
        }
        return $reason;
    }

    /**
     * What to do about the problems. Without one it is what to do while the domain is checked, and
     * then empty.
     *
     * @param list<Cause> $warnings
     * @param mixed       $state
     */
    private static function remedy(Cause $cause, array $warnings, $state): string
    {
        $remedies = [];
        foreach (self::causes($cause, $warnings) as $problem) {
            $remedies[] = $problem->remedy();
        }
        $remedies = array_unique(array_filter($remedies, 'strlen'));
        $checked = in_array($state, ['checking-dns', 'checking-ssl-cert'], true);
        return $remedies === [] && $checked ? $cause->remedy() : implode(' ', $remedies);
    }

    /**
     * The causes that are problems, the domain's first.
     *
     * @param list<Cause> $warnings
     * @return list<Cause>
     */
    private static function causes(Cause $cause, array $warnings): array
    {
        return array_merge($cause->isProblem() ? [$cause] : [], $warnings);
    }

    /**
     * What a pending change waits for.
     *
     * @param array<string, mixed> $change
     */
    private static function pendingCause(string $appId, array $change, string $failure, string $blocked, string $paused): Cause
    {
        if ($paused !== '') {
            return new Cause('AppPaused', ['app' => $appId, 'by' => $paused]);
        }
        if ($failure !== '') {
            return new Cause($blocked === '1' ? 'AppBlocked' : 'AppFailing', ['app' => $appId, 'message' => $failure]);
        }
        if (($change['preview'] ?? '') !== '') {
            return new Cause('DryRun', ['would' => $change['preview']]);
        }
        return new Cause(empty($change['remove']) ? 'WaitsToBeListed' : 'WaitsToBeRemoved');
    }

    /**
     * The names that don't work, or won't soon.
     *
     * @param list<Cause> $warnings
     * @return list<array<string, mixed>>
     */
    private static function problems(string $domain, Cause $cause, array $warnings): array
    {
        $problems = [];
        foreach (self::causes($cause, $warnings) as $problem) {
            $name = $problem->params['name'] ?? '';
            $problems[] = ['name' => $name === '' ? $domain : $name] + $problem->members()
                + ['reason' => $problem->sentence(), 'remedy' => $problem->remedy()];
        }
        return $problems;
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
