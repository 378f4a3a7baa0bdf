<?php

declare(strict_types=1);

namespace Pilotsync;

/**
 * The public suffix list (https://publicsuffix.org), equal to the Go program's.
 * data/public_suffixes.txt is generated from the version of golang.org/x/net that the workers are
 * built with.
 */
final class PublicSuffix
{
    /** @var array<string, true>|null rules by name, read once per process */
    private static $rules;

    /**
     * Whether a canonical name of two or more labels is itself a public suffix, under which
     * anyone can register. An unknown top-level domain is a suffix of one label.
     */
    public static function is(string $name): bool
    {
        $rules = self::rules();
        if (isset($rules['!' . $name])) {
            return false;
        }
        $dot = strpos($name, '.');
        return isset($rules[$name]) || ($dot !== false && isset($rules['*' . substr($name, $dot)]));
    }

    /** @return array<string, true> */
    private static function rules(): array
    {
        if (self::$rules === null) {
            self::$rules = [];
            $lines = file(__DIR__ . '/../data/public_suffixes.txt', FILE_IGNORE_NEW_LINES | FILE_SKIP_EMPTY_LINES);
            if ($lines === false || $lines === []) {
                throw new \RuntimeException('the public suffix list is missing: ' . dirname(__DIR__) . '/data/public_suffixes.txt');
            }
            foreach ($lines as $line) {
                self::$rules[$line] = true; // comments, which start with //, match no name
            }
        }
        return self::$rules;
    }
}
