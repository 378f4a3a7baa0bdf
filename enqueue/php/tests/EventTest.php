<?php

declare(strict_types=1);

namespace Pilotsync\Tests;

use PHPUnit\Framework\TestCase;
use Pilotsync\WordPress\Event;
use Pilotsync\WordPress\Log;
use Pilotsync\WordPress\Signature;

require_once __DIR__ . '/../wordpress/src/Event.php';
require_once __DIR__ . '/../wordpress/src/Log.php';
require_once __DIR__ . '/../wordpress/src/Signature.php';

/** What a signed webhook may make the plugin store, log and ignore. */
final class EventTest extends TestCase
{
    private const NOW = 1772366400; // 2026-03-01T12:00:00Z

    /** @param array<string, mixed> $fields */
    private static function parse(array $fields): ?Event
    {
        return Event::parse($fields + ['type' => 'domain.state', 'app_id' => 'app1', 'at' => '2026-03-01T12:00:00Z', 'domain' => 'a.example.com', 'state' => 'done']);
    }

    /** @dataProvider times */
    public function testTheFutureIsRefusedAndHidesNothing(string $at, bool $ahead): void
    {
        $event = self::parse(['at' => $at]);
        self::assertNotNull($event);
        self::assertSame($ahead, $event->is_ahead(self::NOW));
        $now = self::parse([]);
        self::assertNotNull($now);
        self::assertSame($ahead, $now->is_later($event->at, self::NOW), 'after an event of that time was applied');
    }

    /** @return array<string, array{string, bool}> */
    public static function times(): array
    {
        return [
            'the same time' => ['2026-03-01T12:00:00Z', false],
            'as much ahead as clocks may differ' => ['2026-03-01T12:05:00.999999Z', false],
            'a second more' => ['2026-03-01T12:05:01Z', true],
            'another zone' => ['2026-03-01T13:05:01+01:00', true],
            'for ever' => ['9999-12-31T23:59:59Z', true],
        ];
    }

    public function testAnEventIsLaterThanWhatWasAppliedBefore(): void
    {
        $event = self::parse(['at' => '2026-03-01T11:59:59.5Z']);
        self::assertNotNull($event);
        self::assertTrue($event->is_later('', self::NOW));
        self::assertTrue($event->is_later('2026-03-01T11:59:59.499999Z', self::NOW));
        self::assertFalse($event->is_later('2026-03-01T11:59:59.500000Z', self::NOW));
        self::assertFalse($event->is_later('2026-03-01T12:04:59.000000Z', self::NOW));
    }

    /**
     * @dataProvider oddFields
     * @param mixed $value
     */
    public function testOddNamesAreRefused(string $field, $value): void
    {
        self::assertNotNull(self::parse([]));
        self::assertNull(self::parse(['type' => $field === 'ledger' ? 'ledger.lost' : 'domain.state', 'ledger' => 'L1', $field => $value]));
    }

    /** @return iterable<string, array{string, mixed}> */
    public static function oddFields(): iterable
    {
        $long = str_repeat('a', 300);
        foreach (['type', 'app_id', 'at', 'domain', 'state', 'ledger'] as $field) {
            foreach (['too long' => $long, 'a line break' => "a\n", 'an escape' => "a\x1b[2J", 'invisible' => "a\u{202e}b", 'empty' => '', 'no text' => ['a'], 'missing' => null] as $what => $value) {
                yield "$field: $what" => [$field, $value];
            }
        }
        yield 'a path' => ['domain', '../../x'];
        yield 'a space' => ['domain', 'a b'];
        yield 'invalid UTF-8' => ['domain', "a\xff"];
    }

    public function testTextsHaveOneVisibleLineAndABound(): void
    {
        $event = self::parse(['reason' => "a\x1b[31m\r\n\u{202e}ü\0" . str_repeat('x', 5000), 'warnings' => array_fill(0, 100, ['cause' => 'DNSNoRecords'])]);
        self::assertNotNull($event);
        self::assertStringStartsWith('a [31m   ü x', $event->reason);
        self::assertSame(2000, mb_strlen($event->reason));
        self::assertCount(20, $event->warnings);
        self::assertSame('no UTF-8: ?', Log::printable("no UTF-8: \xff", 100));
        self::assertSame('ab…', Log::printable('abcd', 3));
    }

    public function testAShortSecretVerifiesNothing(): void
    {
        $long = 'whsec_' . base64_encode(str_repeat('k', 24));
        foreach ([[$long, ''], ['whsec_' . base64_encode('k'), 'the signature is wrong'], ['whsec_', 'the signature is wrong'], [base64_encode(str_repeat('k', 24)), 'the signature is wrong']] as [$secret, $want]) {
            $key = (string) base64_decode(str_replace('whsec_', '', $secret), true);
            $signature = 'v1,' . base64_encode(hash_hmac('sha256', 'id.' . self::NOW . '.body', $key, true));
            self::assertSame($want, Signature::problem([$secret], 'id', (string) self::NOW, $signature, 'body', self::NOW), $secret);
        }
    }
}
