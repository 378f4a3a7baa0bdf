<?php

declare(strict_types=1);

namespace Pilotsync\Tests;

use PHPUnit\Framework\TestCase;
use Pilotsync\Protobuf;

final class ProtobufTest extends TestCase
{
    /** The examples of the specification, and the limits of each length. */
    public function testFollowsTheSpecification(): void
    {
        self::assertSame('089601', bin2hex(Protobuf::int(1, 150)));
        self::assertSame('120774657374696e67', bin2hex(Protobuf::bytes(2, 'testing')));
        self::assertSame('', Protobuf::int(5, 0) . Protobuf::bytes(2, ''));
        self::assertSame('087f', bin2hex(Protobuf::int(1, 127)));
        self::assertSame('088001', bin2hex(Protobuf::int(1, 128)));
        self::assertSame('08ffffffffffffffff7f', bin2hex(Protobuf::int(1, PHP_INT_MAX)));
        self::assertSame('08feffffffffffffffff01', bin2hex(Protobuf::int(1, -2)));
        self::assertSame('08808080808080808080' . '01', bin2hex(Protobuf::int(1, PHP_INT_MIN)));
        self::assertSame('8201' . '01' . '61', bin2hex(Protobuf::bytes(16, 'a')));
        self::assertSame('0a' . '8001' . str_repeat('61', 128), bin2hex(Protobuf::bytes(1, str_repeat('a', 128))));
    }
}
