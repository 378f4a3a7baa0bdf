<?php

declare(strict_types=1);

namespace Pilotsync;

/** DNS records to set, as tasks/dnsrecord.go makes them. */
final class DnsRecords
{
    private const WRONG_ADDRESSES = ['DNSMissing', 'DNSAliasDangling', 'DNSElsewhere', 'IPv6Elsewhere'];

    /**
     * The records of the names whose addresses are missing or wrong, or of all names if the domain's own are. None if the
     * server's address isn't known.
     *
     * @param list<string>               $names    the domain first
     * @param list<array<string, mixed>> $problems of the domain, each with name, cause and params
     * @return list<array{type: string, name: string, value: string}>
     */
    public static function toSet(array $names, array $problems): array
    {
        $expected = [];
        $wrong = [];
        foreach ($problems as $problem) {
            if (in_array($problem['cause'] ?? '', self::WRONG_ADDRESSES, true)) {
                $wrong[] = $problem['name'];
                $expected = $expected ?: self::addresses($problem['params']['expected'] ?? []);
            }
        }
        $records = [];
        // If the domain's own addresses are wrong, a verification doesn't report its other names.
        foreach (in_array($names[0] ?? '', $wrong, true) ? $names : array_intersect($names, $wrong) as $name) {
            $domain = strpos($name, 'www.') === 0 ? substr($name, 4) : '';
            if ($expected !== [] && in_array($domain, $names, true)) {
                $records[] = ['type' => 'CNAME', 'name' => $name, 'value' => $domain];
                continue;
            }
            foreach ($expected as $type => $address) {
                $records[] = ['type' => $type, 'name' => $name, 'value' => $address];
            }
        }
        return $records;
    }

    /**
     * The first address of each family. A network isn't an address.
     *
     * @param mixed $texts
     * @return array<string, string> by type of record
     */
    private static function addresses($texts): array
    {
        $first = [];
        foreach (['A' => FILTER_FLAG_IPV4, 'AAAA' => FILTER_FLAG_IPV6] as $type => $family) {
            foreach (is_array($texts) ? $texts : [] as $text) {
                if (!isset($first[$type]) && filter_var($text, FILTER_VALIDATE_IP, $family) !== false) {
                    $first[$type] = $text;
                }
            }
        }
        return $first;
    }
}
