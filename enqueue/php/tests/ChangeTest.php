<?php

declare(strict_types=1);

namespace Pilotsync\Tests;

use PHPUnit\Framework\TestCase;
use Pilotsync\Change;

final class ChangeTest extends TestCase
{
    /** @dataProvider times */
    public function testTheTimeIsWrittenAsGoWritesIt(string $seconds, string $micros, string $want): void
    {
        $change = new Change('app1', 'example.com', false, []);
        $change->number(7, $seconds, $micros);
        $this->assertSame($want, json_decode($change->payload(), true)['requested_at']);
    }

    /** @return array<string, array{string, string, string}> */
    public function times(): array
    {
        return [
            'all six digits' => ['1772366400', '123456', '2026-03-01T12:00:00.123456Z'],
            'zeros in front are kept' => ['1772366400', '42', '2026-03-01T12:00:00.000042Z'],
            'zeros at the end are not' => ['1772366400', '120000', '2026-03-01T12:00:00.12Z'],
            'a whole second has no fraction' => ['1772366400', '0', '2026-03-01T12:00:00Z'],
        ];
    }
}
