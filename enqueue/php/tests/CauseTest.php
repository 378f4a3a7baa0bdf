<?php

declare(strict_types=1);

namespace Pilotsync\Tests;

use PHPUnit\Framework\TestCase;
use Pilotsync\Cause;
use Pilotsync\Causes;

final class CauseTest extends TestCase
{
    public function testRendersEveryCodeAsGoDoes(): void
    {
        $codes = [];
        foreach (json_decode((string) file_get_contents(__DIR__ . '/../../../tasks/testdata/causes.json'), true) as $case) {
            $cause = Cause::read($case);
            $codes[$cause->code] = true;
            self::assertSame([$case['sentence'], $case['remedy'], $case['problem']], [$cause->sentence(), $cause->remedy(), $cause->isProblem()], $cause->code);
            self::assertSame(array_intersect_key($case, ['cause' => 1, 'params' => 1]), $cause->members());
        }
        self::assertSame([], array_diff_key(Causes::ALL, $codes), 'codes without a case');
    }

    public function testTakesParametersOfAnyType(): void
    {
        foreach ([null, 7, 'x', [], ['cause' => 7], ['cause' => '', 'params' => ['name' => 'x']]] as $json) {
            self::assertSame([], Cause::read($json)->members());
        }
        $params = ['name' => ['x'], 'found' => [7, '203.0.113.9'], 'expected' => 'x', 'until' => 'never', 'count' => '7', 'rule' => [], 'by' => "\xff"];
        foreach (Causes::ALL as $code => $texts) {
            $cause = new Cause($code, $params);
            self::assertStringNotContainsString('{', $cause->sentence() . $cause->remedy());
        }
        self::assertSame(' points to 203.0.113.9', (new Cause('DNSElsewhere', $params))->sentence());
    }

    public function testFillsTranslations(): void
    {
        $cause = new Cause('DNSElsewhere', ['name' => 'example.com', 'found' => ['1', '2', '3', '4', '5']]);
        self::assertSame('1, 2, 3 und 2 weitere: example.com', $cause->fill('{found}: {name}[ auf {expected}]', Causes::RULES, ['{items} und {count} weitere', '', '']));
        self::assertSame('nie', (new Cause('NameNotCertifiable', ['rule' => 'wildcard']))->fill('{rule}', ['wildcard' => 'nie']));
    }
}
