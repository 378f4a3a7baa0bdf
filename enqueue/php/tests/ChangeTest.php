<?php

declare(strict_types=1);

namespace Pilotsync\Tests;

use PHPUnit\Framework\TestCase;
use Pilotsync\Change;

final class ChangeTest extends TestCase
{
    /** @dataProvider times */
    public function testTheTimeHasGosFormat(string $seconds, string $micros, string $want): void
    {
        $change = new Change('app1', 'example.com', false, []);
        $change->number(7, $seconds, $micros);
        $this->assertSame($want, json_decode($change->payload(), true)['requested_at']);
    }

    /**
     * @dataProvider invalidAttempts
     * @param mixed $attempts
     */
    public function testAnInvalidLimitOfAttemptsIsRefused($attempts, bool $remove, string $want): void
    {
        $this->expectException(\Pilotsync\Exception\InvalidInput::class);
        $this->expectExceptionMessage($want);
        new Change('app1', 'example.com', $remove, ['attempts' => $attempts]);
    }

    /** @return array<string, array{mixed, bool, string}> */
    public function invalidAttempts(): array
    {
        return [
            'zero' => [0, false, 'attempts is 0; it takes a whole number from 1 to 20'],
            'too many' => [21, false, 'attempts is 21; it takes a whole number from 1 to 20'],
            'a string' => ['7', false, 'attempts is "7"; it takes a whole number from 1 to 20'],
            'a fraction' => [1.5, false, 'attempts is 1.5; it takes a whole number from 1 to 20'],
            'in a removal' => [7, true, 'attempts is 7 in a removal; only an addition takes it'],
        ];
    }

    /** @return array<string, array{string, string, string}> */
    public function times(): array
    {
        return [
            'six digits' => ['1772366400', '123456', '2026-03-01T12:00:00.123456Z'],
            'leading zeros are kept' => ['1772366400', '42', '2026-03-01T12:00:00.000042Z'],
            'trailing zeros are dropped' => ['1772366400', '120000', '2026-03-01T12:00:00.12Z'],
            'a whole second has no fraction' => ['1772366400', '0', '2026-03-01T12:00:00Z'],
        ];
    }
}
