<?php

declare(strict_types=1);

namespace Pilotsync;

/**
 * DNS records, as tasks/dnsrecord.go makes them: action (set, change or delete), type, name,
 * value; networks if any address in them is right. found is what DNS has in place of the value.
 */
final class DnsRecords
{
    private const WRONG_ADDRESSES = ['DNSMissing', 'DNSAliasDangling', 'DNSElsewhere', 'IPv6Elsewhere'];
    private const CAA = '0 issue "letsencrypt.org"';

    /**
     * What repairs DNS. The records are those of the names whose addresses are missing or wrong, or of
     * all names if the domain's are. There are none if it isn't known where DNS should point.
     *
     * @param list<string>               $names    the domain first
     * @param list<array<string, mixed>> $problems of the domain, each with name, cause and params
     * @return list<array<string, mixed>>
     */
    public static function toChange(array $names, array $problems): array
    {
        $right = [];
        $wrong = [];
        foreach ($problems as $problem) {
            if (in_array($problem['cause'] ?? '', self::WRONG_ADDRESSES, true) && is_string($problem['name'] ?? null)) {
                $wrong += [$problem['name'] => $problem];
                $right = $right ?: self::leadingTo($problem['params']['expected'] ?? []);
            }
        }
        $all = $wrong[$names[0] ?? '']['cause'] ?? 'IPv6Elsewhere';
        $records = [];
        foreach (array_unique($names) as $name) {
            // If the domain's own addresses are wrong, a verification doesn't report its other names.
            if (isset($wrong[$name]) || $all !== 'IPv6Elsewhere') {
                $records = array_merge($records, self::changes($wrong[$name] ?? [], (string) $name, $names, $right));
            }
        }
        foreach ($problems as $problem) {
            $record = $problem['params']['record'] ?? '';
            if (($problem['cause'] ?? '') === 'CAAForbids' && is_string($record) && $record !== '') {
                $caa = ['action' => 'set', 'type' => 'CAA', 'name' => $record, 'value' => self::CAA];
                $records = in_array($caa, $records, true) ? $records : array_merge($records, [$caa]);
            }
        }
        return $records;
    }

    /**
     * The A and the AAAA record that lead to a server, without a name. They have the first
     * address of each family, or networks if no single address is known.
     *
     * @param mixed $expected addresses and networks; anything else is left out
     * @return list<array{type: string, value: string, networks?: list<string>}>
     */
    public static function leadingTo($expected): array
    {
        $values = [];
        $networks = [];
        foreach (is_array($expected) ? $expected : [] as $text) {
            if (!is_string($text)) {
                continue;
            }
            preg_match('~^(.*)/(0|[1-9][0-9]{0,2})\z~', $text, $parts);
            $address = self::address($parts[1] ?? $text);
            $whole = self::isMapped($parts[1] ?? $text) || strpos($address, ':') !== false ? 128 : 32;
            $bits = (int) ($parts[2] ?? $whole);
            if ($address === '' || $bits > $whole) {
                continue;
            }
            if ($bits === $whole) {
                $values += [self::type($address) => $address];
            } else {
                $networks[self::type($address)][] = (self::isMapped($parts[1]) ? '::ffff:' : '') . "$address/$bits";
            }
        }
        $records = [];
        foreach (['A', 'AAAA'] as $type) {
            if (isset($values[$type])) {
                $records[] = ['type' => $type, 'value' => $values[$type]];
            } elseif ($values === [] && isset($networks[$type])) {
                $records[] = ['type' => $type, 'value' => '', 'networks' => $networks[$type]];
            }
        }
        return $records;
    }

    /**
     * Repairs one name. An empty problem means that it isn't known what DNS has.
     *
     * @param array<string, mixed>       $problem
     * @param list<string>               $names
     * @param list<array<string, mixed>> $right
     * @return list<array<string, mixed>>
     */
    private static function changes(array $problem, string $name, array $names, array $right): array
    {
        $found = [];
        $params = $problem['params'] ?? [];
        foreach (is_array($params['found'] ?? null) ? $params['found'] : [] as $text) {
            $address = is_string($text) ? self::address($text) : '';
            if ($address !== '') {
                $found[self::type($address)][] = $address;
            }
        }
        $domain = strpos($name, 'www.') === 0 ? substr($name, 4) : '';
        $isIPv6 = ($problem['cause'] ?? '') === 'IPv6Elsewhere'; // the other addresses are right
        $isAlias = !$isIPv6 && $right !== [] && in_array($domain, $names, true);
        $target = explode(' ', is_string($params['target'] ?? null) ? $params['target'] : '')[0]; // of an alias in a circle, the first step
        if (($problem['cause'] ?? '') === 'DNSAliasDangling' && $target !== '') {
            $found['CNAME'] = [$target];
        }
        $records = [];
        foreach ($isAlias ? [['type' => 'CNAME', 'value' => $domain]] : $right as $record) {
            $type = $record['type'];
            if ($isIPv6 && ($type !== 'AAAA' || $record['value'] === '')) {
                continue;
            }
            // A CNAME record takes the place of all that is there.
            $has = $isAlias ? array_merge($found['CNAME'] ?? [], $found['A'] ?? [], $found['AAAA'] ?? []) : $found[$type] ?? [];
            $records[] = ['action' => $has === [] ? 'set' : 'change', 'type' => $type, 'name' => $name] + $record + ($has === [] ? [] : ['found' => $has]);
            $found = $isAlias ? [] : array_diff_key($found, [$type => true]);
        }
        if ($records === [] && !$isIPv6) {
            return []; // a name isn't left without a record
        }
        $deleted = [];
        foreach (['CNAME', 'A', 'AAAA'] as $type) {
            foreach ($found[$type] ?? [] as $value) {
                $deleted[] = ['action' => 'delete', 'type' => $type, 'name' => $name, 'value' => $value];
            }
        }
        return array_merge($deleted, $records);
    }

    private static function type(string $address): string
    {
        return strpos($address, ':') === false ? 'A' : 'AAAA';
    }

    /** An address in its usual form, an IPv4 address in IPv6's form as IPv4; empty if it isn't one. */
    private static function address(string $text): string
    {
        if (filter_var($text, FILTER_VALIDATE_IP) === false) {
            return '';
        }
        $bytes = (string) inet_pton($text);
        return (string) inet_ntop(self::isMapped($text) ? substr($bytes, 12) : $bytes);
    }

    private static function isMapped(string $text): bool
    {
        $bytes = filter_var($text, FILTER_VALIDATE_IP, FILTER_FLAG_IPV6) === false ? '' : (string) inet_pton($text);
        return strncmp($bytes, str_repeat("\0", 10) . "\xff\xff", 12) === 0;
    }
}
