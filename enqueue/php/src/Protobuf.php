<?php

declare(strict_types=1);

namespace Pilotsync;

/**
 * Encodes the protocol buffer fields of asynq's task message as in proto3: a field with its zero
 * value is omitted. See https://protobuf.dev/programming-guides/encoding/.
 */
final class Protobuf
{
    /**
     * A field of type string or bytes. A string must be UTF-8, or asynq can't decode the message.
     */
    public static function bytes(int $field, string $value): string
    {
        return $value === '' ? '' : self::varint($field << 3 | 2) . self::varint(strlen($value)) . $value;
    }

    /**
     * A field of type int32 or int64. Negative values take the ten bytes of their two's
     * complement.
     */
    public static function int(int $field, int $value): string
    {
        return $value === 0 ? '' : self::varint($field << 3) . self::varint($value);
    }

    /** Seven bits a byte, the lowest first; each byte but the last has its high bit set. */
    private static function varint(int $value): string
    {
        $out = '';
        while ($value < 0 || $value > 0x7F) {
            $out .= chr($value & 0x7F | 0x80);
            $value = $value >> 7 & PHP_INT_MAX >> 6; // PHP's >> keeps the sign; a varint is unsigned
        }
        return $out . chr($value);
    }
}
