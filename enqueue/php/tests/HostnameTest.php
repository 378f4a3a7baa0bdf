<?php

declare(strict_types=1);

namespace Pilotsync\Tests;

use PHPUnit\Framework\TestCase;
use Pilotsync\Exception\InvalidDomain;
use Pilotsync\Hostname;
use Pilotsync\PublicSuffix;

final class HostnameTest extends TestCase
{
    private const TABLES = __DIR__ . '/../../../tasks/testdata/';

    /** @return iterable<string, array{array<string, string>}> */
    public function table(): iterable
    {
        foreach (json_decode((string) file_get_contents(self::TABLES . 'hostnames.json'), true) as $i => $case) {
            yield $i . ' ' . substr($case['in'], 0, 60) => [$case];
        }
    }

    /**
     * @dataProvider table
     * @param array<string, string> $case
     */
    public function testFollowsTheTableOfTheGoTests(array $case): void
    {
        if (!function_exists('idn_to_ascii')) {
            self::markTestSkipped("needs PHP's extension intl");
        }
        try {
            $got = ['out' => Hostname::parse($case['in'])];
            self::assertSame($got['out'], Hostname::parse($got['out']), 'a canonical name must not change');
        } catch (InvalidDomain $e) {
            $got = ['error' => $e->ruleCode()] + array_filter(['suggestion' => $e->suggestion()]);
            self::assertStringContainsString($case['says'] ?? '', $e->rule());
            self::assertSame($case['in'], $e->input());
            self::assertStringContainsString('; ', $e->rule(), "the rule doesn't say what to do");
            $meant = $e->suggestion() === '' ? '' : ' (did you mean ' . $e->suggestion() . '?)';
            self::assertStringEndsWith($e->rule() . $meant, $e->getMessage());
        }
        self::assertSame(array_diff_key($case, ['in' => '', 'says' => '']), $got);
    }

    public function testAcceptsTheDomainsOfTheWwwTable(): void
    {
        $cases = json_decode((string) file_get_contents(self::TABLES . 'www.json'), true);
        self::assertNotEmpty($cases);
        foreach ($cases as $case) {
            self::assertSame($case['domain'], Hostname::parse($case['domain']));
        }
    }

    public function testMessagesAreSafeToPrint(): void
    {
        foreach (["\x1b[31m.com" => '"\u001b[31m.com"', "\xff.com" => "\"\u{FFFD}.com\"", str_repeat('ü', 300) . '.com' => '"' . str_repeat('ü', 80) . '…"'] as $in => $shown) {
            try {
                Hostname::parse($in);
                self::fail($in . ' was taken');
            } catch (InvalidDomain $e) {
                self::assertStringStartsWith('domain ' . $shown . ' is refused: ', $e->getMessage());
            }
        }
    }

    public function testWithoutIntlOnlyAsciiNamesAreAccepted(): void
    {
        $code = 'require $argv[1]; $c = $argv[2]; if (function_exists("idn_to_ascii")) { exit("intl is there"); }'
            . 'try { echo Pilotsync\Hostname::parse($c); } catch (Pilotsync\Exception\InvalidDomain $e) { echo $e->ruleCode(), " ", $e->rule(); }';
        $parse = static function (string $name) use ($code): string {
            // -n: without php.ini there are only built-in extensions.
            $command = [PHP_BINARY, '-n', '-r', $code, '--', __DIR__ . '/../autoload.php', $name];
            return (string) shell_exec(implode(' ', array_map('escapeshellarg', $command)) . ' 2>&1');
        };
        self::assertSame('my--shop.example.com', $parse('My--Shop.Example.com.'));
        self::assertStringStartsWith('suffix ', $parse('co.uk'));
        self::assertStringStartsWith('idna it has an en dash (U+2013) at position 2', $parse('a–b.com'));
        foreach (['münchen.de', 'xn--mnchen-3ya.de'] as $name) {
            self::assertStringStartsWith("idna it is an international name, and this PHP can't check those; install PHP's extension intl", $parse($name));
        }
    }

    public function testKnowsTheThreeKindsOfPublicSuffixRules(): void
    {
        $want = ['co.uk' => true, 'example.co.uk' => false, 'foo.ck' => true, 'www.ck' => false, 'a.www.ck' => false, 'a.foo.ck' => false,
            'foo.kawasaki.jp' => true, 'city.kawasaki.jp' => false, 'kawasaki.jp' => false, 'foo.unknowntld' => false, 'github.io' => true];
        foreach ($want as $name => $is) {
            self::assertSame($is, PublicSuffix::is($name), $name);
        }
    }
}
