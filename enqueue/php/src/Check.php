<?php

declare(strict_types=1);

namespace Pilotsync;

use Pilotsync\Exception\InvalidInput;
use Pilotsync\Exception\RedisRefused;

/** A check on request, whether a domain would work: tasks.Check of the Go program. */
final class Check
{
    /** Seconds in which equal checks are one task. */
    private const INTERVAL = 10;

    /** @var string */
    public $appId;
    /** @var string in canonical form */
    public $domain;
    /** @var string */
    private $www = '';
    /** @var int when the check was requested: seconds since 1970, by Redis's clock */
    private $askedAt = 0;

    /**
     * @param array<string, mixed> $options www, as for an addition
     * @throws InvalidInput
     */
    public function __construct(string $appId, string $domain, array $options)
    {
        $change = new Change($appId, $domain, false, $options); // its rules for app, domain and www hold for checks, too
        if (array_diff(array_keys($options), ['www']) !== []) {
            throw new InvalidInput('a check has no other option than www');
        }
        $this->appId = $appId;
        $this->domain = $change->domain;
        $this->www = $options['www'] ?? '';
    }

    /** A copy with the time of the request, in seconds since 1970 by Redis's clock. */
    public function at(int $askedAt): self
    {
        $check = clone $this;
        $check->askedAt = $askedAt;
        return $check;
    }

    public function id(): string
    {
        return 'check:' . $this->appId . ':' . $this->domain . ':' . $this->www . ':' . intdiv($this->askedAt, self::INTERVAL);
    }

    /** The payload in JSON, as tasks.Decode reads it. */
    public function payload(): string
    {
        $www = $this->www === '' ? [] : ['www' => $this->www];
        $fields = ['app_id' => $this->appId, 'domain' => $this->domain] + $www + ['asked_at' => gmdate('Y-m-d\TH:i:s\Z', $this->askedAt), 'v' => 1];
        return (string) json_encode($fields, JSON_UNESCAPED_SLASHES);
    }

    /**
     * A worker's result, with the texts of its causes.
     *
     * @return array{domain: string, names: list<string>, ok: bool, cause?: string, params?: array<string, mixed>,
     *               reason: string, remedy: string,
     *               problems: list<array{name: string, cause?: string, params?: array<string, mixed>, reason: string, remedy: string}>,
     *               records: list<array{type: string, name: string, value: string, networks?: list<string>}>}
     * @throws RedisRefused
     */
    public static function result(string $json): array
    {
        $result = json_decode($json, true);
        if (!is_array($result) || !is_string($result['domain'] ?? null) || !is_bool($result['ok'] ?? null)) {
            throw new RedisRefused("the result of the check isn't one; is this Redis pilotsync's?");
        }
        $cause = Cause::read($result);
        $problems = [];
        foreach (is_array($result['problems'] ?? null) ? $result['problems'] : [] as $problem) {
            $problem = Cause::read($problem);
            $name = $problem->text('name');
            $problems[] = ['name' => $name === '' ? $result['domain'] : $name] + $problem->members()
                + ['reason' => $problem->sentence(), 'remedy' => $problem->remedy()];
        }
        return ['domain' => $result['domain'], 'names' => self::texts($result['names'] ?? []), 'ok' => $result['ok']] + $cause->members() + [
            'reason' => $cause->sentence(),
            'remedy' => $cause->remedy(),
            'problems' => $problems,
            'records' => self::records($result['records'] ?? []),
        ];
    }

    /**
     * @param mixed $list
     * @return list<string>
     */
    private static function texts($list): array
    {
        return is_array($list) ? array_values(array_filter($list, 'is_string')) : [];
    }

    /**
     * @param mixed $list
     * @return list<array{type: string, name: string, value: string, networks?: list<string>}>
     */
    private static function records($list): array
    {
        $records = [];
        foreach (is_array($list) ? $list : [] as $record) {
            if (is_string($record['type'] ?? null) && is_string($record['name'] ?? null) && is_string($record['value'] ?? null)) {
                $networks = self::texts($record['networks'] ?? []);
                $records[] = ['type' => $record['type'], 'name' => $record['name'], 'value' => $record['value']] + ($networks === [] ? [] : ['networks' => $networks]);
            }
        }
        return $records;
    }
}
