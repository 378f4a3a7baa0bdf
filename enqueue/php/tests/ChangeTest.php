<?php

declare(strict_types=1);

namespace Pilotsync\Tests;

use PHPUnit\Framework\TestCase;
use Pilotsync\Change;

final class ChangeTest extends TestCase
{
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
}
