<?php

declare(strict_types=1);

namespace Pilotsync;

/**
 * The characters of a host name as people type it: the same rules as the Go program's
 * tasks/hostname_characters.go. Allowed are those of IDNA2008 (RFC 5892), letters and digits that
 * IDNA maps to allowed ones, and emoji. UTS #46 alone also allows dashes, bullets and other
 * symbols. A name in its xn-- form isn't checked by these rules. It works without intl.
 */
final class HostnameCharacters
{
    // Unicode's property Emoji without what IDNA maps to other characters: tasks/hostname_emoji.go as a PCRE class.
    private const EMOJI =
        '\x{A9}\x{AE}\x{2194}-\x{2199}\x{21A9}-\x{21AA}\x{231A}-\x{231B}\x{2328}\x{23CF}\x{23E9}-\x{23F3}'
        . '\x{23F8}-\x{23FA}\x{25AA}-\x{25AB}\x{25B6}\x{25C0}\x{25FB}-\x{25FE}\x{2600}-\x{2604}\x{260E}'
        . '\x{2611}\x{2614}-\x{2615}\x{2618}\x{261D}\x{2620}\x{2622}-\x{2623}\x{2626}\x{262A}'
        . '\x{262E}-\x{262F}\x{2638}-\x{263A}\x{2640}\x{2642}\x{2648}-\x{2653}\x{265F}-\x{2660}\x{2663}'
        . '\x{2665}-\x{2666}\x{2668}\x{267B}\x{267E}-\x{267F}\x{2692}-\x{2697}\x{2699}\x{269B}-\x{269C}'
        . '\x{26A0}-\x{26A1}\x{26A7}\x{26AA}-\x{26AB}\x{26B0}-\x{26B1}\x{26BD}-\x{26BE}\x{26C4}-\x{26C5}'
        . '\x{26C8}\x{26CE}-\x{26CF}\x{26D1}\x{26D3}-\x{26D4}\x{26E9}-\x{26EA}\x{26F0}-\x{26F5}'
        . '\x{26F7}-\x{26FA}\x{26FD}\x{2702}\x{2705}\x{2708}-\x{270D}\x{270F}\x{2712}\x{2714}\x{2716}'
        . '\x{271D}\x{2721}\x{2728}\x{2733}-\x{2734}\x{2744}\x{2747}\x{274C}\x{274E}\x{2753}-\x{2755}'
        . '\x{2757}\x{2763}-\x{2764}\x{2795}-\x{2797}\x{27A1}\x{27B0}\x{27BF}\x{2934}-\x{2935}'
        . '\x{2B05}-\x{2B07}\x{2B1B}-\x{2B1C}\x{2B50}\x{2B55}\x{303D}\x{1F004}\x{1F0CF}\x{1F170}-\x{1F171}'
        . '\x{1F17E}-\x{1F17F}\x{1F18E}\x{1F191}-\x{1F19A}\x{1F1E6}-\x{1F1FF}\x{1F300}-\x{1F321}'
        . '\x{1F324}-\x{1F393}\x{1F396}-\x{1F397}\x{1F399}-\x{1F39B}\x{1F39E}-\x{1F3F0}\x{1F3F3}-\x{1F3F5}'
        . '\x{1F3F7}-\x{1F4FD}\x{1F4FF}-\x{1F53D}\x{1F549}-\x{1F54E}\x{1F550}-\x{1F567}\x{1F56F}-\x{1F570}'
        . '\x{1F573}-\x{1F57A}\x{1F587}\x{1F58A}-\x{1F58D}\x{1F590}\x{1F595}-\x{1F596}\x{1F5A4}-\x{1F5A5}'
        . '\x{1F5A8}\x{1F5B1}-\x{1F5B2}\x{1F5BC}\x{1F5C2}-\x{1F5C4}\x{1F5D1}-\x{1F5D3}\x{1F5DC}-\x{1F5DE}'
        . '\x{1F5E1}\x{1F5E3}\x{1F5E8}\x{1F5EF}\x{1F5F3}\x{1F5FA}-\x{1F64F}\x{1F680}-\x{1F6C5}'
        . '\x{1F6CB}-\x{1F6D2}\x{1F6D5}-\x{1F6D7}\x{1F6DC}-\x{1F6E5}\x{1F6E9}\x{1F6EB}-\x{1F6EC}\x{1F6F0}'
        . '\x{1F6F3}-\x{1F6FC}\x{1F7E0}-\x{1F7EB}\x{1F7F0}\x{1F90C}-\x{1F93A}\x{1F93C}-\x{1F945}'
        . '\x{1F947}-\x{1F9FF}\x{1FA70}-\x{1FAFF}';

    // Letters and marks that are displayed as nothing.
    private const IGNORABLE = '\x{34F}\x{115F}\x{1160}\x{17B4}\x{17B5}\x{180B}-\x{180F}\x{3164}\x{FE00}-\x{FE0F}\x{FFA0}\x{E0100}-\x{E01EF}';

    // Kana and Han; PCRE's \p{Katakana} differs between versions.
    private const JAPANESE = '\x{3005}-\x{3007}\x{3041}-\x{3096}\x{30A1}-\x{30FA}\x{31F0}-\x{31FF}\x{3400}-\x{4DBF}\x{4E00}-\x{9FFF}'
        . '\x{F900}-\x{FAFF}\x{FF66}-\x{FF9D}\x{20000}-\x{3FFFF}';

    /** Names of the invalid characters that people paste most. */
    private const NAMES = [
        '‐' => 'a hyphen of another kind', '‑' => 'a non-breaking hyphen', '–' => 'an en dash', '—' => 'an em dash', '−' => 'a minus sign',
        "\u{AD}" => 'a soft hyphen', "\u{200B}" => 'a zero-width space', "\u{2060}" => 'a word joiner', "\u{FEFF}" => 'a byte-order mark',
        '•' => 'a bullet', '‣' => 'a bullet', '◦' => 'a bullet', '⁃' => 'a bullet', '●' => 'a bullet', '■' => 'a bullet',
        '·' => 'a middle dot', '・' => 'a middle dot', ',' => 'a comma', ';' => 'a semicolon', '…' => 'an ellipsis',
    ];

    /** The broken rule and remedy of the first invalid character; empty if all are allowed. */
    public static function violation(string $name): string
    {
        if (preg_match('/^[A-Za-z0-9.*-]*\z/', $name) === 1) {
            return ''; // plain ASCII
        }
        $all = self::split($name);
        foreach ($all as $i => $c) {
            if (!self::isAllowedAt($all, $i)) {
                return self::describe($c, $i + 1);
            }
        }
        return '';
    }

    /** Replaces or removes the invalid characters of a name; empty if it can't be known what one was meant to be. */
    public static function replaceInvalid(string $name): string
    {
        $cleaned = '';
        $all = self::split($name);
        foreach ($all as $i => $c) {
            if (self::isAllowedAt($all, $i)) {
                $cleaned .= $c;
            } elseif ($c === '_' || $c === '＿' || self::isDash($c)) {
                $cleaned .= '-';
            } elseif ($c === '＊') {
                $cleaned .= '*';
            } elseif (!self::isQuote($c) && !self::isInvisible($c)) {
                return '';
            }
        }
        return $cleaned;
    }

    /** Removes quotes, brackets and other signs from a word's ends. A leading asterisk or underscore stays. */
    public static function trimPunctuation(string $word): string
    {
        $letters = '\p{L}\p{Nd}' . self::EMOJI;
        return (string) preg_replace('/[^' . $letters . '\p{Mn}\p{Mc}\x{FE0F}\x{20E3}]+\z|^[^' . $letters . '*＊_\/]+/u', '', $word);
    }

    public static function hasLetterOrDigit(string $word): bool
    {
        return self::is('\p{L}\p{Nd}', $word);
    }

    /**
     * Whether a host name may have the character at $i. It allows asterisks; Hostname checks wildcards.
     *
     * @param string[] $all
     */
    private static function isAllowedAt(array $all, int $i): bool
    {
        $before = $all[$i - 1] ?? '';
        $after = $all[$i + 1] ?? '';
        switch ($all[$i]) {
            case '－':
            case "\u{200C}": // CONTEXTJ: IDNA checks these two
            case "\u{200D}":
            case "\u{06FD}": // RFC 5892, section 2.6: allowed by name
            case "\u{06FE}":
            case "\u{0F0B}":
            case "\u{3007}":
                return true;
            case '·': // from here CONTEXTO, RFC 5892, appendix A.3 to A.7
                return strtolower($before) === 'l' && strtolower($after) === 'l';
            case "\u{0375}":
                return self::is('\x{370}-\x{3FF}\x{1F00}-\x{1FFF}', $after);
            case "\u{05F3}":
            case "\u{05F4}":
                return self::is('\x{5D0}-\x{5F2}', $before);
            case "\u{30FB}":
            case "\u{FF65}":
                return self::is(self::JAPANESE, self::labelAround($all, $i));
            case "\u{FE0F}": // shows the character before it as an emoji; IDNA drops it
                return self::is(self::EMOJI . '0-9', $before);
            case "\u{20E3}": // makes a keycap of a digit
                return self::is('\x{FE0F}0-9', $before);
        }
        if (strlen($all[$i]) === 1) {
            return self::is('a-zA-Z0-9.*-', $all[$i]);
        }
        return self::is(self::EMOJI, $all[$i]) || (self::is('\p{L}\p{Mn}\p{Mc}\p{Nd}', $all[$i])
            && !self::is(self::IGNORABLE . '\x{2135}-\x{2138}\x{640}\x{7FA}\x{302E}\x{302F}\x{3031}-\x{3035}\x{303B}', $all[$i]));
    }

    /** @param string[] $all */
    private static function labelAround(array $all, int $i): string
    {
        $label = '';
        for ($j = $i; $j >= 0 && $all[$j] !== '.'; $j--) {
            $label = $all[$j] . $label;
        }
        for ($j = $i + 1; $j < count($all) && $all[$j] !== '.'; $j++) {
            $label .= $all[$j];
        }
        return $label;
    }

    private static function describe(string $c, int $position): string
    {
        $what = self::NAMES[$c] ?? '';
        $remedy = 'remove it';
        if (self::isDash($c)) {
            $remedy = 'use a plain hyphen (-)';
            $what = $what !== '' ? $what : 'a dash';
        } elseif ($what === '') {
            if (self::isQuote($c)) {
                $what = 'a quotation mark';
            } elseif (self::isInvisible($c)) {
                $what = 'an invisible character';
            } else {
                $what = self::is('\p{L}\p{M}\p{N}\p{P}\p{S}', $c) ? 'the character "' . $c . '"' : 'a character';
            }
        }
        return sprintf("it has %s (U+%04X) at position %d, which host names don't allow; %s", $what, self::codePoint($c), $position, $remedy);
    }

    private static function isDash(string $c): bool
    {
        return self::is('\p{Pd}\x{2212}', $c);
    }

    private static function isQuote(string $c): bool
    {
        return self::is('\p{Pi}\p{Pf}"\'`´‚„′″‵‶＂＇', $c);
    }

    private static function isInvisible(string $c): bool
    {
        return self::is('\p{Cc}\p{Cf}' . self::IGNORABLE, $c);
    }

    /** Whether one of the characters is in a PCRE class. */
    private static function is(string $class, string $c): bool
    {
        return preg_match('/[' . $class . ']/u', $c) === 1;
    }

    /** @return string[] */
    private static function split(string $name): array
    {
        return (array) preg_split('//u', $name, -1, PREG_SPLIT_NO_EMPTY);
    }

    /** The code point of a character; mbstring may be missing. */
    private static function codePoint(string $c): int
    {
        $bytes = array_values((array) unpack('C*', $c));
        $n = count($bytes) === 1 ? $bytes[0] : $bytes[0] & (0x7F >> count($bytes));
        foreach (array_slice($bytes, 1) as $byte) {
            $n = $n << 6 | $byte & 0x3F;
        }
        return $n;
    }
}
