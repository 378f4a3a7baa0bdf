<?php

declare(strict_types=1);

namespace Pilotsync;

use Pilotsync\Exception\InvalidDomain;

/**
 * Parses host names that can be mapped: the same rules, in the same order, as the Go program's
 * tasks.ParseDomain.
 */
final class Hostname
{
    // Lengths of RFC 1035, in bytes of the ASCII form. A name's excludes the dot of the root.
    private const MAX_LABEL = 63;
    private const MAX_NAME = 253;

    // Unicode's White_Space in UTF-8, byte by byte, because the value may not be UTF-8.
    private const SPACE = '(?:[\t-\r ]|\xC2[\x85\xA0]|\xE1\x9A\x80|\xE2\x80[\x80-\x8A\xA8\xA9\xAF]|\xE2\x81\x9F|\xE3\x80\x80)';
    private const SPACE_NAMES = [' ' => 'a space', "\t" => 'a tab', "\u{A0}" => 'a no-break space', "\n" => 'a line break', "\r" => 'a line break'];

    // IDNA's other label separators; and ẞ, which older tables map to ss, another name.
    private const SEPARATORS = ['。' => '.', '．' => '.', '｡' => '.', 'ẞ' => 'ß'];

    // ICU's errors about lengths, hyphens and empty labels. check() has its own rules for these, and accepts
    // my--shop.example.com. The bits are UIDNA_ERROR_… of ICU's uidna.h, most of which PHP defines, too.
    private const NOT_FOR_ICU = 0x01 | 0x02 | 0x04 | 0x08 | 0x10 | 0x20;

    /**
     * Returns the canonical form of a host name: trimmed, lower case, without the root's dot, and in ASCII (IDNA as in
     * UTS #46, non-transitional: ß stays ß, as in browsers). A canonical name is returned unchanged. The first label
     * may be a wildcard.
     *
     * Dashes, quotes, bullets, invisible characters and others that IDNA2008 forbids are refused, except emoji. UTS #46
     * allows many of them, but they usually enter a list by mistake. The exception suggests the name that was meant.
     *
     * @throws InvalidDomain
     */
    public static function parse(string $raw): string
    {
        try {
            return self::check($raw);
        } catch (InvalidDomain $e) {
            throw strlen($raw) > 4 * self::MAX_NAME ? $e : $e->withSuggestion(self::suggest($raw));
        }
    }

    /** @throws InvalidDomain without a suggestion */
    private static function check(string $raw): string
    {
        // First what people paste instead of a name: IDNA's error would only name one character.
        $name = (string) preg_replace('/^' . self::SPACE . '+|' . self::SPACE . '+\z/', '', $raw);
        $name = strtr($name, self::SEPARATORS);
        if (substr($name, -1) === '.') {
            $name = substr($name, 0, -1);
        }
        if ($name === '') {
            throw new InvalidDomain($raw, 'empty', 'it is empty; give a name such as example.com');
        }
        if (strlen($name) > 4 * self::MAX_NAME) { // no real name is this long, and punycode takes quadratic time
            throw new InvalidDomain($raw, 'length', 'it is longer than ' . self::MAX_NAME . ' characters; give a shorter name');
        }
        if (preg_match('//u', $name) !== 1 || strpos($name, "\u{FFFD}") !== false) {
            throw new InvalidDomain($raw, 'idna', 'it has bytes that are no UTF-8; send it in UTF-8');
        }
        if (preg_match('/' . self::SPACE . '/', $name, $space) === 1) {
            $what = self::SPACE_NAMES[$space[0]] ?? 'a space of another kind';
            throw new InvalidDomain($raw, 'space', 'it has ' . $what . ' inside; give one name without spaces');
        }
        if (strpos($name, '://') !== false) {
            throw new InvalidDomain($raw, 'scheme', 'it has a scheme; leave out everything up to ://');
        }
        if (strpbrk($name, '/\\?#') !== false) {
            throw new InvalidDomain($raw, 'path', 'it has a path; leave out the first of / \\ ? # and all that follows');
        }
        if (strpos($name, '@') !== false) {
            throw new InvalidDomain($raw, 'user', 'it has a user part; leave out everything up to the @');
        }
        if (self::isIp($name)) {
            throw new InvalidDomain($raw, 'ip', 'it is an IP address; give the name that points to it');
        }
        if (strpos($name, ':') !== false) {
            throw new InvalidDomain($raw, 'port', 'it has a port; leave out the colon and the number');
        }
        if (strpos($name, '_') !== false) {
            throw new InvalidDomain($raw, 'underscore', "it has an underscore, which host names don't allow; use a hyphen");
        }
        $violation = HostnameCharacters::violation($name);
        if ($violation !== '') {
            throw new InvalidDomain($raw, 'idna', $violation);
        }

        $prefix = strncmp($name, '*.', 2) === 0 ? '*.' : '';
        $host = substr($name, strlen($prefix));
        if (strpos($host, '*') !== false) {
            throw new InvalidDomain($raw, 'wildcard', 'a wildcard is the whole first label or nothing; give it as in *.example.com');
        }
        $ascii = self::toAscii($raw, $host);
        if (strlen($prefix . $ascii) > self::MAX_NAME) {
            throw new InvalidDomain($raw, 'length', 'it has ' . strlen($prefix . $ascii) . ' characters in ASCII; shorten it to ' . self::MAX_NAME);
        }
        $labels = explode('.', $ascii);
        foreach ($labels as $label) {
            if ($label === '') {
                throw new InvalidDomain($raw, 'empty-label', 'it has an empty label; remove the extra dot');
            }
            if (strlen($label) > self::MAX_LABEL) {
                throw new InvalidDomain($raw, 'label-length', 'the label ' . substr($label, 0, 10) . '… has ' . strlen($label)
                    . ' characters in ASCII; shorten it to ' . self::MAX_LABEL);
            }
            if ($label[0] === '-' || substr($label, -1) === '-') {
                throw new InvalidDomain($raw, 'hyphen', 'the label ' . $label . ' starts or ends with a hyphen; remove the hyphen');
            }
        }
        if (self::isIp($ascii)) { // written with digits that IDNA maps to ASCII
            throw new InvalidDomain($raw, 'ip', 'it is an IP address; give the name that points to it');
        }
        if (count($labels) < 2) {
            throw new InvalidDomain($raw, 'labels', 'it has one label only; give the full name, such as ' . $ascii . '.example.com');
        }
        $tld = $labels[count($labels) - 1];
        if (trim($tld, '0123456789') === '') {
            throw new InvalidDomain($raw, 'tld', 'its last label, ' . $tld . ', is a number; no top-level domain is one');
        }
        if (PublicSuffix::is($ascii)) {
            throw new InvalidDomain($raw, 'suffix', $ascii . ' is a public suffix, under which anyone can register; give a name below it, such as example.' . $ascii);
        }
        return $prefix . $ascii;
    }

    /**
     * The name that a refused value probably meant, or '' if that is unclear. It never chooses between two names. From
     * the middle of a name it removes only quotes and invisible characters.
     */
    private static function suggest(string $raw): string
    {
        if (preg_match('//u', $raw) !== 1) {
            return '';
        }
        $word = '';
        foreach ((array) preg_split('/(?:' . self::SPACE . '|[,;])+/', $raw, -1, PREG_SPLIT_NO_EMPTY) as $w) {
            if (preg_match('/^[0-9]{1,4}[.):]\z/', $w) === 1 || !HostnameCharacters::hasLetterOrDigit($w)) {
                continue; // a list's bullet or number
            }
            if ($word !== '') {
                return '';
            }
            $word = $w;
        }
        $word = HostnameCharacters::trimPunctuation($word);
        $word = (string) preg_replace('~^(?:(?:[a-z][a-z0-9+.-]*:)?//|https?:)~i', '', $word);
        $word = substr($word, 0, strcspn($word, '/\\?#'));
        $at = strrpos($word, '@');
        $word = (string) preg_replace('/:[0-9]*\z/', '', $at === false ? $word : (string) substr($word, $at + 1));
        $word = HostnameCharacters::replaceInvalid(strtr(HostnameCharacters::trimPunctuation($word), self::SEPARATORS));
        $word = trim((string) preg_replace('/\.\.+/', '.', $word), '.');
        foreach ([$word, str_replace(["\u{200C}", "\u{200D}"], '', $word)] as $name) {
            try {
                $domain = self::check($name);
                return strpos($domain, 'xn--') !== false ? $name : $domain;
            } catch (InvalidDomain $e) {
                continue;
            }
        }
        return '';
    }

    /** Plain ASCII doesn't go to ICU: it needs no intl, and ICU refuses -- in the third and fourth place. */
    private static function toAscii(string $raw, string $host): string
    {
        // A label that is only the prefix is an empty label.
        $host = (string) preg_replace('/(?<![^.])xn--(?![^.])/i', '', $host);
        if (preg_match('/[^\x00-\x7F]|(?:^|\.)xn--/i', $host) !== 1) {
            return strtolower($host);
        }
        if (!function_exists('idn_to_ascii')) {
            throw new InvalidDomain($raw, 'idna', "it is an international name, and this PHP can't check those; install PHP's extension intl, or give a name in plain ASCII");
        }
        $flags = IDNA_NONTRANSITIONAL_TO_ASCII | IDNA_USE_STD3_RULES | IDNA_CHECK_BIDI | IDNA_CHECK_CONTEXTJ;
        $info = [];
        @idn_to_ascii($host, $flags, INTL_IDNA_VARIANT_UTS46, $info);
        if (!isset($info['result'], $info['errors'])) { // PHP's buffer for the result has 254 bytes
            throw new InvalidDomain($raw, 'length', 'it is longer in ASCII than ' . self::MAX_NAME . ' characters; shorten it');
        }
        $errors = $info['errors'] & ~self::NOT_FOR_ICU;
        if ($errors !== 0) {
            throw new InvalidDomain($raw, 'idna', sprintf("international names don't allow this spelling (ICU's error 0x%x); check it for stray characters", $errors));
        }
        return $info['result'];
    }

    /** Whether it is an address, with or without brackets and port. */
    private static function isIp(string $s): bool
    {
        if ($s[0] === '[') {
            return true; // no name has brackets
        }
        if (preg_match('/^([0-9.]+):([0-9]{1,5})\z/', $s, $parts) === 1 && (int) $parts[2] <= 65535) {
            $s = $parts[1];
        } elseif (strpos($s, ':') !== false) {
            $s = (string) preg_replace('/(.)%.+\z/s', '$1', $s); // the zone of an IPv6 address
        }
        return filter_var($s, FILTER_VALIDATE_IP) !== false;
    }
}
