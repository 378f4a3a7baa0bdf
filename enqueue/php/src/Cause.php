<?php

declare(strict_types=1);

namespace Pilotsync;

/**
 * Why a domain is in its state, or why one of its names doesn't work: a code of the catalogue with
 * its parameters. It is rendered as in tasks/cause.go. Later releases may add codes.
 */
final class Cause
{
    /** A list of more than three items, one from which items were left out, and networks to choose an address from. */
    public const LISTS = ['{items} and {count} more', '{items} and at least {count} more', 'an address in {items}'];

    private const SHOWN = 3; // items of a list
    private const KEPT = 10; // items; others were left out
    private const LIMIT = 240; // characters of a text

    /** @var string empty for none */
    public $code;
    /** @var array<string, mixed> */
    public $params;

    /** @param array<string, mixed> $params as in JSON; those of another type count as missing */
    public function __construct(string $code, array $params = [])
    {
        $this->code = $code;
        $this->params = $params;
    }

    /**
     * Reads the members cause and params.
     *
     * @param mixed $json decoded JSON; anything else than a cause gives one without a code
     */
    public static function read($json): self
    {
        $code = is_array($json) && is_string($json['cause'] ?? null) ? $json['cause'] : '';
        return new self($code, $code !== '' && is_array($json['params'] ?? null) ? $json['params'] : []);
    }

    /** A clause without a full stop. A code that this release doesn't know is its own description. */
    public function sentence(): string
    {
        return isset(Causes::ALL[$this->code]) ? $this->fill(Causes::ALL[$this->code][0]) : self::sanitize($this->code);
    }

    /** What to do, in full sentences; empty if the code isn't known. */
    public function remedy(): string
    {
        return $this->fill(Causes::ALL[$this->code][1] ?? '');
    }

    /** Who can remove the cause: owner, operator or nobody; empty if the code isn't known. */
    public function actor(): string
    {
        return Causes::ALL[$this->code][2] ?? '';
    }

    /** Whether the name doesn't work yet, or won't soon. */
    public function isProblem(): bool
    {
        return Causes::ALL[$this->code][3] ?? false;
    }

    /**
     * The members cause and params of JSON; none if there is no code.
     *
     * @return array{cause?: string, params?: array<string, mixed>}
     */
    public function members(): array
    {
        return array_filter(['cause' => $this->code, 'params' => $this->params]);
    }

    /** A text parameter as it is shown; empty if it is missing. */
    public function text(string $param): string
    {
        return isset($this->params[$param]) && is_string($this->params[$param]) ? self::sanitize($this->params[$param]) : '';
    }

    /**
     * All items of a list parameter, as they are shown.
     *
     * @return list<string>
     */
    public function texts(string $param): array
    {
        $items = isset($this->params[$param]) && is_array($this->params[$param]) ? $this->params[$param] : [];
        return array_map([self::class, 'sanitize'], array_values(array_filter($items, 'is_string')));
    }

    /**
     * Puts the parameters in the places that a template names in braces. A part in brackets is left
     * out if a parameter in it is empty.
     *
     * @param string                $template of the catalogue, or a translation
     * @param array<string, string>         $rules the texts of the rules
     * @param array{string, string, string} $lists the texts of lists, as in LISTS
     */
    public function fill(string $template, array $rules = Causes::RULES, array $lists = self::LISTS): string
    {
        $texts = $this->addressTexts($lists);
        foreach (Causes::PARAMS as $name => $kind) {
            $texts[$name] = $this->shown($name, $kind, $rules, $lists);
        }
        $optional = static function (array $part) use ($texts): string {
            preg_match_all('/\{([^}]*)\}/', $part[1], $params);
            foreach ($params[1] as $name) {
                if (in_array($texts[$name] ?? '', ['', '0'], true)) {
                    return '';
                }
            }
            return $part[1];
        };
        $param = static function (array $part) use ($texts): string {
            return $texts[$part[1]] ?? '';
        };
        return (string) preg_replace_callback('/\{([^}]*)\}/', $param, (string) preg_replace_callback('/\[([^\]]*)\]/', $optional, $template));
    }

    /**
     * What remedies tell to set, by the parameter expected: the addresses, or networks to choose one
     * from; and the IPv6 address alone.
     *
     * @param array{string, string, string} $lists
     * @return array{value: string, ipv6: string}
     */
    private function addressTexts(array $lists): array
    {
        $records = DnsRecords::leadingTo($this->params['expected'] ?? []);
        $networks = array_merge([], ...array_values(array_column($records, 'networks')));
        if ($networks !== []) {
            return ['value' => strtr($lists[2], ['{items}' => self::someOf($networks, $lists)]), 'ipv6' => ''];
        }
        $values = array_column($records, 'value', 'type');
        return ['value' => implode(', ', $values), 'ipv6' => $values['AAAA'] ?? ''];
    }

    /**
     * The first items of a list.
     *
     * @param list<string>                  $items
     * @param array{string, string, string} $lists
     */
    private static function someOf(array $items, array $lists): string
    {
        $first = implode(', ', array_slice($items, 0, self::SHOWN));
        $rest = count($items) - self::SHOWN;
        return $rest > 0 ? strtr($lists[count($items) < self::KEPT ? 0 : 1], ['{items}' => $first, '{count}' => (string) $rest]) : $first;
    }

    /**
     * @param array<string, string>         $rules
     * @param array{string, string, string} $lists
     */
    private function shown(string $name, string $kind, array $rules, array $lists): string
    {
        switch ($kind) {
            case 'texts':
                return self::someOf($this->texts($name), $lists);
            case 'rule':
                $rule = is_string($this->params[$name] ?? null) ? $this->params[$name] : '';
                return $rules[$rule] ?? $this->text($name);
            case 'number':
                return (string) (is_int($this->params[$name] ?? null) ? $this->params[$name] : 0);
            case 'date':
                return self::utc($this->text($name), 'Y-m-d');
            case 'time':
                return self::utc($this->text($name), 'Y-m-d H:i \U\T\C');
        }
        return $this->text($name);
    }

    /** A time of RFC 3339 in UTC, in a format of PHP's; empty if it isn't one. */
    private static function utc(string $time, string $format): string
    {
        if (preg_match('/^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)\z/', $time, $parts) !== 1) {
            return '';
        }
        $date = date_create_immutable($parts[1] . $parts[2]);
        return $date === false ? '' : $date->setTimezone(new \DateTimeZone('UTC'))->format($format);
    }

    /**
     * Makes a text from outside fit to show: on one line, without invisible characters or runs of
     * spaces, not too long.
     */
    private static function sanitize(string $text): string
    {
        $text = trim((string) preg_replace('/[^\p{L}\p{M}\p{N}\p{P}\p{S}]+/u', ' ', $text));
        return preg_match('/^(.{' . (self::LIMIT - 1) . '}).{2}/u', $text, $parts) === 1 ? $parts[1] . '…' : $text;
    }
}
